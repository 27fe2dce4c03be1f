package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"

	"cometproxy/cmd/cometproxy/internal/config"
	"cometproxy/cmd/cometproxy/internal/demo"
)

const demoUsage = `
Usage: cometproxy demo [-grip] [-listen ADDRESS] [-internal ADDRESS]

Runs a small status wall: a web app that answers one request at a time, on a port
of its own, and cometproxy in front of it. Open it in several windows.

With -grip people sign in, and a status goes to everybody or to some of them: the
app itself decides, poll by poll, who hears what.
`

// demoConfig is what a user would write for such an app, but for the addresses.
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
`

// demoRoutes is the rest of it when everybody may listen ...
const demoRoutes = `
[[route]]
path     = "/events/wall"
channels = ["wall"]

[[route]]
path    = "/"
backend = "wall"
`

// ... and demoGrip when the app decides who may: all goes there, signed.
const demoGrip = `
[grip]
sig_key = %q
`

// A wall is the app in one of its forms, with what the proxy has to know of it.
type wall struct {
	app    http.Handler
	config string
	banner func(publicURL, internalURL string) string
}

func newWall(grip bool, public, internal string, app net.Addr) wall {
	common := fmt.Sprintf(demoConfig, public, internal, app)
	if !grip {
		return wall{demo.New("http://" + internal), common + demoRoutes, demo.Banner}
	}
	key := rand.Text()
	return wall{demo.NewGrip("http://"+internal, key), common + fmt.Sprintf(demoGrip, key), demo.GripBanner}
}

// runDemo runs the wall and the proxy in front of it until a signal ends both.
func runDemo(args []string, stdout, stderr io.Writer) int {
	flags := newFlags("demo", demoUsage, stdout)
	public := flags.String("listen", "127.0.0.1:8000", "`ADDRESS` for browsers; default 127.0.0.1:8000")
	grip := flags.Bool("grip", false, "people sign in, and the app decides who hears what")
	internal := flags.String("internal", "127.0.0.1:5561", "loopback `ADDRESS` for publishing; default 127.0.0.1:5561")
	if code, done := parseFlags(flags, args, stderr); done {
		return code
	}
	if flags.NArg() > 0 {
		return usageError(stderr, "demo", "unexpected %q", flags.Arg(0))
	}
	if *public == *internal && !strings.HasSuffix(*public, ":0") {
		return usageError(stderr, "demo", "-listen and -internal are the same address, %s", *public)
	}
	if host, _, err := net.SplitHostPort(*internal); err == nil && !isLoopback(host) {
		return usageError(stderr, "demo", "-internal: %q has to be loopback, like \"127.0.0.1:5561\": whoever reaches it may publish", *internal)
	}
	app, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(stderr, "cometproxy demo: no port for the app: ", err)
		return exitFailed
	}
	wall := newWall(*grip, *public, *internal, app.Addr())
	c, problems := config.Parse("demo", []byte(wall.config))
	for i := range problems {
		problems[i].File, problems[i].Line, problems[i].Key = "cometproxy demo", 0, flagFor.Replace(problems[i].Key)
	}
	log, level := openLog(c, problems, stderr)
	if log == nil {
		return exitFailed
	}
	s, err := start(c, []byte(wall.config), log, level, "")
	if err != nil {
		fmt.Fprintf(stderr, "cometproxy demo: %s\n", flagFor.Replace(err.Error()))
		if errors.Is(err, syscall.EADDRINUSE) {
			other := freeAfter(*public, *internal)
			fmt.Fprintf(stderr, "Try: cometproxy demo -listen %s -internal %s\n", other, freeAfter(*internal, other))
		}
		return exitFailed
	}
	server := &http.Server{Handler: wall.app, ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(app)
	defer server.Close()
	fmt.Fprint(stdout, wall.banner("http://"+*public, "http://"+*internal))
	return s.untilSignal()
}

// flagFor turns keys of the configuration into the flags that set them.
var flagFor = strings.NewReplacer("public.listen", "-listen", "internal.listen", "-internal", "[public] listen", "-listen", "[internal] listen", "-internal")

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}

// freeAfter is the address, or one with the first higher port on which one can
// listen and that taken does not have.
func freeAfter(address, taken string) string {
	host, port, _ := net.SplitHostPort(address)
	_, not, _ := net.SplitHostPort(taken)
	first, _ := strconv.Atoi(port)
	for n := first; n < first+100 && n < 1<<16; n++ {
		next := net.JoinHostPort(host, strconv.Itoa(n))
		if ln, err := net.Listen("tcp", next); err == nil {
			ln.Close()
			if strconv.Itoa(n) != not {
				return next
			}
		}
	}
	return address
}
