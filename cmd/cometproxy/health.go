package main

import (
	"fmt"
	"io"
)

const healthUsage = `
Usage: cometproxy health [flags]

Asks a running cometproxy whether it takes clients, and exits with 0 if it does:
for health checks where there is no curl, as in a container.
`

// runHealth asks the running process through its internal listener.
func runHealth(args []string, stdout, stderr io.Writer) int {
	flags := newFlags("health", healthUsage, stdout)
	file := flags.String("config", "", "`FILE` that names the internal listener (default "+defaultConfig+", or the defaults if there is none)")
	address := flags.String("url", "", "`URL` of the internal listener instead of the configuration's: http://host:port or unix:/path")
	probe := flags.String("probe", "ready", "`WHICH`: ready, or live, which a process that ends in order or is full still is")
	if code, done := parseFlags(flags, args, stderr); done {
		return code
	}
	if flags.NArg() > 0 {
		return usageError(stderr, "health", "unexpected %q", flags.Arg(0))
	}
	if *probe != "ready" && *probe != "live" {
		return usageError(stderr, "health", "-probe is ready or live, not %q", *probe)
	}
	var to inside
	why := to.locate(*file, *address)
	if why == "" {
		if _, err := to.get("/health/" + *probe); err != nil {
			why = err.Error()
		}
	}
	if why != "" {
		fmt.Fprintf(stderr, "cometproxy health: %s\n", why)
		return exitFailed
	}
	fmt.Fprintln(stdout, *probe)
	return exitOK
}
