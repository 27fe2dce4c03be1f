package proxy

import (
	"testing"

	"github.com/valyala/fasthttp"
)

// noPage is an AdminPage.
type noPage struct{}

func (noPage) Shell(ctx *fasthttp.RequestCtx, path string) { plain(ctx, 200, "shell "+path) }
func (noPage) Data(ctx *fasthttp.RequestCtx, path string)  { plain(ctx, 200, "data "+path) }
func (noPage) Drain()                                      {}

// TestGuardOfThePage: of what browsers send without a token only that passes which
// the listener's own page has sent.
func TestGuardOfThePage(t *testing.T) {
	var with, without guard
	with.init(InternalOptions{Page: noPage{}, Hosts: []string{"box.internal"}})
	without.init(InternalOptions{Hosts: []string{"box.internal"}})
	const local = "127.0.0.1:5561"
	for _, tc := range []struct {
		name   string
		host   string
		origin []string
		site   string
		ok     bool
	}{
		{"own page", local, []string{"http://127.0.0.1:5561"}, "same-origin", true},
		{"own page, over a network", "10.0.0.1:5561", []string{"http://10.0.0.1:5561"}, "", true},
		{"own page, by a tunnel", "localhost:9999", []string{"http://localhost:9999"}, "same-origin", true},
		{"own page, IPv6", "[::1]:5561", []string{"http://[::1]:5561"}, "same-origin", true},
		{"own page, port 80", "localhost", []string{"http://localhost"}, "same-origin", true},
		{"own page, a known name", "box.internal:5561", []string{"http://box.internal:5561"}, "same-origin", true},
		{"another site", local, []string{"https://evil.example"}, "cross-site", false},
		{"another site, old browser", local, []string{"http://evil.example"}, "", false},
		{"another port", local, []string{"http://127.0.0.1:3000"}, "same-site", false},
		{"another port, which says nothing", local, []string{"http://127.0.0.1"}, "", false},
		{"another name of this machine", local, []string{"http://localhost:5561"}, "cross-site", false},
		{"https", local, []string{"https://127.0.0.1:5561"}, "same-origin", false},
		{"a sandbox", local, []string{"null"}, "cross-site", false},
		{"an empty one", local, []string{""}, "", false},
		{"no host in it", local, []string{"http://"}, "", false},
		{"a beginning", local, []string{"http://127.0.0.1:55"}, "", false},
		{"more", local, []string{"http://127.0.0.1:5561.evil.example"}, "", false},
		{"a path", local, []string{"http://127.0.0.1:5561/"}, "", false},
		{"upper case", local, []string{"HTTP://127.0.0.1:5561"}, "", false},
		{"two", local, []string{"http://127.0.0.1:5561", "https://evil.example"}, "", false},
		{"two alike", local, []string{"http://127.0.0.1:5561", "http://127.0.0.1:5561"}, "", false},
		{"own, says the origin; another's, says the browser", local, []string{"http://127.0.0.1:5561"}, "cross-site", false},
		{"own, says the origin; same site, says the browser", local, []string{"http://127.0.0.1:5561"}, "same-site", false},
		{"rebinding", "evil.example:5561", []string{"http://evil.example:5561"}, "same-origin", false},
		{"rebinding, a GET", "evil.example:5561", nil, "same-origin", false},
		{"an image on another site", local, nil, "cross-site", false},
		{"an image of another port", local, nil, "same-site", false},
		{"something new", local, nil, "same-galaxy", false},
		{"own GET", local, nil, "same-origin", true},
		{"typed", local, nil, "none", true},
		{"no browser", local, nil, "", true},
	} {
		ask := func(g *guard) bool {
			var ctx fasthttp.RequestCtx
			ctx.Request.Header.SetMethod("POST")
			ctx.Request.Header.SetHost(tc.host)
			for _, o := range tc.origin {
				ctx.Request.Header.Add("Origin", o)
			}
			if tc.site != "" {
				ctx.Request.Header.Set("Sec-Fetch-Site", tc.site)
			}
			ok := g.admit(&ctx)
			if !ok && ctx.Response.StatusCode() != 403 {
				t.Errorf("%s: status %d", tc.name, ctx.Response.StatusCode())
			}
			return ok
		}
		if got := ask(&with); got != tc.ok {
			t.Errorf("%s: admitted: %v", tc.name, got)
		}
		if got := ask(&without); got != (tc.ok && tc.origin == nil) {
			t.Errorf("%s, without a page: admitted: %v", tc.name, got)
		}
	}
}

// TestGuardBehindATunnel: somebody made a tunnel from a port of theirs to the socket,
// and a page whose name was made to point to that port asks it.
func TestGuardBehindATunnel(t *testing.T) {
	var g guard
	g.init(InternalOptions{Page: noPage{}})
	for _, tc := range []struct {
		method, target, host, origin string
		ok                           bool
	}{
		{"POST", "/channels/a", "localhost:5561", "http://localhost:5561", true},
		{"GET", "/admin/live", "localhost:5561", "", true},
		{"POST", "/channels/a", "evil.example:5561", "http://evil.example:5561", false},
		{"GET", "/admin/live?x", "evil.example:5561", "", false},
		{"GET", "/admin/config", "unix", "", false},
		{"POST", "/channels/a", "unix", "", true}, // an app, which may call it what it likes
	} {
		var ctx fasthttp.RequestCtx
		ctx.Init2(unixConn{}, nil, false)
		ctx.Request.Header.SetMethod(tc.method)
		ctx.Request.Header.SetRequestURI(tc.target)
		ctx.Request.Header.SetHost(tc.host)
		if tc.origin != "" {
			ctx.Request.Header.Set("Origin", tc.origin)
		}
		if got := g.admit(&ctx); got != tc.ok {
			t.Errorf("%+v: admitted: %v", tc, got)
		}
	}
}

// TestReadOnly: browsers may only read, with a token too; programs may write.
func TestReadOnly(t *testing.T) {
	for _, token := range []string{"", "a-secret-of-enough-characters"} {
		var g guard
		g.init(InternalOptions{Page: noPage{}, Token: token, ReadOnly: true})
		for _, tc := range []struct {
			method, field, value string
			ok                   bool
		}{
			{"GET", "Sec-Fetch-Site", "same-origin", true},
			{"HEAD", "Origin", "http://localhost", true},
			{"POST", "Origin", "http://localhost", false},
			{"DELETE", "Origin", "http://localhost", false},
			{"PUT", "Sec-Fetch-Site", "same-origin", false},
			{"POST", "", "", true},
			{"DELETE", "User-Agent", "curl", true},
		} {
			var ctx fasthttp.RequestCtx
			ctx.Request.Header.SetMethod(tc.method)
			ctx.Request.Header.SetHost("localhost")
			ctx.Request.Header.Set("Authorization", "Bearer "+token)
			if tc.field != "" {
				ctx.Request.Header.Set(tc.field, tc.value)
			}
			if got := g.admit(&ctx); got != tc.ok {
				t.Errorf("token %q, %+v: admitted: %v", token, tc, got)
			}
		}
	}
}

// TestPagePaths: the shell is for anybody, the data is not.
func TestPagePaths(t *testing.T) {
	virtual(t, Options{Internal: InternalOptions{Page: noPage{}, Token: "secret"}}, func(t *testing.T, s *site) {
		for _, tc := range []struct {
			method, target string
			lines          []string
			status         int
			body           string
		}{
			{"GET", "/", nil, 200, "shell /\n"},
			{"GET", "/?x", nil, 200, "shell /\n"},
			{"GET", "/page/a.css", nil, 200, "shell /page/a.css\n"},
			{"POST", "/", nil, 405, ""},
			{"GET", "/admin/live", nil, 401, ""},
			{"GET", "/admin/live?q", []string{"Authorization: Bearer secret"}, 200, "data /admin/live\n"},
			{"POST", "/admin/live", []string{"Authorization: Bearer secret"}, 405, ""},
			{"GET", "/admin", []string{"Authorization: Bearer secret"}, 404, ""},
		} {
			if r := s.request(tc.method, tc.target, "", tc.lines...); r.status != tc.status || tc.body != "" && r.body != tc.body {
				t.Errorf("%s %s: %d %q", tc.method, tc.target, r.status, r.body)
			}
		}
	})
	virtual(t, Options{}, func(t *testing.T, s *site) {
		for _, target := range []string{"/", "/page/a.css", "/admin/live"} {
			if r := s.request("GET", target, ""); r.status != 404 {
				t.Errorf("%s without a page: %d", target, r.status)
			}
		}
	})
}
