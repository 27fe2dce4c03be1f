package route

import (
	"errors"
	"strings"
	"testing"
)

// ch are templates in short.
func ch(names ...string) []string { return names }

func TestConfigErrors(t *testing.T) {
	for _, c := range []struct {
		name  string
		route Route
		key   string
		text  string // a part of it
	}{
		{"no kind", Route{Path: "/"}, "backend", "needs channels"},
		{"both kinds", Route{Path: "/", Backend: "b", Channels: ch("a")}, "backend", "not both"},
		{"no path", Route{Backend: "b"}, "path", "begin with /"},
		{"no slash", Route{Path: "a", Backend: "b"}, "path", "begin with /"},
		{"slash at the end", Route{Path: "/a/", Backend: "b"}, "path", `write "/a"`},
		{"only slashes", Route{Path: "//", Backend: "b"}, "path", `write "/"`},
		{"empty segment", Route{Path: "/a//b", Backend: "b"}, "path", "empty segment"},
		{"dot", Route{Path: "/a/./b", Backend: "b"}, "path", "dot segment"},
		{"encoded dots", Route{Path: "/a/%2e%2e/b", Backend: "b"}, "path", "dot segment"},
		{"query", Route{Path: "/a?b", Backend: "b"}, "path", "no ?"},
		{"bad escape", Route{Path: "/a%", Backend: "b"}, "path", "percent escape"},
		{"bad UTF-8", Route{Path: "/a%ff", Backend: "b"}, "path", "UTF-8"},
		{"control", Route{Path: "/a%00", Backend: "b"}, "path", "control"},
		{"blank", Route{Path: "/a b", Backend: "b"}, "path", "white space"},
		{"part of a segment", Route{Path: "/a{b}", Backend: "b"}, "path", "whole segment"},
		{"half a brace", Route{Path: "/{b", Backend: "b"}, "path", "whole segment"},
		{"two braces", Route{Path: "/{a}{b}", Backend: "b"}, "path", "whole segment"},
		{"no name", Route{Path: "/{}", Backend: "b"}, "path", "no name"},
		{"bad name", Route{Path: "/{a:b}", Backend: "b"}, "path", "letters, digits"},
		{"name with digit", Route{Path: "/{1}", Backend: "b"}, "path", "begins with a letter"},
		{"name twice", Route{Path: "/{a}/{a}", Backend: "b"}, "path", "twice"},

		{"host with port", Route{Host: "a:80", Path: "/", Backend: "b"}, "host", "without a port"},
		{"IPv6 with port", Route{Host: "[::1]:80", Path: "/", Backend: "b"}, "host", "IPv6"},
		{"IPv6 with zone", Route{Host: "fe80::1%eth0", Path: "/", Backend: "b"}, "host", "IPv6"},
		{"star only", Route{Host: "*", Path: "/", Backend: "b"}, "host", "leave host out"},
		{"star inside", Route{Host: "a.*.b", Path: "/", Backend: "b"}, "host", "wildcard"},
		{"star without dot", Route{Host: "*a.b", Path: "/", Backend: "b"}, "host", "wildcard"},
		{"star and nothing", Route{Host: "*.", Path: "/", Backend: "b"}, "host", ""},
		{"empty label", Route{Host: "a..b", Path: "/", Backend: "b"}, "host", "empty label"},
		{"URL", Route{Host: "http//a", Path: "/", Backend: "b"}, "host", "letters"},
		{"umlaut", Route{Host: "bücher.example", Path: "/", Backend: "b"}, "host", "xn--"},

		{"unknown parameter", Route{Path: "/{a}", Channels: ch("x:{b}")}, "channels", "{b}"},
		{"empty template", Route{Path: "/{a}", Channels: ch("")}, "channels", "empty"},
		{"brace", Route{Path: "/{a}", Channels: ch("x:{a")}, "channels", "brace"},
		{"other brace", Route{Path: "/{a}", Channels: ch("x}:{a}")}, "channels", "brace"},
		{"nested braces", Route{Path: "/{a}", Channels: ch("x:{{a}}")}, "channels", "letters"},
		{"parameter first", Route{Path: "/{a}", Channels: ch("{a}:x")}, "channels", "open = true"},
		{"reserved", Route{Path: "/{a}", Channels: ch("$x")}, "channels", "reserved"},
		{"reserved with parameter", Route{Path: "/{a}", Channels: ch("$x:{a}")}, "channels", "reserved"},
		{"control in the middle", Route{Path: "/{a}/{b}", Channels: ch("x{a}\n{b}")}, "channels", "control"},
		{"too long", Route{Path: "/a", Channels: ch(strings.Repeat("x", 256))}, "channels", "255"},
		{"no room", Route{Path: "/{a}", Channels: ch(strings.Repeat("x", 255) + "{a}")}, "channels", "no room"},

		{"regex for nothing", Route{Path: "/{a}", Channels: ch("x"), Params: map[string]string{"b": "."}}, "params", `"b"`},
		{"bad regex", Route{Path: "/{a}", Channels: ch("x"), Params: map[string]string{"a": "("}}, "params", "missing"},
		{"unbalanced regex", Route{Path: "/{a}", Channels: ch("x"), Params: map[string]string{"a": "a)|(b"}}, "params", "unexpected"},
		{"empty regex", Route{Path: "/{a}", Channels: ch("x"), Params: map[string]string{"a": ""}}, "params", "empty"},
		{"regex for a backend", Route{Path: "/{a}", Backend: "b", Params: map[string]string{"a": "."}}, "params", "only for routes with channels"},
		{"open backend", Route{Path: "/{a}", Backend: "b", Open: true}, "open", "only for routes with channels"},
	} {
		t.Run(c.name, func(t *testing.T) {
			table, err := NewTable([]Route{c.route})
			var e *ConfigError
			if table != nil || !errors.As(err, &e) {
				t.Fatalf("got %v, %v; want a ConfigError", table, err)
			}
			if e.Key != c.key || !strings.Contains(e.Text, c.text) || strings.Contains(err.Error(), "%!") {
				t.Errorf("got %v; want %s: ...%s...", err, c.key, c.text)
			}
			if n := len(err.(interface{ Unwrap() []error }).Unwrap()); n != 1 {
				t.Errorf("%d errors for one mistake:\n%v", n, err)
			}
		})
	}
}

func TestGoodConfig(t *testing.T) {
	mustTable(t, nil)
	mustTable(t, []Route{
		{Path: "/{a}/{b-c}/{_d}", Channels: ch("x{a}{b-c}{_d}")},
		{Path: "/%7Bnot%7D", Channels: ch("x")},
		{Path: "/$a", Channels: ch("a$")},
		{Path: "/o/{a}", Channels: ch("{a}", "{a}$"), Open: true},
		{Path: "/é", Channels: ch("é")},
		{Host: "localhost", Path: "/", Backend: "b"},
		{Host: "*.localhost", Path: "/", Backend: "b"},
		{Host: "::1", Path: "/", Backend: "b"},
		{Host: "my_host-1", Path: "/", Backend: "b"},
	})
}

func TestDuplicates(t *testing.T) {
	for _, pair := range [][2]Route{
		{{Path: "/a/{x}", Backend: "b"}, {Path: "/a/{y}", Backend: "c"}},
		{{Path: "/a", Backend: "b"}, {Path: "/a", Channels: ch("c")}},
		{{Path: "/a%2Fb", Backend: "b"}, {Path: "/%61%2fb", Backend: "b"}},
		{{Host: "A.example:", Path: "/", Backend: "b"}, {Host: "a.example.", Path: "/", Backend: "b"}},
		{{Host: "*.A.example", Path: "/", Backend: "b"}, {Host: "*.a.example.", Path: "/", Backend: "b"}},
		{{Host: "::1", Path: "/", Backend: "b"}, {Host: "[0:0::1]", Path: "/", Backend: "b"}},
	} {
		pair[0].Host = strings.TrimSuffix(pair[0].Host, ":")
		_, err := NewTable([]Route{{Path: "/other", Backend: "b"}, pair[0], pair[1]})
		var e *ConfigError
		if !errors.As(err, &e) || e.Index != 2 || !strings.Contains(e.Text, "route 2") {
			t.Errorf("%+v: got %v; want route 3 to be the same as route 2", pair, err)
		}
	}
	mustTable(t, []Route{
		{Path: "/a/{x}", Backend: "b"}, {Path: "/a/x", Backend: "b"}, {Path: "/a", Backend: "b"},
		{Host: "a.b", Path: "/a", Backend: "b"}, {Host: "*.a.b", Path: "/a", Backend: "b"},
	})
}

func TestAllErrorsAtOnce(t *testing.T) {
	_, err := NewTable([]Route{
		{Host: "a:1", Path: "/{x}/{x}", Backend: "b"},
		{Path: "/ok", Backend: "b"},
		{Path: "/e/{r}", Channels: ch("{r}", "x:{q}"), Params: map[string]string{"r": "(", "z": "."}},
		{Path: "/ok"},
	})
	const want = `route 1 ("/{x}/{x}"): host: "a:1": write the host without a port
route 1 ("/{x}/{x}"): path: {x} is there twice
route 3 ("/e/{r}"): params: r = "(": error parsing regexp: missing closing ): ` + "`(`" + `
route 3 ("/e/{r}"): params: "z" is not in the path as {z}
route 3 ("/e/{r}"): channels: "{r}" begins with a parameter, so anybody could read every channel: put text before it, or set open = true
route 3 ("/e/{r}"): channels: "x:{q}" uses {q}, which is not in the path
route 4 ("/ok"): backend: a route needs channels (to hold by itself) or a backend (to forward to)
route 4 ("/ok"): path: the same as that of route 2 ("/ok"): the names of parameters make no difference`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}
