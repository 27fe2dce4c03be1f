package route

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

func fuzzRoutes() []Route {
	return []Route{
		{Path: "/", Backend: "app"},
		{Path: "/admin", Backend: "admin"},
		{Path: "/a/{x}", Channels: []string{"a:{x}", "all"}},
		{Path: "/a/{x}/{y}", Channels: []string{"a:{y}", "b:{x}:{y}"}},
		{Path: "/free/{x}", Channels: []string{"{x}"}, Open: true, Params: map[string]string{"x": `(?s).*`}},
		{Host: "*.example.com", Path: "/{x}", Channels: []string{"w:{x}"}},
		{Host: "b.example.com", Path: "/b/{x}", Backend: "b"},
		{Host: "[::1]", Path: "/{x}/c", Channels: []string{"six:{x}"}},
	}
}

func FuzzMatch(f *testing.F) {
	for _, target := range []string{
		"/", "*", "", "/a/1", "/a/1/2?x", "/a/%2e%2e/a/1", "/a/../admin", "/free/%24a", "/free/a%2F..%2Fb", "//a//1", "/a/%zz", "/a/%ff",
		"http://b.example.com:80/b/1", "http://[::1]/x/c", "https://u@h/", "/a/é", "/a/\x00", "/a/1#x", "a:443",
	} {
		f.Add("", target)
		f.Add("x.example.com:8000", target)
		f.Add("[::1]:80", target)
	}
	table := mustTable(f, fuzzRoutes())
	f.Fuzz(func(t *testing.T, host, target string) {
		in, inHost := []byte(target), []byte(host)
		m, err := table.Match(inHost, in)
		if string(in) != target || string(inHost) != host {
			t.Fatal("Match changed its arguments")
		}
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Detail == "" || e.Kind < NotFound || e.Kind > BadParam || m.Route != nil {
				t.Fatalf("bad error %#v with %+v", err, m)
			}
			return
		}
		if (m.Route.Backend == "") != (len(m.Channels) > 0) {
			t.Fatalf("route %+v with channels %q", m.Route, m.Channels)
		}
		raw, _, _ := strings.Cut(target, "?")
		raw, _, _ = strings.Cut(raw, "#")
		if m.Route.Backend == "" {
			checkNative(t, m, raw)
		}
		// A fragment and a query never matter, nor does a second look.
		again, err := table.Match(inHost, append(bytes.Clone(in), "?/../x"...))
		if target != "*" && (err != nil || again.Route != m.Route || !slices.Equal(again.Channels, m.Channels)) {
			t.Fatalf("with a query: %+v, %v; without: %+v", again, err, m)
		}
	})
}

// checkNative: a native match comes from a clean path, and its names are good.
func checkNative(t *testing.T, m Match, raw string) {
	if _, rest, ok := strings.Cut(raw, "://"); ok && raw[0] != '/' {
		_, raw, _ = strings.Cut(rest, "/")
		raw = "/" + raw
	}
	for _, s := range strings.Split(raw[1:], "/") {
		d := modelDecode(s)
		if raw != "/" && (d == "" || d == "." || d == "..") {
			t.Fatalf("native match of %q, which is not clean", raw)
		}
	}
	for i, name := range m.Channels {
		if err := ValidChannel(name); err != nil {
			t.Fatalf("channel %q: %v", name, err)
		}
		if slices.Contains(m.Channels[:i], name) {
			t.Fatalf("channel %q is there twice", name)
		}
	}
}

func FuzzUnescapeSegment(f *testing.F) {
	for _, s := range []string{"", "a", "%2e.", "%C3%A9", "%", "%2", "a%2Fb", "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := UnescapeSegment(raw)
		if err == nil && (got != modelDecode(string(raw)) || judge([]byte(got)) != faultNone) {
			t.Fatalf("%q decodes to %q", raw, got)
		}
	})
}
