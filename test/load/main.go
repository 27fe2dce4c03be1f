// Command load measures a long-poll server under many real clients.
//
//	go run ./test/load fanout -clients 18000
//	go run ./test/load churn -server nchan
//	go run ./test/load park -poll 'http://127.0.0.1:8080/events/{channel}' -publish 'http://127.0.0.1:8080/send/{channel}' -pid 4711
//
// It starts the server, or takes one that runs. Each measurement is a subcommand
// in a file of its own, on the clients of internal/crowd and the servers of
// internal/servers. Linux only: the clients are bare epoll, and memory is read
// from /proc.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"cometproxy/test/load/internal/holders"
)

// A verb is one measurement.
type verb struct {
	name    string
	summary string
	run     func(args []string) error
}

var verbs = []verb{
	{"park", "memory of each parked client, and whether it comes back when they leave", runPark},
	{"fanout", "one message to all: when they have it, and what it costs the server", runFanout},
	{"churn", "a channel per client, published to again as soon as the client is back", runChurn},
	{"mixed", "small channels while a huge one fans out", runMixed},
	{"plain", "ordinary requests through cometproxy, nginx, HAProxy and Go's own reverse proxy", runPlain},
	{"slow", "ordinary requests and parked clients while thousands of others are slow on purpose", runSlow},
	{"serve", "NAME HOST:PORT: runs one of its own servers: floor, nethttp, app, pages", runServe},
}

func main() {
	err := run(os.Args[1:])
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 {
		for _, v := range verbs {
			if v.name == args[0] {
				return v.run(args[1:])
			}
		}
	}
	text := "name a measurement, -h after it lists its flags:"
	for _, v := range verbs {
		text += fmt.Sprintf("\n  %-8s %s", v.name, v.summary)
	}
	return errors.New(text)
}

func runServe(args []string) error {
	if len(args) != 2 {
		return errors.New("serve takes a server's name and its address")
	}
	return holders.Serve(args[0], args[1])
}
