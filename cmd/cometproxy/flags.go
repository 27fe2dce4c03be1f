package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// newFlags makes the flags of a command; its Usage writes to standard output.
func newFlags(name, usage string, stdout io.Writer) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {
		fmt.Fprintln(stdout, strings.TrimSpace(usage))
		width := 0
		head := func(f *flag.Flag) (string, string) {
			value, text := flag.UnquoteUsage(f)
			return strings.TrimSpace("-" + f.Name + " " + value), text
		}
		flags.VisitAll(func(f *flag.Flag) {
			name, _ := head(f)
			width = max(width, len(name))
		})
		if width > 0 {
			fmt.Fprint(stdout, "\nFlags:\n")
		}
		flags.VisitAll(func(f *flag.Flag) {
			name, text := head(f)
			fmt.Fprintf(stdout, "  %-*s  %s\n", width, name, text)
		})
	}
	return flags
}

// parseFlags returns the exit code and true if the command ends here. The usage
// is printed when it was asked for, not at a mistake.
func parseFlags(flags *flag.FlagSet, args []string, stderr io.Writer) (int, bool) {
	usage := flags.Usage
	flags.Usage = func() {}
	switch err := flags.Parse(args); {
	case err == nil:
		return exitOK, false
	case errors.Is(err, flag.ErrHelp):
		usage()
		return exitOK, true
	default:
		return usageError(stderr, flags.Name(), "%v", err), true
	}
}

// usageError says what is wrong with the command line.
func usageError(stderr io.Writer, name, format string, args ...any) int {
	fmt.Fprintf(stderr, "cometproxy %s: %s. Try: cometproxy %s -h\n", name, fmt.Sprintf(format, args...), name)
	return exitUsage
}
