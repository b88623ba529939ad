package main

import (
	"fmt"
	"net"
)

func tcpEcho() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	for {
		client, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go echo(client)
	}
}

// echo sends back what comes, until the client closes the connection or something fails.
func echo(client net.Conn) {
	defer client.Close()
	buffer := make([]byte, get("buffer", 4096))
	for {
		read, err := client.Read(buffer)
		if err != nil {
			return
		}
		if _, err := client.Write(buffer[:read]); err != nil {
			return
		}
	}
}
