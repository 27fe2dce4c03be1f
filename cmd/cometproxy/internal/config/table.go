package config

import (
	"errors"

	"cometproxy/proxy/route"
)

// checkTable has the proxy's own table judge routes, so that nothing passes here
// that it refuses later. What already has a problem is not judged again; two routes
// that only the table finds equal come out when each is good by itself.
func checkTable(sections []*section, routes []Route) {
	var table []route.Route
	clean := true
	for i := range routes {
		table = append(table, tableRoute(&routes[i]))
		s := sections[i]
		if len(s.bad) > 0 || !s.given["path"] || !routes[i].Native() && table[i].Backend == "" {
			clean = false
			continue
		}
		if refused(sections[i:i+1], table[i:i+1]) {
			clean = false
		}
	}
	if clean {
		refused(sections, table)
	}
}

// refused reports what the table says of routes.
func refused(sections []*section, table []route.Route) bool {
	_, err := route.NewTable(table)
	if err == nil {
		return false
	}
	var all interface{ Unwrap() []error }
	if !errors.As(err, &all) {
		return false
	}
	for _, err := range all.Unwrap() {
		var why *route.ConfigError
		switch {
		case !errors.As(err, &why):
		case why.Same > 0:
			sections[why.Index].problem(why.Key, "%s matches the same requests as the path of line %d: remove one, or tell them apart by host or path",
				quoted(table[why.Index].Host+table[why.Index].Path), sections[why.Same-1].line("path"))
		default:
			sections[why.Index].problem(why.Key, "%s", why.Text)
		}
	}
	return true
}

// Table is the proxy's table of the routes. Each one's Value is its index in Routes.
func (c *Config) Table() (*route.Table, error) {
	var table []route.Route
	for i := range c.Routes {
		table = append(table, tableRoute(&c.Routes[i]))
		table[i].Value = i
	}
	return route.NewTable(table)
}

// tableRoute is a route as the table knows it: one that answers by itself matches
// as one with a backend does.
func tableRoute(r *Route) route.Route {
	t := route.Route{Host: r.Host, Path: r.Path, Channels: r.Channels, Backend: r.Backend, Open: r.Open, Params: make(map[string]string)}
	for name, re := range r.Params {
		t.Params[name] = re.String()
	}
	if r.Redirect != "" || r.Status != 0 {
		t.Backend = "-"
	}
	return t
}
