package main

import (
	"fmt"
	"io"
	"strings"

	"cometproxy/cmd/cometproxy/internal/config"
)

const checkUsage = `
Usage: cometproxy check [-strict] [-config FILE]

Reads the configuration strictly and prints every problem with its line, warns
of what is legal but unwise, and says which channels are public. It makes of it
all that serve does, but does not listen. Exits with 1 if there is any problem;
warnings alone are no failure, but with -strict.

Examples:
  cometproxy check
  cometproxy check -strict -config /etc/cometproxy/cometproxy.toml
`

// runCheck reads a configuration and says what is wrong with it.
func runCheck(args []string, stdout, stderr io.Writer) int {
	flags := newFlags("check", checkUsage, stdout)
	file := flags.String("config", defaultConfig, "`FILE` to read (default "+defaultConfig+")")
	strict := flags.Bool("strict", false, "warnings are a failure too")
	if code, done := parseFlags(flags, args, stderr); done {
		return code
	}
	if flags.NArg() > 0 {
		return usageError(stderr, "check", "unexpected %q; name the file with -config %s", flags.Arg(0), flags.Arg(0))
	}
	c, text, problems := config.LoadText(*file)
	if c != nil {
		problems = append(problems, try(*file, text, c)...).Sorted()
	}
	fmt.Fprint(stdout, problems)
	if len(problems.Errors()) > 0 {
		fmt.Fprintf(stdout, "failed: %s: %s\n", *file, tally(problems))
		return exitFailed
	}
	listPublic(stdout, c)
	word, code := "ok", exitOK
	if *strict && len(problems) > 0 {
		word, code = "failed", exitFailed
	}
	fmt.Fprintf(stdout, "%s: %s: %s, %s", word, *file, plural(len(c.Routes), "route"), plural(len(c.Backends), "backend"))
	if n := len(problems); n > 0 {
		fmt.Fprintf(stdout, ", %s", plural(n, "warning"))
	}
	fmt.Fprintln(stdout)
	return code
}

// listPublic says what everybody gets without the app, and what apps are told.
func listPublic(w io.Writer, c *config.Config) {
	for i := range c.Routes {
		if r := &c.Routes[i]; r.Native() {
			fmt.Fprintf(w, "PUBLIC  %s -> %s%s\n", r.Pattern(), strings.Join(r.Channels, ", "), openNote(r))
		}
	}
	if c.Public.Probe != "" {
		fmt.Fprintf(w, "PUBLIC  %s -> the probe of cometproxy doctor\n", c.Public.Probe)
	}
	for _, p := range c.Presence {
		path, _, _ := strings.Cut(p.Path, "?") // which may have a secret behind it
		fmt.Fprintf(w, "TOLD    %s, at %s: who is on %s\n", p.Backend, path, strings.Join(p.Channels, ", "))
	}
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
