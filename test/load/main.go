// Command load measures a built cometproxy under many real clients.
//
//	go run ./test/load park -clients 15000
//
// Each measurement is a subcommand in a file of its own. What they share is the
// server under test (server.go), the clients (client.go) and the report
// (report.go). Linux only: memory is read from /proc.
package main

import (
	"fmt"
	"os"
)

// A command is one measurement.
type command struct {
	name    string
	summary string
	run     func(args []string) error
}

var commands = []command{
	{"park", "memory of each parked client, and whether it comes back when they leave", runPark},
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 {
		for _, c := range commands {
			if c.name == args[0] {
				return c.run(args[1:])
			}
		}
	}
	text := "name a measurement, -h after it lists its flags:"
	for _, c := range commands {
		text += fmt.Sprintf("\n  %-8s %s", c.name, c.summary)
	}
	return fmt.Errorf("%s", text)
}
