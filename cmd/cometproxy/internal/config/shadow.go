package config

import "strings"

// checkShadows warns of native routes that some hosts' requests never reach: a route
// to an app with a more exact host takes them all, whatever their order. A redirect
// or a fixed answer for a host is meant to take everything.
func checkShadows(sections []*section, routes []Route) {
	for i := range routes {
		r := &routes[i]
		if !r.Native() {
			continue
		}
		for k := range routes {
			b := &routes[k]
			if b.Backend == "" || !moreExact(b.Host, r.Host) || !covers(b.Path, r.Path) || repeats(routes, r, b.Host) {
				continue
			}
			sections[i].warn("path", "requests for %s never come here: they go to the route of line %d, whose host is more exact: give this one a twin with host = %s, unless that is meant",
				quoted(b.Host), sections[k].line("path"), quoted(b.Host))
			break
		}
	}
}

// moreExact reports that requests for the one host look at its routes before those
// of the other.
func moreExact(host, other string) bool {
	suffix, wild := strings.CutPrefix(other, "*")
	return host != other && (other == "" && host != "" || wild && strings.HasSuffix(host, suffix))
}

// covers reports that a backend's path is the beginning of another.
func covers(path, other string) bool {
	if path == "/" {
		return true
	}
	segments, others := strings.Split(path, "/"), strings.Split(other, "/")
	if len(segments) > len(others) {
		return false
	}
	for i, segment := range segments {
		if name, _ := parameter(segment); name == "" && segment != others[i] {
			return false
		}
	}
	return true
}

// repeats reports that the route has a twin for the host.
func repeats(routes []Route, r *Route, host string) bool {
	twin := Route{Host: host, Path: r.Path}
	for i := range routes {
		if routes[i].Native() && samePattern(&routes[i]) == samePattern(&twin) {
			return true
		}
	}
	return false
}
