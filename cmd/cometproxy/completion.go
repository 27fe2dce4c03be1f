package main

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
)

const completionUsage = `
Usage: cometproxy completion bash|zsh|fish

Prints a script that completes commands, their flags and file names in a shell.

Examples:
  cometproxy completion bash > /etc/bash_completion.d/cometproxy
  cometproxy completion zsh > "${fpath[1]}/_cometproxy"
  cometproxy completion fish > ~/.config/fish/completions/cometproxy.fish
`

// A completed command is what its help says of it.
type completed struct {
	Name, Summary string
	Flags         []completedFlag
	Words         string // that may follow, besides flags
}

type completedFlag struct {
	Name, Value, Text string
	Words             string // what the value can be, if that is known
}

// File reports that a file's name follows.
func (f completedFlag) File() bool { return f.Value == "FILE" }

// values are what flags of commands can be.
var values = map[string]string{
	"channels -sort": "name waiters messages oldest",
	"health -probe":  "ready live",
	"tail -from":     "now earliest",
}

var flagLine = regexp.MustCompile(`(?m)^  -(\S+)(?: ([A-Z]\S*))?  +(.+)$`)

// runCompletion prints a script.
func runCompletion(args []string, stdout, stderr io.Writer) int {
	flags := newFlags("completion", completionUsage, stdout)
	if code, done := parseFlags(flags, args, stderr); done {
		return code
	}
	script := completions[flags.Arg(0)]
	if flags.NArg() != 1 || script == nil {
		return usageError(stderr, "completion", "name one shell: bash, zsh or fish")
	}
	var all []completed
	for i := range commands {
		all = append(all, completedOf(&commands[i]))
	}
	if err := script.Execute(stdout, map[string]any{"Commands": all}); err != nil {
		fmt.Fprintf(stderr, "cometproxy completion: %v\n", err)
		return exitFailed
	}
	return exitOK
}

// completedOf reads a command's own help, so that the two cannot differ.
func completedOf(c *command) completed {
	d := completed{Name: c.name, Summary: c.summary}
	if c.name == "completion" {
		d.Words = "bash zsh fish"
		return d
	}
	var help bytes.Buffer
	c.run([]string{"-h"}, &help, io.Discard)
	_, table, _ := strings.Cut(help.String(), "\nFlags:\n")
	for _, m := range flagLine.FindAllStringSubmatch(table, -1) {
		d.Flags = append(d.Flags, completedFlag{Name: m[1], Value: m[2], Text: m[3], Words: values[c.name+" -"+m[1]]})
	}
	return d
}
