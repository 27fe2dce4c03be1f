package main

import (
	"fmt"
	"io"
	"strings"

	"cometproxy/cmd/cometproxy/internal/config"
)

const checkUsage = `
Usage: cometproxy check [-config FILE]

Reads the configuration strictly and prints every problem with its line, warns
of what is legal but unwise, and says which channels are public. Exits with 1 if
there is any problem; warnings alone are no failure.

Examples:
  cometproxy check
  cometproxy check -config /etc/cometproxy/cometproxy.toml
`

// runCheck reads a configuration and says what is wrong with it.
func runCheck(args []string, stdout, stderr io.Writer) int {
	flags := newFlags("check", checkUsage, stdout)
	file := flags.String("config", defaultConfig, "`FILE` to read (default "+defaultConfig+")")
	if code, done := parseFlags(flags, args, stderr); done {
		return code
	}
	if flags.NArg() > 0 {
		return usageError(stderr, "check", "unexpected %q; name the file with -config %s", flags.Arg(0), flags.Arg(0))
	}
	c, problems := config.Load(*file)
	fmt.Fprint(stdout, problems)
	if c == nil {
		fmt.Fprintf(stdout, "failed: %s: %s\n", *file, tally(problems))
		return exitFailed
	}
	for i := range c.Routes {
		if r := &c.Routes[i]; r.Native() {
			fmt.Fprintf(stdout, "PUBLIC  %s -> %s%s\n", r.Pattern(), strings.Join(r.Channels, ", "), openNote(r))
		}
	}
	fmt.Fprintf(stdout, "ok: %s: %s, %s", *file, plural(len(c.Routes), "route"), plural(len(c.Backends), "backend"))
	if n := len(problems); n > 0 {
		fmt.Fprintf(stdout, ", %s", plural(n, "warning"))
	}
	fmt.Fprintln(stdout)
	return exitOK
}

func openNote(r *config.Route) string {
	if r.Open {
		return "  (open: any channel)"
	}
	return ""
}

// tally is "2 problems, 1 warning".
func tally(problems config.Problems) string {
	text := plural(len(problems.Errors()), "problem")
	if n := len(problems.Warnings()); n > 0 {
		text += ", " + plural(n, "warning")
	}
	return text
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
