package config

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// routes reads and checks the [[route]] tables.
func (r *reader) routes(tables []rawTable, backends []*readBackend, root *node) {
	first := make(map[string]int)
	for _, table := range tables {
		route := Route{Line: table.at.line}
		t := &target{config: r.config, route: &route}
		s := r.table("route", table.values, table.at, t)
		r.cors(s, table, t)
		params := checkPath(s, &route)
		checkHost(s, &route)
		checkTarget(s, &route, backends)
		checkParams(s, &route, t.raw.params, params)
		checkTemplates(s, &route, params, r.config.Hold.MaxChannels)
		checkRules(s, &route)
		checkFit(s, &route)
		if s.ok("path", "host") && s.given["path"] {
			same := samePattern(&route)
			if line, twice := first[same]; twice {
				s.problem("path", "%s matches the same requests as the path of line %d: remove one, or tell them apart by host or path", quoted(route.Pattern()), line)
			} else {
				first[same] = s.line("path")
			}
		}
		r.config.Routes = append(r.config.Routes, route)
		r.routeSections = append(r.routeSections, s)
	}
	checkTable(r.routeSections, r.config.Routes)
	checkShadows(r.routeSections, r.config.Routes)
	if len(tables) == 0 {
		r.impliedRoute(backends, root)
	}
}

// warnOfUnused warns of backends that nothing goes to.
func (r *reader) warnOfUnused(backends []*readBackend) {
	if len(r.problems.Errors()) > 0 {
		return
	}
	for _, b := range backends {
		if !b.used {
			b.warn("name", "no route goes to %s: add a [[route]] with backend = %s, or remove it", quoted(b.name), quoted(b.name))
		}
	}
}

// impliedRoute sends everything to the only backend.
func (r *reader) impliedRoute(backends []*readBackend, root *node) {
	if root.kids["route"] != nil || r.lost["route"] {
		return // it has a problem of its own
	}
	switch len(backends) {
	case 0:
		if root.kids["backend"] == nil && !r.lost["backend"] {
			r.add(1, "route", "there is no route and no backend: add [[backend]] with name and urls to forward to an app, or [[route]] with path and channels to hold")
		}
	case 1:
		s := backends[0]
		s.used = true
		route := Route{Backend: s.name}
		setDefaults(&target{config: r.config, route: &route}, "route")
		route.Path = "/"
		r.config.Routes = []Route{route}
	default:
		backends[1].problem("", "there are several backends and no route: add a [[route]] with path = \"/\" and backend = %s, and one for each other", quoted(backends[0].name))
	}
}

// checkPath checks the path and returns the names of its parameters.
func checkPath(s *section, route *Route) map[string]bool {
	params := make(map[string]bool)
	if !s.ok("path") {
		return params
	}
	path := route.Path
	switch {
	case !s.given["path"]:
		s.problem("path", "is missing: write path = \"/\" or like \"/events/{room}\"")
		return params
	case !strings.HasPrefix(path, "/"):
		s.problem("path", "%s: begin it with /, write %s", quoted(path), quoted("/"+path))
		return params
	case path == "/":
		return params
	case !utf8.ValidString(path) || strings.IndexFunc(path, unicode.IsControl) >= 0:
		s.problem("path", "%s has a control character: no request can match it", quoted(path))
		return params
	case strings.ContainsAny(path, "?#"):
		s.problem("path", "%s: a path ends before ? and #, the query is not matched: write %s", quoted(path), quoted(path[:strings.IndexAny(path, "?#")]))
		return params
	}
	if clean := cleanPath(path); clean != path {
		s.problem("path", "%s has an empty or dot segment, or a / at its end: write %s", quoted(path), quoted(clean))
		return params
	}
	for _, segment := range strings.Split(path[1:], "/") {
		if name, why := parameter(segment); why != "" {
			s.problem("path", "%s: %s", quoted(path), why)
		} else if name != "" && params[name] {
			s.problem("path", "%s has {%s} twice: give each parameter a name of its own", quoted(path), name)
		} else if name != "" {
			params[name] = true
		} else if segment == "*" || segment == "**" || segment[0] == ':' {
			s.warn("path", "the segment %s is taken as it stands: a parameter is written {name}, and a route with backend matches all below its path", quoted(segment))
		} else if why := badEscapes(segment); why != "" {
			s.problem("path", "%s", why)
		}
	}
	return params
}

// badEscapes says what is wrong with a segment as text of a URL, or "".
func badEscapes(segment string) string {
	if strings.ContainsRune(segment, ' ') {
		return fmt.Sprintf("the segment %s has a blank, which no request can: write %s", quoted(segment), quoted(strings.ReplaceAll(segment, " ", "%20")))
	}
	if _, err := url.PathUnescape(segment); err != nil {
		return fmt.Sprintf("the segment %s has a %% that is not followed by two hex digits: a %% itself is written %%25", quoted(segment))
	}
	return ""
}

// cleanPath is path without empty and dot segments.
func cleanPath(path string) string {
	var kept []string
	for _, segment := range strings.Split(path, "/") {
		if segment != "" && segment != "." && segment != ".." {
			kept = append(kept, segment)
		}
	}
	return "/" + strings.Join(kept, "/")
}

// parameter returns the name if a segment is {name}, and what is wrong with it.
func parameter(segment string) (name, why string) {
	if !strings.ContainsAny(segment, "{}") {
		return "", ""
	}
	inner, opened := strings.CutPrefix(segment, "{")
	name, closed := strings.CutSuffix(inner, "}")
	if !opened || !closed || strings.ContainsAny(name, "{}") {
		return "", fmt.Sprintf("a parameter is a whole segment, %s is not: write /{name}/", quoted(segment))
	}
	return name, badParameterName(name)
}

func badParameterName(name string) string {
	for i, c := range []byte(name) {
		if !isLetter(c) && c != '_' && (i == 0 || !isDigit(c)) {
			name = ""
			break
		}
	}
	if name == "" {
		return "the name of a parameter has letters, digits and _, and does not begin with a digit: write {room}"
	}
	return ""
}

// checkHost checks the host and writes it in lower case.
func checkHost(s *section, route *Route) {
	if !s.ok("host") || !s.given["host"] {
		return
	}
	host := strings.ToLower(route.Host)
	name := strings.TrimPrefix(host, "*.")
	switch bare, _, hasPort := strings.Cut(host, ":"); {
	case host == "":
		s.problem("host", "is empty: remove it to match every host, or write \"example.com\"")
	case strings.Contains(host, "://"):
		s.problem("host", "%s: a host has no scheme and no path, write %s", quoted(route.Host), quoted(hostOf(host)))
	case isIP(strings.Trim(host, "[]")):
	case hasPort:
		s.problem("host", "%s: hosts are compared without the port, write %s", quoted(route.Host), quoted(bare))
	case strings.Contains(name, "*"):
		s.problem("host", "%s: the only wildcard is a whole first label, write \"*.example.com\"", quoted(route.Host))
	case strings.IndexFunc(host, func(c rune) bool { return c > '~' }) >= 0:
		s.problem("host", "%s: browsers send such names in their ASCII form, write that (xn--...)", quoted(route.Host))
	case !isHostName(name):
		s.problem("host", "%s is no host name: write \"example.com\" or \"*.example.com\"", quoted(route.Host))
	}
	route.Host = host
}

func hostOf(address string) string {
	_, host, _ := strings.Cut(address, "://")
	if i := strings.IndexAny(host, ":/"); i >= 0 {
		host = host[:i]
	}
	return host
}

// checkTarget sees that a route has channels, a backend that exists, or an answer.
func checkTarget(s *section, route *Route, backends []*readBackend) {
	switch {
	case s.given["channels"] && s.given["backend"]:
		s.problem("channels", "the route has channels and backend: keep channels to hold without asking the app, or backend to forward; make two routes for both")
		s.bad["backend"] = true
	case s.answers() && (s.given["channels"] || s.given["backend"]):
		s.problem("", "a route with redirect or status asks nobody: remove these, or channels and backend")
	case !s.given["channels"] && !s.given["backend"] && !s.answers():
		s.problem("", "has neither channels nor backend: add channels = [\"room:{room}\"] to hold, backend = \"app\" to forward, or redirect or status to answer")
	}
	if s.given["backend"] {
		checkBackend(s, route.Backend, backends)
	}
}

// checkBackend checks the name that backend gives.
func checkBackend(s *section, name string, backends []*readBackend) {
	if !s.ok("backend") {
		return
	}
	var names []string
	for _, b := range backends {
		if b.name == name && b.name != "" {
			b.used = true
			return
		}
		if !b.ok("name") {
			return // it may be the one that is meant
		}
		names = append(names, b.name)
	}
	switch {
	case s.r.lost["backend"]: // it may be one of these
	case len(names) == 0:
		s.problem("backend", "there is no backend %s: add [[backend]] with name = %s and urls", quoted(name), quoted(name))
	default:
		known := ""
		if closest(name, names) == "" {
			known = "; the backends are " + quotedOr(names)
			known = strings.Replace(known, " or ", " and ", 1)
		}
		s.problem("backend", "there is no backend %s%s%s", quoted(name), didYouMean(name, names), known)
	}
}

// samePattern is equal for routes that match the same requests.
func samePattern(route *Route) string {
	segments := strings.Split(route.Path, "/")
	for i, segment := range segments {
		if name, _ := parameter(segment); name != "" {
			segments[i] = "{}"
		}
	}
	return route.Host + strings.Join(segments, "/")
}
