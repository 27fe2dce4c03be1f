package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"cometproxy/cmd/cometproxy/internal/config"
	"cometproxy/cmd/cometproxy/internal/demo"
)

const demoUsage = `
Usage: cometproxy demo [-listen ADDRESS] [-internal ADDRESS]

Runs a small status wall: a web app that answers one request at a time, on a port
of its own, and cometproxy in front of it. Open it in several windows.
`

// demoConfig is what a user would write for such an app.
const demoConfig = `
[public]
listen = [%q]

[internal]
listen = [%q]
debug  = true

[log]
level = "warn"

[[backend]]
name = "wall"
urls = ["http://%s"]

[[route]]
path     = "/events/wall"
channels = ["wall"]

[[route]]
path    = "/"
backend = "wall"
`

// runDemo runs the wall and the proxy in front of it until a signal ends both.
func runDemo(args []string, stdout, stderr io.Writer) int {
	flags := newFlags("demo", demoUsage, stdout)
	public := flags.String("listen", "127.0.0.1:8000", "`ADDRESS` for browsers; default 127.0.0.1:8000")
	internal := flags.String("internal", "127.0.0.1:5561", "loopback `ADDRESS` for publishing; default 127.0.0.1:5561")
	if code, done := parseFlags(flags, args, stderr); done {
		return code
	}
	if flags.NArg() > 0 {
		return usageError(stderr, "demo", "unexpected %q", flags.Arg(0))
	}
	app, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(stderr, "cometproxy demo: no port for the app: ", err)
		return exitFailed
	}
	c, problems := config.Parse("demo", fmt.Appendf(nil, demoConfig, *public, *internal, app.Addr()))
	log := openLog(c, problems, stderr)
	if log == nil {
		return exitFailed
	}
	s, err := start(c, log)
	if err != nil {
		fmt.Fprintf(stderr, "cometproxy demo: %v (-listen and -internal choose other addresses)\n", err)
		return exitFailed
	}
	wall := &http.Server{Handler: demo.New("http://" + *internal), ReadHeaderTimeout: 10 * time.Second}
	go wall.Serve(app)
	defer wall.Close()
	fmt.Fprint(stdout, demo.Banner("http://"+*public, "http://"+*internal))
	return s.untilSignal()
}
