package route

import (
	"fmt"
	"math/rand/v2"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// The model judges every route on its own and takes the best: no tree, no
// backtracking, no shared buffers, and path.Clean in place of our own resolving.

var modelEscape = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// modelDecode decodes the good escapes of a segment.
func modelDecode(raw string) string {
	return modelEscape.ReplaceAllStringFunc(raw, func(e string) string {
		var b byte
		fmt.Sscanf(e[1:], "%02x", &b)
		return string([]byte{b})
	})
}

// modelPath returns the resolved segments and whether the path is clean.
func modelPath(target string) (segments []string, clean bool) {
	raw, _, _ := strings.Cut(target, "?")
	clean = true
	const slash = "\x01\x01" // what a decoded "/" is to path.Clean
	var decoded []string
	for i, s := range strings.Split(raw[1:], "/") {
		d := modelDecode(s)
		decoded = append(decoded, strings.ReplaceAll(d, "/", slash))
		only := i == 0 && raw == "/"
		if s == "" && !only || d == "." || d == ".." || !utf8.ValidString(d) || strings.ContainsFunc(d, unicode.IsControl) ||
			strings.Contains(modelEscape.ReplaceAllString(s, ""), "%") {
			clean = false
		}
	}
	resolved := path.Clean("/" + strings.Join(decoded, "/"))
	if resolved == "/" {
		return nil, clean
	}
	for _, s := range strings.Split(resolved[1:], "/") {
		segments = append(segments, strings.ReplaceAll(s, slash, "/"))
	}
	return segments, clean
}

// modelRank gives a pattern's worth for these segments, to be compared as text:
// "2" per literal, "1" per parameter; not ok if it does not match.
func modelRank(r Route, segments []string) (rank string, ok bool) {
	var pattern []string
	if r.Path != "/" {
		pattern = strings.Split(r.Path[1:], "/")
	}
	if len(pattern) > len(segments) || r.Backend == "" && len(pattern) != len(segments) {
		return "", false
	}
	for i, p := range pattern {
		switch {
		case p[0] == '{':
			rank += "1"
		case modelDecode(p) == segments[i]:
			rank += "2"
		default:
			return "", false
		}
	}
	return rank, true
}

// modelHost gives a host's worth: longer is better, exact above all.
func modelHost(r Route, host string) (rank int, ok bool) {
	host, _, _ = strings.Cut(strings.ToLower(host), ":")
	host = strings.TrimSuffix(host, ".")
	suffix, wild := strings.CutPrefix(r.Host, "*")
	switch {
	case r.Host == "":
		return 0, true
	case wild && strings.HasSuffix(host, suffix) && len(host) > len(suffix):
		return len(suffix), true
	case r.Host == host:
		return 1000, true
	}
	return 0, false
}

// modelMatch returns the outcome in the form of show.
func modelMatch(routes []Route, host, target string) string {
	segments, clean := modelPath(target)
	var best *Route
	bestHost, bestRank := -1, ""
	for i := range routes {
		h, ok := modelHost(routes[i], host)
		rank, ok2 := modelRank(routes[i], segments)
		if ok && ok2 && (h > bestHost || h == bestHost && rank > bestRank) {
			best, bestHost, bestRank = &routes[i], h, rank
		}
	}
	switch {
	case best == nil:
		return "NotFound"
	case best.Backend != "":
		return show(Match{Route: best}, nil)
	case !clean:
		return "BadPath"
	}
	values := map[string]string{}
	for i, p := range strings.Split(best.Path[1:], "/") {
		if strings.HasPrefix(p, "{") {
			if strings.ContainsAny(segments[i], forbidden) || strings.ContainsFunc(segments[i], unicode.IsSpace) {
				return "BadParam " + strings.Trim(p, "{}")
			}
			values[p] = segments[i]
		}
	}
	var names []string
	for _, name := range best.Channels {
		for p, v := range values {
			name = strings.ReplaceAll(name, p, v)
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return show(Match{Route: best, Channels: names}, nil)
}

func pick(rnd *rand.Rand, from ...string) string { return from[rnd.IntN(len(from))] }

// randomRoute makes patterns that are near each other, so that they compete.
func randomRoute(rnd *rand.Rand) Route {
	r := Route{Host: pick(rnd, "", "", "a.b", "*.b", "*.a.b", "x.a.b")}
	template := "c"
	for depth := range rnd.IntN(5) {
		s := pick(rnd, "a", "b", "a", "a%2Fb", "{}")
		if s == "{}" {
			s = fmt.Sprintf("{p%d}", depth)
			template += "-" + s
		}
		r.Path += "/" + s
	}
	if r.Path == "" {
		r.Path = "/"
	}
	if rnd.IntN(2) == 0 {
		r.Backend = "b"
	} else {
		r.Channels = []string{template, "all", "all"}
	}
	return r
}

// sloppy are segments that test the reading of targets.
var sloppy = []string{
	"", ".", "..", "%2e%2E", ".%2e", "%61", "a%2fb", "a%2Fb", "%", "%4", "%zz", "%ff", "%00", "%c2%85", "é", "a:b", "a%20b", "c", "...", "%252e%252e",
}

// randomTarget makes half of the targets out of the pattern of a route, so that
// native routes are found often enough, and half at random.
func randomTarget(rnd *rand.Rand, routes []Route) string {
	segments := make([]string, 1+rnd.IntN(6))
	likely := routes[rnd.IntN(len(routes))].Path
	if rnd.IntN(2) == 0 && likely != "/" {
		segments = strings.Split(likely[1:], "/")
	}
	for i, s := range segments {
		switch {
		case s == "":
			segments[i] = pick(rnd, "a", "b", pick(rnd, sloppy...))
		case s[0] == '{':
			segments[i] = pick(rnd, "a", "b", "c", pick(rnd, sloppy...))
		case rnd.IntN(8) == 0:
			segments[i] = pick(rnd, sloppy...) + "/" + s
		}
	}
	return "/" + strings.Join(segments, "/") + pick(rnd, "", "", "?", "?/../a")
}

func TestModel(t *testing.T) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 1))
	outcomes := map[string]int{}
	for range 600 {
		var routes []Route
		for range 1 + rnd.IntN(12) {
			r := randomRoute(rnd)
			if _, err := NewTable(append(routes, r)); err == nil {
				routes = append(routes, r)
			}
		}
		table := mustTable(t, routes)
		for range 100 {
			host, target := pick(rnd, "", "a.b", "A.B:80", "c.b", "x.a.b.", "y.a.b", "b", "q"), randomTarget(rnd, routes)
			m, err := table.Match([]byte(host), []byte(target))
			got, want := show(m, err), modelMatch(routes, host, target)
			if got != want {
				t.Fatalf("seed %d: host %q target %q:\n got %s\nwant %s\nroutes %+v", seed, host, target, got, want, routes)
			}
			kind := "native"
			switch {
			case err != nil:
				kind, _, _ = strings.Cut(got, " ")
			case m.Route.Backend != "":
				kind = "backend"
			}
			outcomes[kind]++
		}
	}
	for _, kind := range []string{"native", "backend", "NotFound", "BadPath", "BadParam"} {
		if outcomes[kind] < 100 {
			t.Errorf("only %d times %s: the random targets test too little (%v)", outcomes[kind], kind, outcomes)
		}
	}
}
