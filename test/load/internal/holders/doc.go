// Package holders is servers that live in the load generator itself: the floor,
// a plain net/http server, the app that tells GRIP proxies to hold, and one with
// ordinary pages. Each runs as a process of its own, of the same binary.
package holders

import (
	"fmt"
	"strings"
)

// Serve runs a server until the process ends.
func Serve(name, address string) error {
	if app, ok := strings.CutPrefix(name, "reverseproxy="); ok {
		return serveReverseProxy(app, address)
	}
	switch name {
	case "floor":
		return serveFloor(address)
	case "app":
		return serveApp(address)
	case "pages":
		return servePages(address)
	case "nethttp":
		return serveNetHTTP(address)
	}
	return fmt.Errorf("there is no server %q: floor, app, pages, nethttp, reverseproxy=APP", name)
}
