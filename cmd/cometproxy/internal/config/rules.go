package config

import (
	"fmt"
	"net/url"
	"strings"
)

// answers reports that the route answers by itself.
func (s *section) answers() bool { return s.given["redirect"] || s.given["status"] }

// checkRules checks what a route does with requests and answers besides passing
// them on.
func checkRules(s *section, route *Route) {
	for i, m := range route.Methods {
		if !isToken(m) || m != strings.ToUpper(m) {
			s.itemProblem("methods", i, "%s is no method: write it in capitals, \"GET\"", quoted(m))
		}
	}
	if s.given["strip_prefix"] && s.ok("strip_prefix", "path") {
		checkStrip(s, route)
	}
	checkHeaderNames(s, "set_request_headers", sortedNames(route.SetRequestHeaders))
	checkHeaderNames(s, "remove_request_headers", route.RemoveRequestHeaders)
	checkHeaderNames(s, "set_answer_headers", sortedNames(route.SetAnswerHeaders))
	checkHeaderNames(s, "remove_answer_headers", route.RemoveAnswerHeaders)
	checkHeaderValues(s, "set_request_headers", route.SetRequestHeaders)
	checkHeaderValues(s, "set_answer_headers", route.SetAnswerHeaders)
	checkAnswer(s, route)
}

func checkStrip(s *section, route *Route) {
	switch prefix := route.StripPrefix; {
	case prefix == "/" || !strings.HasPrefix(prefix, "/") || cleanPath(prefix) != prefix || strings.ContainsAny(prefix, "%{}"):
		s.problem("strip_prefix", "%s: write the beginning of the path, like \"/app\", without a / at its end", quoted(prefix))
	case route.Path != prefix && !strings.HasPrefix(route.Path, prefix+"/"):
		s.problem("strip_prefix", "%s is not the beginning of the route's path %s", quoted(prefix), quoted(route.Path))
	}
}

// framing are header fields that are the proxy's own to write.
var framing = []string{"connection", "content-length", "expect", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}

func checkHeaderNames(s *section, key string, names []string) {
	if !s.ok(key) {
		return
	}
	for _, name := range names {
		switch lower := strings.ToLower(name); {
		case !isToken(name):
			s.problem(key, "%s is no name of a header field: write letters, digits and -", quoted(name))
		case contains(framing, lower) || strings.HasPrefix(lower, "grip-"):
			s.problem(key, "%s is about one connection, and the proxy's own to write: remove it", quoted(name))
		}
	}
}

func checkHeaderValues(s *section, key string, set map[string]string) {
	for _, name := range sortedNames(set) {
		if s.ok(key) && strings.IndexFunc(set[name], isControl) >= 0 {
			s.problem(key, "the value of %s has a control character or a line break", quoted(name))
		}
	}
}

// isControl reports what no header line can carry.
func isControl(c rune) bool { return c < ' ' || c == 0x7f }

func checkAnswer(s *section, route *Route) {
	redirects := s.given["redirect"]
	if redirects && s.ok("redirect") {
		if why := badRedirect(route.Redirect); why != "" {
			s.problem("redirect", "%s", why)
		} else if route.Redirect == "https" && len(s.r.config.Public.TLSListen) > 0 {
			s.problem("redirect", "\"https\" would send the clients of [public] tls_listen round in a circle: write redirect_to_https = true under [public], or a whole \"https://host\"")
		}
	}
	switch code := route.Status; {
	case !s.given["status"] || !s.ok("status"):
	case redirects && code != 301 && code != 302 && code != 303 && code != 307 && code != 308:
		s.problem("status", "%d is no code of a redirect: write 308 (for good) or 307 (for now), or leave it out", code)
	case !redirects && code < 200:
		s.problem("status", "%d is no code of an answer: write 200 to 599", code)
	}
	if s.ok("type") && strings.IndexFunc(route.Type, isControl) >= 0 {
		s.problem("type", "%s has a control character or a line break: write it as \"text/html\"", quoted(route.Type))
	}
	if !s.given["body"] || s.given["status"] && !redirects {
		return
	}
	s.problem("body", "is what a route with status says, and this is none: remove it, or add status = 503")
}

func badRedirect(to string) string {
	if to == "https" {
		return ""
	}
	if strings.IndexFunc(to, func(c rune) bool { return c <= ' ' || c > '~' }) >= 0 {
		return fmt.Sprintf("%s has a blank or another character that no URL can have: write it as %%XX", quoted(to))
	}
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(to, "/") {
		return fmt.Sprintf("%s: write \"https\" for the same host, or \"https://www.example.com\", without a / at its end: the client's path and query follow", quoted(to))
	}
	return ""
}

// uses are the keys that mean something on each sort of route, besides path and host.
var uses = map[string][]string{
	"channels": {"channels", "cors", "open", "params"},
	"backend": {"backend", "grip", "grip_position", "methods", "max_body", "strip_prefix",
		"set_request_headers", "remove_request_headers", "set_answer_headers", "remove_answer_headers"},
	"status": {"status", "redirect", "body", "type", "methods", "set_answer_headers"},
}

// checkFit reports keys that would do nothing on this sort of route.
func checkFit(s *section, route *Route) {
	sort, why := "", ""
	switch {
	case s.given["channels"] && !s.given["backend"]:
		sort, why = "channels", "no app is asked there: remove it"
	case s.given["backend"] && !s.given["channels"]:
		sort, why = "backend", "the app answers there itself: remove it, or give the route channels"
	case s.answers() && !s.given["channels"]:
		sort, why = "status", "nobody is asked there: remove it"
	default:
		return
	}
	for _, name := range tableKeys["route"] {
		if name == "path" || name == "host" || contains(uses[sort], name) || !s.given[name] || !s.ok(name) {
			continue
		}
		if s.answers() && contains(uses["status"], name) || name == "channels" || name == "backend" {
			continue // it has been said
		}
		s.problem(name, "has no meaning on a route with %s, %s", sort, why)
	}
	if !route.GRIP && s.given["grip_position"] && s.ok("grip", "grip_position") {
		s.warn("grip_position", "has no effect with grip = false")
	}
}
