// gohttp ADDRESS FILE: one file over HTTP/1.1, by Go's net/http.
//
// The file is read at the start and served from memory, with the header fields that http_server sends;
// nothing is looked at in a request but its path. examples/http_server/compare.sh runs it.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: gohttp ADDRESS FILE")
	}
	content, err := os.ReadFile(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	length := strconv.Itoa(len(content))
	mux := http.NewServeMux()
	mux.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) {
		fields := w.Header()
		fields.Set("Server", "Go")
		fields.Set("Content-Type", "application/octet-stream")
		fields.Set("ETag", "\"1a2b3c-68abcdef.12345678-400\"")
		fields.Set("Last-Modified", "Sun, 09 Sep 2001 01:46:40 GMT")
		fields.Set("Accept-Ranges", "bytes")
		fields.Set("Content-Length", length)
		w.Write(content)
	})
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("serving http://%s/\n", listener.Addr())
	log.Fatal(http.Serve(listener, mux))
}
