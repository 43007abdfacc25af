// Go as everybody writes it: a goroutine for each connection. `server echo`, `lines` or `http`; on one thread, as its peers.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
)

const readBytes = 64 * 1024

func echo(connection net.Conn) {
	defer connection.Close()
	buffer := make([]byte, 4096)
	for {
		length, err := connection.Read(buffer)
		if err != nil {
			return
		}
		if _, err := connection.Write(buffer[:length]); err != nil {
			return
		}
		// One that streams gets room for it.
		if length == len(buffer) && length < readBytes {
			buffer = make([]byte, readBytes)
		}
	}
}

func lines(connection net.Conn) {
	defer connection.Close()
	reader := bufio.NewReader(connection)
	for {
		line, err := reader.ReadSlice('\n')
		if err != nil {
			return
		}
		if _, err := connection.Write(line); err != nil {
			return
		}
	}
}

func main() {
	runtime.GOMAXPROCS(1)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("listening on %s\n", listener.Addr())
	if os.Args[1] == "http" {
		hello := func(response http.ResponseWriter, _ *http.Request) {
			response.Header().Set("Content-Type", "text/plain")
			io.WriteString(response, "Hello, World!\n")
		}
		http.Serve(listener, http.HandlerFunc(hello))
		return
	}
	serve := map[string]func(net.Conn){"echo": echo, "lines": lines}[os.Args[1]]
	for {
		connection, err := listener.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go serve(connection)
	}
}
