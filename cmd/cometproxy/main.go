// Command cometproxy is a reverse proxy that keeps thousands of long polls open.
package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"cometproxy/cmd/cometproxy/internal/config"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// A command is one verb of the command line, in a file of its own.
type command struct {
	name    string
	summary string
	run     func(args []string, stdout, stderr io.Writer) int
}

// commands in the order that help lists them.
var commands []command

// completion looks at the list, which so cannot be made where it is declared.
func init() {
	commands = []command{
		{"serve", "run with a configuration", runServe},
		{"demo", "run with a built-in demo app", runDemo},
		{"check", "read a configuration strictly and name every problem", runCheck},
		{"reload", "have a running cometproxy read its configuration again", runReload},
		{"config", "print the configuration in effect", runConfig},
		{"channels", "list the channels of a running cometproxy", runChannels},
		{"doctor", "tell what stands between clients and cometproxy, and what to set there", runDoctor},
		{"tail", "follow channels as a client does", runTail},
		{"publish", "publish one message through the internal listener", runPublish},
		{"health", "ask a running cometproxy whether it takes clients", runHealth},
		{"completion", "print a script that completes commands in a shell", runCompletion},
		{"version", "print the version", runVersion},
	}
}

// defaultConfig is the file that is read when none is named.
const defaultConfig = "cometproxy.toml"

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run finds the command; without one, or with flags only, it is serve.
func run(args []string, stdout, stderr io.Writer) int {
	name := "serve"
	if len(args) > 0 {
		switch args[0] {
		case "help", "-h", "-help", "--help":
			return runHelp(args[1:], stdout, stderr)
		case "-version", "--version":
			return runVersion(nil, stdout, stderr)
		}
		if !strings.HasPrefix(args[0], "-") {
			name, args = args[0], args[1:]
		}
	}
	if c := commandOf(name); c != nil {
		return c.run(args, stdout, stderr)
	}
	fmt.Fprintf(stderr, "cometproxy: there is no command %q. Try: cometproxy help\n", name)
	return exitUsage
}

func commandOf(name string) *command {
	for i := range commands {
		if commands[i].name == name {
			return &commands[i]
		}
	}
	return nil
}

// runHelp prints the overview, or the help of one command.
func runHelp(args []string, stdout, stderr io.Writer) int {
	unexpected := func() int {
		fmt.Fprintf(stderr, "cometproxy help: unexpected %q. Try: cometproxy help %s\n", args[1], args[0])
		return exitUsage
	}
	if len(args) > 0 && args[0] == "config" {
		if len(args) > 1 {
			return unexpected()
		}
		fmt.Fprint(stdout, config.Reference())
		return exitOK
	}
	if len(args) > 0 {
		if c := commandOf(args[0]); c != nil {
			if len(args) > 1 {
				return unexpected()
			}
			return c.run([]string{"-h"}, stdout, stderr)
		}
		fmt.Fprintf(stderr, "cometproxy: there is no command %q. Try: cometproxy help\n", args[0])
		return exitUsage
	}
	fmt.Fprint(stdout, "cometproxy is a reverse proxy that keeps thousands of long polls open.\n\nUsage: cometproxy COMMAND [flags]\n\n")
	for _, c := range commands {
		fmt.Fprintf(stdout, "  %-10s %s\n", c.name, c.summary)
	}
	fmt.Fprint(stdout, `
Without a command, or with flags only, it is serve.
cometproxy help COMMAND explains one; cometproxy help config lists every key of
the configuration, which is `+defaultConfig+` unless -config FILE says otherwise.
The exit code is 0 if all went well, 1 if something failed, 2 if the command line
is wrong.
`)
	return exitOK
}
