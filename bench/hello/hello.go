package main

import "fmt"

func main() {
	words := make(chan string)
	go func() { words <- "hello" }()
	fmt.Println(<-words)
}
