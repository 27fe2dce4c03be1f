package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"cometproxy/cmd/cometproxy/internal/config"
	"cometproxy/proxy/route"
)

// A routeFinder finds the request with which a client gets a channel. The proxy's
// own table says where a request goes.
type routeFinder struct {
	routes []config.Route
	table  *route.Table
}

// foundRoute is such a request; host is empty if any will do.
type foundRoute struct{ path, host string }

func newRouteFinder(c *config.Config) (*routeFinder, error) {
	table, err := c.Table()
	return &routeFinder{c.Routes, table}, err
}

// find tries each route whose channels can have the name, for the first request that
// really gets there.
func (f *routeFinder) find(channel string) (foundRoute, error) {
	why := ""
	for i := range f.routes {
		r := &f.routes[i]
		for _, template := range r.Channels {
			path, ok := fill(r, template, channel)
			if !ok {
				continue
			}
			host := strings.Replace(r.Host, "*", "tail", 1)
			if strings.Contains(host, ":") {
				host = net.JoinHostPort(strings.Trim(host, "[]"), "")
				host = strings.TrimSuffix(host, ":")
			}
			m, err := f.table.Match([]byte(host), []byte(path))
			var refused *route.Error
			switch {
			case err == nil && slices.Contains(m.Channels, channel):
				return foundRoute{path, host}, nil
			case err == nil:
				other, _ := m.Route.Value.(int)
				why = fmt.Sprintf("; requests for %s%s, which line %d has it for, go to the route of line %d", host, path, r.Line, f.routes[other].Line)
			case errors.As(err, &refused):
				why = fmt.Sprintf("; requests for %s%s, which line %d would have it for, are refused: %s", host, path, r.Line, refused.Detail)
			}
		}
	}
	return foundRoute{}, fmt.Errorf("no route yields the channel %q%s: look at the PUBLIC lines of cometproxy check, or name a route with -url", channel, why)
}

var parameter = regexp.MustCompile(`\\\{([^}]*)\\\}`)

// fill puts into a route's path the parameters that a channel of that template has.
func fill(r *config.Route, template, channel string) (path string, ok bool) {
	var names []string
	pattern := parameter.ReplaceAllStringFunc(regexp.QuoteMeta(template), func(p string) string {
		name := p[2 : len(p)-2]
		names = append(names, name)
		return fmt.Sprintf("(?P<of%d>%s)", len(names), valuesOf(r, name))
	})
	whole, err := regexp.Compile(`^(?s:` + pattern + `)$`)
	if err != nil {
		return "", false
	}
	values := whole.FindStringSubmatch(channel)
	if values == nil {
		return "", false
	}
	path = r.Path
	for i, name := range names {
		value := values[whole.SubexpIndex(fmt.Sprintf("of%d", i+1))]
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(value))
	}
	return path, !strings.ContainsAny(path, "{}") // all that the path needs
}

// valuesOf is an expression for what a parameter can be.
func valuesOf(r *config.Route, name string) string {
	re := r.Params[name]
	if re == nil {
		return `[^:/,;*$"<>\s]+`
	}
	inner, _ := strings.CutPrefix(re.String(), "^(?:")
	inner, _ = strings.CutSuffix(inner, ")$")
	return "(?:" + inner + ")"
}
