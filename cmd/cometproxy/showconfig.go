package main

import (
	"fmt"
	"io"
	"os"

	"cometproxy/cmd/cometproxy/internal/config"
)

const configUsage = `
Usage: cometproxy config [-config FILE]

Prints the configuration in effect: every key with its value, those that FILE does
not say marked as defaults, secrets hidden. cometproxy help config explains each.
`

// runConfig prints the effective configuration.
func runConfig(args []string, stdout, stderr io.Writer) int {
	flags := newFlags("config", configUsage, stdout)
	file := flags.String("config", defaultConfig, "`FILE` to read (default "+defaultConfig+")")
	if code, done := parseFlags(flags, args, stderr); done {
		return code
	}
	if flags.NArg() > 0 {
		return usageError(stderr, "config", "unexpected %q; name the file with -config %s", flags.Arg(0), flags.Arg(0))
	}
	c, problems := config.Load(*file)
	if c == nil {
		fmt.Fprint(stderr, problems.Errors())
		return exitFailed
	}
	text, err := os.ReadFile(*file)
	if err == nil {
		var printed string
		if printed, err = config.Effective(text); err == nil {
			fmt.Fprint(stdout, printed)
			return exitOK
		}
	}
	fmt.Fprintf(stderr, "cometproxy config: %v\n", err)
	return exitFailed
}
