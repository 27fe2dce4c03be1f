package config

import "strings"

// checkBalance takes the word for which URL gets a request apart.
func checkBalance(s *section, b *Backend, word string) {
	if !s.ok("balance") {
		return
	}
	kind, on, named := strings.Cut(word, ":")
	b.Balance, b.BalanceOn = kind, on
	switch {
	case kind == "header" && named:
		if !isToken(on) {
			s.problem("balance", "%s: %s is no name of a header field, write \"header:X-User\"", quoted(word), quoted(on))
		}
		b.BalanceOn = strings.ToLower(on)
	case kind == "cookie" && named:
		if !isToken(on) {
			s.problem("balance", "%s: %s is no name of a cookie, write \"cookie:session\"", quoted(word), quoted(on))
		}
	case kind == "header" || kind == "cookie":
		s.problem("balance", "%s does not say which: write \"%s:NAME\"", quoted(word), kind)
	case word != "round_robin" && word != "least_connections":
		s.problem("balance", "%s is not known: write \"round_robin\", \"least_connections\", \"header:NAME\" or \"cookie:NAME\"%s",
			quoted(word), didYouMean(word, []string{"round_robin", "least_connections"}))
	}
	if s.given["balance"] && s.ok("urls", "balance") && len(b.URLs) == 1 && word != "round_robin" {
		s.warn("balance", "has no effect: there is one url")
	}
}

// checkHealth checks the path that checks ask for, and their times.
func checkHealth(s *section, b *Backend) {
	h := &b.Health
	if h.Path == "" {
		for _, name := range []string{"health_interval", "health_timeout", "health_healthy", "health_unhealthy"} {
			if s.given[name] && formatTOML(s.raw[name]) != formatTOML(keyOf["backend."+name].def) {
				s.warn(name, "has no effect without health_path")
			}
		}
		return
	}
	switch {
	case !strings.HasPrefix(h.Path, "/"):
		s.problem("health_path", "%s does not begin with /: write \"/healthz\"", quoted(h.Path))
	case strings.IndexFunc(h.Path, func(c rune) bool { return c <= ' ' || c > '~' || c == '#' }) >= 0:
		s.problem("health_path", "%s has characters that no request line can carry: write them as %%XX", quoted(h.Path))
	}
	switch {
	case !s.ok("health_interval", "health_timeout") || h.Timeout <= h.Interval:
	case !s.given["health_timeout"]:
		h.Timeout = h.Interval
	default:
		s.warn("health_timeout", "is longer than health_interval = %s: checks come later than that", s.written("health_interval"))
	}
}
