package route

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// pathTable has native routes among backends.
func pathTable(t *testing.T) *Table {
	return mustTable(t, []Route{
		{Path: "/", Backend: "app"},
		{Path: "/api", Backend: "api"},
		{Path: "/admin", Backend: "admin"},
		{Path: "/public", Backend: "public"},
		{Path: "/events/{room}", Channels: []string{"room:{room}", "everyone"}},
		{Path: "/events/all", Channels: []string{"everyone"}},
		{Path: "/api/{x}/live", Channels: []string{"live:{x}"}},
		{Path: "/caf%C3%A9/a%2Fb", Channels: []string{"café"}},
	})
}

func TestMatchPaths(t *testing.T) {
	run(t, pathTable(t), `
	# prefixes end at a border of segments
	- /                       = / > app
	- /?a=/api                = / > app
	- /api                    = /api > api
	- /api/                   = /api > api
	- /api/x                  = /api > api
	- /apix                   = / > app
	- /API                    = / > app
	- /api?x/y                = /api > api
	- /api#x                  = /api > api
	# literal before {name} before end; backtracking
	- /events/42              = /events/{room} room:42 everyone
	- /events/all             = /events/all everyone
	- /events/42?cursor=a/b   = /events/{room} room:42 everyone
	- /events/42#x            = /events/{room} room:42 everyone
	- /events                 = / > app
	- /events/42/more         = / > app
	- /api/7/live             = /api/{x}/live live:7
	- /api/7/dead             = /api > api
	- /api/7/live/more        = /api > api
	# decoded once
	- /%65vents/4%32          = /events/{room} room:42 everyone
	- /events/a+b             = /events/{room} room:a+b everyone
	- /events/%2525           = /events/{room} room:%25 everyone
	- /events/%252e%252e      = /events/{room} room:%2e%2e everyone
	- /events/caf%C3%A9       = /events/{room} room:café everyone
	- /events/café            = /events/{room} room:café everyone
	- /caf%c3%a9/a%2fb        = /caf%C3%A9/a%2Fb café
	- /caf%c3%a9/a/b          = / > app
	- /events/a..b            = /events/{room} room:a..b everyone
	- /events/...             = /events/{room} room:... everyone
	# %2F is no border
	- /events%2F42            = / > app
	- /api%2Fx                = / > app
	- /events/a%2Fb           = BadParam room
	`)
}

func TestSloppyPathsOfNativeRoutes(t *testing.T) {
	run(t, pathTable(t), `
	- /events/42/             = BadPath
	- //events/42             = BadPath
	- /events//42             = BadPath
	- /events/./42            = BadPath
	- /events/%2e/42          = BadPath
	- /x/../events/42         = BadPath
	- /x/%2e%2E/events/42     = BadPath
	- /x/.%2e/events/42       = BadPath
	- /../events/42           = BadPath
	- /events/42/.            = BadPath
	- /events/42/x/..         = BadPath
	- /events/%               = BadPath
	- /events/%4              = BadPath
	- /events/%zz             = BadPath
	- /events/%ff             = BadPath
	- /events/%C0%AF          = BadPath
	- /events/%ED%A0%80       = BadPath
	- /events/%00             = BadPath
	- /events/%7f             = BadPath
	- /events/%C2%85          = BadPath
	- "/events/a\tb"          = BadPath
	- "/events/\xff"          = BadPath
	- /%zz/../events/42       = BadPath
	`)
}

func TestSloppyPathsOfBackends(t *testing.T) {
	run(t, pathTable(t), `
	- /events/                = / > app
	- /events/..              = / > app
	- /events/.               = / > app
	- /events/../x            = / > app
	- /public/../admin        = /admin > admin
	- /public/%2e%2e/admin    = /admin > admin
	- /public/.%2E/admin      = /admin > admin
	- /public/./../admin/x    = /admin > admin
	- /public/x/../../admin   = /admin > admin
	- /public/x//../../admin  = /admin > admin
	- /public//../admin       = /admin > admin
	- //admin                 = /admin > admin
	- /.//admin               = /admin > admin
	- /../../admin            = /admin > admin
	- /%61dmin                = /admin > admin
	- /admin/..               = / > app
	- /admin/%2e%2e%2fx       = /admin > admin
	- /public/..%2Fadmin      = /public > public
	- /public/%zz             = /public > public
	- /%zz                    = / > app
	- "/public/\x00\xff"      = /public > public
	- //                      = / > app
	`)
}

func TestFormsOfTargets(t *testing.T) {
	run(t, pathTable(t), `
	- *                       = / > app
	- http://x/events/42?a    = /events/{room} room:42 everyone
	- HTTPS://x:1/api         = /api > api
	- http://x                = / > app
	- http://x?/api           = / > app
	- http://x//events/42     = BadPath
	- http:///api             = BadPath
	- http://:80/api          = BadPath
	- http://u:p@x/api        = BadPath
	- http:/api               = BadPath
	- ftp://x/api             = BadPath
	- example.com:443         = BadPath
	- api                     = BadPath
	- **                      = BadPath
	- *?x                     = BadPath
	- ?x                      = BadPath
	- ""                      = BadPath
	- /*                      = / > app
	`)
}

func TestMatchBacktracks(t *testing.T) {
	table := mustTable(t, []Route{
		{Path: "/a/b/c", Backend: "abc"},
		{Path: "/a/{x}/d", Backend: "axd"},
		{Path: "/{x}/b/e", Backend: "xbe"},
		{Path: "/{x}/{y}/{z}", Channels: []string{"z:{z}"}},
		{Path: "/a/b", Channels: []string{"ab"}},
	})
	run(t, table, `
	- /a/b/c    = /a/b/c > abc
	- /a/b/c/x  = /a/b/c > abc
	- /a/b/d    = /a/{x}/d > axd
	- /a/b/e/1  = /{x}/b/e > xbe
	- /a/b/f    = /{x}/{y}/{z} z:f
	- /a/b      = /a/b ab
	- /a/c      = NotFound
	- /         = NotFound
	- /a/b/f/g  = NotFound
	- *         = NotFound
	`)
}

func TestAsteriskIsNoPath(t *testing.T) {
	table := mustTable(t, []Route{{Path: "/", Channels: []string{"root"}}, {Host: "b.example", Path: "/", Backend: "b"}})
	run(t, table, `
	- /          = / root
	- http://x   = / root
	- //         = BadPath
	- *          = NotFound
	b.example *  = b.example/ > b
	`)
}

func TestMatchHosts(t *testing.T) {
	table := mustTable(t, []Route{
		{Path: "/", Backend: "rest"},
		{Path: "/everywhere", Backend: "rest"},
		{Host: "App.Example.com.", Path: "/", Backend: "exact"},
		{Host: "*.example.com", Path: "/", Backend: "wild"},
		{Host: "*.eu.example.com", Path: "/eu", Backend: "long"},
		{Host: "b.eu.example.com", Path: "/b", Backend: "b"},
		{Host: "[2001:DB8:0::1]", Path: "/", Backend: "six"},
		{Host: "192.0.2.1", Path: "/", Backend: "four"},
	})
	run(t, table, `
	app.example.com /           = App.Example.com./ > exact
	APP.EXAMPLE.COM:8000 /x     = App.Example.com./ > exact
	app.example.com. /          = App.Example.com./ > exact
	app.example.com.:80 /       = App.Example.com./ > exact
	app.example.com.. /         = / > rest
	app.example.com: /          = App.Example.com./ > exact
	app.example.com /everywhere = App.Example.com./ > exact
	x.example.com /             = *.example.com/ > wild
	x.y.example.com:1 /         = *.example.com/ > wild
	example.com /               = / > rest
	.example.com /              = / > rest
	notexample.com /            = / > rest
	a.eu.example.com /eu        = *.eu.example.com/eu > long
	a.eu.example.com /          = *.example.com/ > wild
	b.eu.example.com /b         = b.eu.example.com/b > b
	b.eu.example.com /eu        = *.eu.example.com/eu > long
	b.eu.example.com /x         = *.example.com/ > wild
	eu.example.com /eu          = *.example.com/ > wild
	[2001:db8::1] /             = [2001:DB8:0::1]/ > six
	[2001:db8:0:0::1]:443 /     = [2001:DB8:0::1]/ > six
	2001:db8::1 /               = [2001:DB8:0::1]/ > six
	[2001:db8::2] /             = / > rest
	[2001:db8::1 /              = / > rest
	192.0.2.1:80 /              = 192.0.2.1/ > four
	- /                         = / > rest
	: /                         = / > rest
	other.test http://app.example.com:80/x = App.Example.com./ > exact
	app.example.com http://other.test/     = / > rest
	`)
	long := strings.Repeat("a.", 5000) + "example.com"
	if m, err := table.Match([]byte(long), []byte("/")); show(m, err) != "/ > rest" {
		t.Errorf("a host longer than any name: got %s", show(m, err))
	}
}

func TestMatchWithoutHost(t *testing.T) {
	table := mustTable(t, []Route{{Host: "a.example", Path: "/", Backend: "a"}})
	run(t, table, `
	b.example / = NotFound
	- /         = NotFound
	- *         = NotFound
	a.example * = a.example/ > a
	`)
}

func TestParameters(t *testing.T) {
	table := mustTable(t, []Route{
		{Path: "/e/{room}", Channels: []string{"room:{room}"}},
		{Path: "/two/{a}/{b}", Channels: []string{"x:{a}", "x:{b}", "x:{a}-{b}", "all", "x:{a}"}},
		{Path: "/swap/{a}/{b}", Channels: []string{"x:{b}{a}"}},
		{Path: "/num/{n}", Channels: []string{"n:{n}"}, Params: map[string]string{"n": `\d+|x\ny`}},
		{Path: "/any/{n}", Channels: []string{"n:{n}"}, Params: map[string]string{"n": `(?s).*`}},
		{Path: "/open/{n}", Channels: []string{"{n}"}, Open: true, Params: map[string]string{"n": `.*`}},
		{Path: "/unused/{n}", Channels: []string{"all"}},
	})
	run(t, table, `
	- /e/a-b_c.d~e!()'@&=|^%5C  = /e/{room} room:a-b_c.d~e!()'@&=|^\
	- /e/a:b      = BadParam room
	- /e/a%3ab    = BadParam room
	- /e/a%2Fb    = BadParam room
	- /e/a,b      = BadParam room
	- /e/a;b      = BadParam room
	- /e/*        = BadParam room
	- /e/$a       = BadParam room
	- /e/a%22     = BadParam room
	- /e/a%3C     = BadParam room
	- /e/a%3E     = BadParam room
	- /e/a%20b    = BadParam room
	- "/e/a b"    = BadParam room
	- /e/a%C2%A0b = BadParam room
	- /e/%E2%80%A8 = BadParam room
	- /two/1/2    = /two/{a}/{b} x:1 x:2 x:1-2 all
	- /two/1/1    = /two/{a}/{b} x:1 x:1-1 all
	- /two/1/$    = BadParam b
	- /swap/1/2   = /swap/{a}/{b} x:21
	- /num/12     = /num/{n} n:12
	- /num/1a     = BadParam n
	- /num/a1     = BadParam n
	- /num/1%0a   = BadPath
	- /any/a:b,c%2F%20d = /any/{n} n:a:b,c/ d
	- /any/%00    = BadPath
	- /any/%2e%2e = NotFound
	- /open/a:b   = /open/{n} a:b
	- /open/$SYS  = BadParam n
	- /unused/1   = /unused/{n} all
	- /unused/a:b = BadParam n
	`)
}

func TestNameLength(t *testing.T) {
	table := mustTable(t, []Route{{Path: "/{n}", Channels: []string{"n:{n}"}}})
	for n, want := range map[int]string{1: "", 253: "", 254: "BadParam n", 5000: "BadParam n"} {
		m, err := table.Match(nil, []byte("/"+strings.Repeat("a", n)))
		if err == nil && want == "" && len(m.Channels[0]) == n+2 {
			continue
		}
		if got := show(m, err); got != want {
			t.Errorf("%d bytes: got %.40s; want %q", n, got, want)
		}
	}
}

func TestErrorTexts(t *testing.T) {
	table := mustTable(t, []Route{
		{Path: "/e/{room}", Channels: []string{"room:{room}"}, Value: "mine"},
		{Path: "/n/{n}", Channels: []string{"n:{n}"}, Params: map[string]string{"n": `[0-9]+`}},
	})
	for _, c := range []struct {
		target, text string
		status       int
	}{
		{"/x", "no route matches this path", 404},
		{"/e//1", "the path has an empty segment: write each / once and none at the end", 400},
		{"/e/x/../1", `the path has the dot segment "..": send the path it stands for`, 400},
		{"/e/%4", `the path segment "%4" has a bad percent escape: a literal % is written %25`, 400},
		{"/e/%ff", `the path segment "%ff" is not UTF-8 when decoded`, 400},
		{"/e/a%00", `the path segment "a%00" contains a control character`, 400},
		{"/e/a:b", `parameter "room" may not contain the character :`, 400},
		{"/e/a%20", `parameter "room" may not contain white space (U+0020)`, 400},
		{"/n/x", `parameter "n" must match [0-9]+`, 400},
		{"/e/" + strings.Repeat("é", 125), "", 200},
		{"/e/" + strings.Repeat("é", 126), `parameter "room" does not make a channel name: a channel name is at most 255 bytes of UTF-8, this one has 257`, 400},
		{"x", "the request target must begin with /, http:// or https://", 400},
	} {
		_, err := table.Match(nil, []byte(c.target))
		if c.status == 200 {
			if err != nil {
				t.Errorf("%s: %v", c.target, err)
			}
			continue
		}
		var e *Error
		if !errors.As(err, &e) || e.Error() != c.text || e.Status() != c.status {
			t.Errorf("%s:\n got %v\nwant %d %s", c.target, err, c.status, c.text)
		}
		if known := strings.HasPrefix(c.target, "/e"); known && (e.Route == nil || e.Route.Value != "mine") {
			t.Errorf("%s: the error does not carry the route that refused", c.target)
		}
	}
}

func TestValidChannel(t *testing.T) {
	for _, name := range []string{"a", "room:42", "a/b", "é", "a b", "..", "a$", strings.Repeat("x", 255), "\U0001F600"} {
		if err := ValidChannel(name); err != nil {
			t.Errorf("%.20q: %v", name, err)
		}
	}
	for _, name := range []string{"", "$", "$sys", "a\x00", "a\nb", "\x7f", "a\u0085", "\xff", "a\xc3", strings.Repeat("x", 256), strings.Repeat("é", 128)} {
		if ValidChannel(name) == nil {
			t.Errorf("%.20q passes", name)
		}
	}
}

func TestUnescapeSegment(t *testing.T) {
	for raw, want := range map[string]string{
		"a": "a", "room%3A42": "room:42", "a%2Fb": "a/b", "a+b": "a+b", "%C3%a9": "é", "%25": "%", "%24a": "$a", "%20": " ",
	} {
		if got, err := UnescapeSegment([]byte(raw)); got != want || err != nil {
			t.Errorf("%q: got %q, %v; want %q", raw, got, err, want)
		}
	}
	for _, raw := range []string{"", ".", "..", "%2e", "%2E.", "%", "a%2", "%g0", "%0g", "%00", "%ff", "a\nb", "%C2%80"} {
		var e *Error
		if got, err := UnescapeSegment([]byte(raw)); got != "" || !errors.As(err, &e) || e.Kind != BadPath {
			t.Errorf("%q: got %q, %v; want BadPath", raw, got, err)
		}
	}
}

func TestTableCopiesRoutes(t *testing.T) {
	routes := []Route{{Path: "/a", Channels: []string{"a"}, Value: 7}}
	table := mustTable(t, routes)
	routes[0].Channels[0], routes[0].Value = "b", 8
	m, err := table.Match(nil, []byte("/a"))
	if err != nil || !slices.Equal(m.Channels, []string{"a"}) || m.Route.Value != 7 || m.Route.Channels[0] != "a" {
		t.Errorf("got %+v, %v; want the routes as given", m, err)
	}
}
