package proxy

import (
	"bufio"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"cometproxy/backend"
)

// at is a connection of which only the client's address counts.
type at struct {
	net.Conn
	client net.Addr
}

func (a at) LocalAddr() net.Addr  { return &net.TCPAddr{} }
func (a at) RemoteAddr() net.Addr { return a.client }

// prepared gives a request's header lines to the app's side.
func prepared(t *testing.T, o ForwardOptions, client net.Addr, lines ...string) (head []string, upgrade string) {
	t.Helper()
	var ctx fasthttp.RequestCtx
	ctx.Init2(at{client: client}, nil, false)
	ctx.Request.Header.DisableNormalizing()
	request := "GET /a%2Fb?c HTTP/1.1\r\n" + joined(lines) + "\r\n"
	if err := ctx.Request.Header.Read(bufio.NewReader(strings.NewReader(request))); err != nil {
		t.Fatalf("%q: %v", lines, err)
	}
	var f forwardedHead
	var r backend.Request
	upgrade, _ = f.write(&ctx, &o, new(target))
	f.fill(&r)
	if string(r.Method) != "GET" || string(r.Target) != "/a%2Fb?c" {
		t.Errorf("%s %s", r.Method, r.Target)
	}
	head = strings.Split(strings.TrimSuffix(string(r.Lines), "\r\n"), "\r\n")
	slices.Sort(head)
	return head, upgrade
}

var (
	remote = &net.TCPAddr{IP: net.IPv4(203, 0, 113, 9), Port: 1}
	local4 = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}
	local6 = &net.TCPAddr{IP: net.IPv6loopback, Port: 1}
	socket = &net.UnixAddr{Net: "unix"}
)

func TestForwardedHead(t *testing.T) {
	const host = "Host: shop.example"
	for _, tc := range []struct {
		name   string
		client net.Addr
		lines  []string
		want   []string
	}{
		{"nothing said", remote, nil,
			[]string{"X-Forwarded-For: 203.0.113.9", "X-Forwarded-Host: shop.example", "X-Forwarded-Proto: http"}},
		{"a remote client is not believed", remote, []string{"X-Forwarded-For: 1.1.1.1", "x-forwarded-for: 2.2.2.2", "X-Forwarded-Proto: https", "X-FORWARDED-HOST: evil.example"},
			[]string{"X-Forwarded-For: 203.0.113.9", "X-Forwarded-Host: shop.example", "X-Forwarded-Proto: http"}},
		{"a proxy on this machine is", local4, []string{"X-Forwarded-For: 1.1.1.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: www.example"},
			[]string{"X-Forwarded-For: 1.1.1.1, 127.0.0.1", "X-Forwarded-Host: www.example", "X-Forwarded-Proto: https"}},
		{"its lines become one", local6, []string{"X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 2.2.2.2"},
			[]string{"X-Forwarded-For: 1.1.1.1, 2.2.2.2, ::1", "X-Forwarded-Host: shop.example", "X-Forwarded-Proto: http"}},
		{"over a socket too", socket, []string{"X-Forwarded-For: 1.1.1.1"},
			[]string{"X-Forwarded-For: 1.1.1.1", "X-Forwarded-Host: shop.example", "X-Forwarded-Proto: http"}},
		{"a socket has no address", socket, nil,
			[]string{"X-Forwarded-Host: shop.example", "X-Forwarded-Proto: http"}},
		{"underscore twins of a remote client", remote, []string{"X_Forwarded_For: 1.1.1.1", "x_forwarded-proto: https", "X-Forwarded_Host: evil.example"},
			[]string{"X-Forwarded-For: 203.0.113.9", "X-Forwarded-Host: shop.example", "X-Forwarded-Proto: http"}},
		{"underscore twins that a local proxy let through", local4,
			[]string{"X-Forwarded-For: 1.1.1.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: www.example", "X_Forwarded_For: 6.6.6.6", "x_forwarded_proto: http", "X_FORWARDED_HOST: evil.example"},
			[]string{"X-Forwarded-For: 1.1.1.1, 127.0.0.1", "X-Forwarded-Host: www.example", "X-Forwarded-Proto: https"}},
		{"hop by hop", remote, []string{"Connection: keep-alive, X-Mine", "Keep-Alive: 5", "X-Mine: 1", "TE: trailers", "Proxy-Authorization: x", "proxy-connection: close", "X-Yours: 2"},
			[]string{"X-Forwarded-For: 203.0.113.9", "X-Forwarded-Host: shop.example", "X-Forwarded-Proto: http", "X-Yours: 2"}},
		{"hop by hop in any case", remote, []string{"CONNECTION: x-mine", "x-MINE: 1", "te: trailers", "UPGRADE: x"},
			[]string{"X-Forwarded-For: 203.0.113.9", "X-Forwarded-Host: shop.example", "X-Forwarded-Proto: http"}},
		{"what Connection names may be what is added", remote, []string{"Connection: X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host"},
			[]string{"X-Forwarded-For: 203.0.113.9", "X-Forwarded-Host: shop.example", "X-Forwarded-Proto: http"}},
		{"Connection does not take the Host away", remote, []string{"Connection: host"},
			[]string{"X-Forwarded-For: 203.0.113.9", "X-Forwarded-Host: shop.example", "X-Forwarded-Proto: http"}},
		{"names and values stay as they are", remote, []string{"x-lower: 1", "X-UPPER:  2 ", "Accept: a", "Accept: b", "Authorization: Basic x", "Content-Type: a/b"},
			[]string{"Accept: a", "Accept: b", "Authorization: Basic x", "Content-Type: a/b", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Host: shop.example", "X-Forwarded-Proto: http", "X-UPPER: 2", "x-lower: 1"}},
	} {
		got, upgrade := prepared(t, ForwardOptions{Trusted: thisMachine}, tc.client, append([]string{host}, tc.lines...)...)
		want := append([]string{host}, tc.want...)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", tc.name, got, want)
		}
		if upgrade != "" {
			t.Errorf("%s: upgrade to %q", tc.name, upgrade)
		}
	}
}

// TestForwardOptions: what else an app may be told.
func TestForwardOptions(t *testing.T) {
	six := &net.TCPAddr{IP: net.ParseIP("2001:db8::9"), Port: 1}
	for _, tc := range []struct {
		name   string
		o      ForwardOptions
		client net.Addr
		lines  []string
		want   []string
	}{
		{"Forwarded", ForwardOptions{Forwarded: true, NoXForwarded: true}, remote, []string{"Forwarded: for=1.1.1.1", "X-Forwarded-For: 1.1.1.1"},
			[]string{`Forwarded: for=203.0.113.9;host="shop.example";proto=http`}},
		{"Forwarded, IPv6, behind a trusted proxy", ForwardOptions{Forwarded: true, NoXForwarded: true, Trusted: []netip.Prefix{netip.MustParsePrefix("2001:db8::/32")}}, six,
			[]string{"Forwarded: for=1.1.1.1", "forwarded: for=2.2.2.2;proto=https", "X-Forwarded-For: 1.1.1.1"},
			[]string{`Forwarded: for=1.1.1.1, for=2.2.2.2;proto=https, for="[2001:db8::9]";host="shop.example";proto=http`, "X-Forwarded-For: 1.1.1.1"}},
		{"Forwarded off, of a stranger", ForwardOptions{NoXForwarded: true}, remote, []string{"Forwarded: for=1.1.1.1"}, nil},
		{"Forwarded off, of a trusted proxy", ForwardOptions{NoXForwarded: true, Trusted: thisMachine}, local4, []string{"Forwarded: for=1.1.1.1"},
			[]string{"Forwarded: for=1.1.1.1"}},
		{"Via", ForwardOptions{Via: true, NoXForwarded: true}, remote, []string{"Via: 1.0 a"}, []string{"Via: 1.0 a", "Via: 1.1 cometproxy"}},
		{"an id is kept", ForwardOptions{RequestID: "X-Request-Id", NoXForwarded: true}, remote, []string{"x-request-id: Az09-_.:/+=~"}, []string{"X-Request-Id: Az09-_.:/+=~"}},
		{"the first of two", ForwardOptions{RequestID: "X-Request-Id", NoXForwarded: true}, remote, []string{"X-Request-Id: a", "X-Request-Id: b"}, []string{"X-Request-Id: a"}},
	} {
		got, _ := prepared(t, tc.o, tc.client, append([]string{"Host: shop.example"}, tc.lines...)...)
		want := append([]string{"Host: shop.example"}, tc.want...)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", tc.name, got, want)
		}
	}
	for _, bad := range []string{"", "a b", "a\"", strings.Repeat("x", 129)} {
		head, _ := prepared(t, ForwardOptions{RequestID: "X-Id", NoXForwarded: true}, remote, "Host: x", "X-Id: "+bad)
		if len(head) != 2 || !regexp.MustCompile("^X-Id: [0-9a-f]{32}$").MatchString(head[1]) {
			t.Errorf("%q: %q", bad, head)
		}
	}
}

func TestForwardedUpgrade(t *testing.T) {
	for _, tc := range []struct {
		lines []string
		want  string
	}{
		{[]string{"Connection: Upgrade", "Upgrade: websocket"}, "websocket"},
		{[]string{"connection: keep-alive, UPGRADE", "upgrade: websocket"}, "websocket"},
		{[]string{"Upgrade: websocket"}, ""},
		{[]string{"Connection: keep-alive", "Upgrade: websocket"}, ""},
		{[]string{"Connection: Upgrade"}, ""},
	} {
		head, upgrade := prepared(t, ForwardOptions{}, remote, append([]string{"Host: x"}, tc.lines...)...)
		if upgrade != tc.want {
			t.Errorf("%q: upgrade to %q", tc.lines, upgrade)
		}
		for _, l := range head {
			if name, _, _ := strings.Cut(l, ":"); strings.EqualFold(name, "Upgrade") || strings.EqualFold(name, "Connection") {
				t.Errorf("%q: the app gets %q", tc.lines, l)
			}
		}
	}
}

func TestAnswerHead(t *testing.T) {
	for _, tc := range []struct{ name, app, want string }{
		{"plain", "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nX: 1\r\nX: 2\r\nServer: s\r\n", "HTTP/1.1 200 OK|Content-Type: a/b|Server: s|X: 1|X: 2"},
		{"reason", "HTTP/1.1 299 Quite Fine\r\nX: 1\r\n", "HTTP/1.1 299 Quite Fine|X: 1"},
		{"hop by hop", "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: 5\r\nUpgrade: h2c\r\nTrailer: X\r\nProxy-Authenticate: x\r\nX: 1\r\n", "HTTP/1.1 200 OK|X: 1"},
		{"in any case", "HTTP/1.1 200 OK\r\nconnection: x-mine\r\nX-MINE: 1\r\nkeep-alive: 5\r\nx: 1\r\n", "HTTP/1.1 200 OK|x: 1"},
		{"close", "HTTP/1.1 200 OK\r\nConnection: close\r\nX: 1\r\n", "HTTP/1.1 200 OK|X: 1"},
		{"cookies", "HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/; HttpOnly\r\nSet-Cookie: a=\"2\"; Path=/x\r\nset-cookie: b=3\r\n", "HTTP/1.1 200 OK|Set-Cookie: a=\"2\"; Path=/x|Set-Cookie: a=1; Path=/; HttpOnly|Set-Cookie: b=3"},
		{"no Content-Type", "HTTP/1.1 200 OK\r\nX: 1\r\n", "HTTP/1.1 200 OK|X: 1"},
		{"location", "HTTP/1.1 302 Found\r\nLocation: /a b\r\nlink: </x>; rel=y\r\n", "HTTP/1.1 302 Found|Location: /a b|link: </x>; rel=y"},
	} {
		var src, dst fasthttp.ResponseHeader
		for _, h := range []*fasthttp.ResponseHeader{&src, &dst} {
			h.DisableNormalizing()
			h.SetNoDefaultContentType(true)
		}
		if err := src.Read(bufio.NewReader(strings.NewReader(tc.app + "Content-Length: 0\r\n\r\n"))); err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		copyAnswerHead(&dst, &src, new(edit))
		lines := strings.Split(strings.TrimSuffix(string(dst.Header()), "\r\n\r\n"), "\r\n")
		lines = slices.DeleteFunc(lines, func(l string) bool {
			return strings.HasPrefix(l, "Content-Length") || strings.HasPrefix(l, "Date: ")
		})
		slices.Sort(lines[1:])
		if got := strings.Join(lines, "|"); got != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", tc.name, got, tc.want)
		}
	}
}

// TestAbsoluteForm: the app sees the host that the route was chosen by.
func TestAbsoluteForm(t *testing.T) {
	var ctx fasthttp.RequestCtx
	ctx.Init2(at{client: remote}, nil, false)
	ctx.Request.Header.DisableNormalizing()
	request := "GET http://shop.example/a%2Fb?c HTTP/1.1\r\nHost: admin.example\r\n\r\n"
	if err := ctx.Request.Header.Read(bufio.NewReader(strings.NewReader(request))); err != nil {
		t.Fatal(err)
	}
	var f forwardedHead
	var r backend.Request
	f.write(&ctx, new(ForwardOptions), new(target))
	f.fill(&r)
	head := string(r.Lines)
	if string(r.Target) != "http://shop.example/a%2Fb?c" || !strings.HasPrefix(head, "Host: shop.example\r\n") ||
		!strings.Contains(head, "X-Forwarded-Host: shop.example\r\n") || strings.Contains(head, "admin") {
		t.Errorf("%s", head)
	}
}
