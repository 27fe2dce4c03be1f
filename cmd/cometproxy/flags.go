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
		fmt.Fprintf(stdout, "%s\nFlags:\n", strings.TrimSpace(usage)+"\n")
		flags.VisitAll(func(f *flag.Flag) {
			value, text := flag.UnquoteUsage(f)
			fmt.Fprintf(stdout, "  %-15s %s\n", strings.TrimSpace("-"+f.Name+" "+value), text)
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
