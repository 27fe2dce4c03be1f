package config

import (
	"strings"
)

// presences reads and checks the [[presence]] tables.
func (r *reader) presences(tables []rawTable, backends []*readBackend) {
	nodes := make(map[string]int) // their lines
	for _, table := range tables {
		p := Presence{}
		t := &target{config: r.config, presence: &p}
		s := r.table("presence", table.values, table.at, t)
		if !s.given["channels"] {
			s.problem("channels", "is missing: write channels = [\"user:*\"], in which * is any text")
		}
		for i, pattern := range p.Channels {
			if pattern == "" {
				s.itemProblem("channels", i, "is empty and matches nothing: write \"*\" for every channel")
			}
		}
		if !s.given["backend"] {
			s.problem("backend", "is missing: write backend = \"app\", the one that is told")
		} else {
			checkBackend(s, p.Backend, backends)
		}
		if line, twice := nodes[p.Node]; twice && s.ok("node") {
			s.problem("node", "the presence of line %d tells as the same node, and what one tells at its start takes back what the other told: give each its own, like node = \"web-1-rooms\"", line)
		} else {
			nodes[p.Node] = table.at.line
		}
		checkPresencePath(s, &p)
		p.Token = checkToken(s, p.TokenFile, t.raw.token)
		r.warnOfReachable(s, &p)
		r.config.Presence = append(r.config.Presence, p)
		r.presenceSections = append(r.presenceSections, s)
	}
}

func checkPresencePath(s *section, p *Presence) {
	switch {
	case !s.ok("path"):
	case !s.given["path"]:
		s.problem("path", "is missing: write path = \"/presence\", where the app takes the POSTs")
	case !strings.HasPrefix(p.Path, "/"):
		s.problem("path", "%s: begin it with /, write %s", quoted(p.Path), quoted("/"+p.Path))
	case strings.IndexFunc(p.Path, func(c rune) bool { return c <= ' ' || c > '~' || c == '#' }) >= 0:
		s.problem("path", "%s: a request's target is visible ASCII without # and spaces: write %%XX for other characters", quoted(p.Path))
	}
}

// warnOfReachable warns of an app that cannot tell this proxy's POSTs from those of
// clients, which a route lets through to the same path.
func (r *reader) warnOfReachable(s *section, p *Presence) {
	if p.Token != "" || !s.ok("path", "backend", "token", "token_file") {
		return
	}
	path, _, _ := strings.Cut(p.Path, "?")
	for _, route := range r.config.Routes {
		if route.Backend == p.Backend && strings.HasPrefix(path+"/", strings.TrimSuffix(route.Path, "/")+"/") {
			s.warn("path", "clients reach %s too, by the route %s, and could tell your app anything: set a token, and have the app ask for it", quoted(path), quoted(route.Path))
			return
		}
	}
}
