package test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cometproxy/test/internal/harness"
)

// startApp starts a server whose every request goes to the handler.
func startApp(t *testing.T, more string, handler func(*harness.Exchange)) (*harness.Server, *harness.Backend) {
	t.Helper()
	b := harness.NewBackend(t, handler)
	return harness.Start(t, b.Config(more)+appRoute), b
}

func echoTarget(x *harness.Exchange) { x.Answer(200, x.Method+" "+x.Target) }

// TestForwardTarget: the app gets the target as the client wrote it.
func TestForwardTarget(t *testing.T) {
	t.Parallel()
	s, _ := startApp(t, "", echoTarget)
	for _, target := range []string{
		"/", "//a", "///", "/a//b/", "/a%2Fb", "/a%2fb", "/%61", "/a?", "/a?b", "/a?b=c&d", "/a??/../b?", "/a;b=c;d", "/a/../b", "/a/./b/..", "/%2e%2e/b",
		"/a%zzb", "/a%", "/a%00", "/a%0d%0aX:y", "/a+b", "/a:b@c,d$e!f'g(h)*i=j&k~l", "/[a]{b}|c^d`e\"<f>", "/a\\b", "/caf\xc3\xa9", "/\xff", "/a?%zz=\xff",
		"/a?x=http://b.example/%2F..", "/" + strings.Repeat("long/", 1500), "/..", "/a/../../..",
	} {
		c := s.Client(t)
		for _, method := range []string{"GET", "PATCH", "X-OWN"} {
			if a := c.Do(t, req(method, target)); a.Status != 200 || string(a.Body) != method+" "+target {
				t.Errorf("%s %.40q: %d, the app got %.60q", method, target, a.Status, a.Body)
			}
		}
	}
	if a := s.Client(t).Do(t, req("OPTIONS", "*")); string(a.Body) != "OPTIONS *" {
		t.Errorf("OPTIONS *: %d, the app got %q", a.Status, a.Body)
	}
}

// TestForwardRequestHead: what the app gets of the client's header.
func TestForwardRequestHead(t *testing.T) {
	t.Parallel()
	s, b := startApp(t, "", func(x *harness.Exchange) { x.Answer(200, "") })
	for _, c := range []struct {
		name        string
		lines, want []string // want: all header lines, sorted
	}{
		{"plain", []string{"Accept: */*", "x-lOwer: v", "X-Twice: 1", "X-Twice: 2", "Cookie: a=b; c=d"},
			[]string{"Accept: */*", "Cookie: a=b; c=d", "Host: localhost", "X-Twice: 1", "X-Twice: 2", "x-lOwer: v"}},
		{"hop by hop", []string{"Connection: keep-alive, X-Own", "X-Own: 1", "Keep-Alive: 5", "Proxy-Connection: x", "Proxy-Authorization: x", "TE: trailers", "Trailer: X", "Upgrade: x", "Proxy-Authenticate: x", "X-Kept: 1"},
			[]string{"Host: localhost", "X-Kept: 1"}},
		{"named in other letters", []string{"connection: x-OWN", "CONNECTION: x-other", "X-own: 1", "X-Other: 2"}, []string{"Host: localhost"}},
		{"names ours", []string{"Connection: X-Forwarded-For, X-Forwarded-Proto, x-forwarded-host", "X-Forwarded-For: 1.2.3.4"}, []string{"Host: localhost"}},
		{"from a proxy", []string{"X-Forwarded-For: 1.2.3.4", "x-forwarded-for: 5.6.7.8", "X-Forwarded-Proto: https", "X-Forwarded-Host: www.example.com"}, []string{"Host: localhost"}},
		{"twins", []string{"X_Forwarded_For: 6.6.6.6", "X-Forwarded_Proto: https", "x_forwarded-HOST: evil.example", "X_Own: 1"}, []string{"Host: localhost", "X_Own: 1"}},
		{"host", []string{"Host: Www.Example.com:8080"}, []string{"Host: Www.Example.com:8080"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := len(b.Requests())
			s.Client(t).Get(t, "/", c.lines...)
			x := b.Requests()[before]
			forwarded := map[string]string{"grip-feature": "status", "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http", "x-forwarded-host": strings.TrimPrefix(c.want[slices.IndexFunc(c.want, func(l string) bool { return strings.HasPrefix(l, "Host: ") })], "Host: ")}
			if c.name == "from a proxy" {
				forwarded = map[string]string{"grip-feature": "status", "x-forwarded-for": "1.2.3.4, 5.6.7.8, 127.0.0.1", "x-forwarded-proto": "https", "x-forwarded-host": "www.example.com"}
			}
			checkHead(t, x, c.want, forwarded)
		})
	}
}

var ownID = regexp.MustCompile("^[0-9a-f]{32}$")

// TestForwardRequestID: a request's id goes to the app, back to the client, and
// into the log.
func TestForwardRequestID(t *testing.T) {
	t.Parallel()
	s, b := startApp(t, "[forward]\nvia = true\nforwarded = true\n", func(x *harness.Exchange) {
		if x.Target == "/gone" {
			x.Conn.Close()
			return
		}
		x.Answer(200, "", "x-request-id: the app's", "Via: 1.1 app")
	})
	for _, c := range []struct {
		target, sent string
		status       int
	}{{"/", "", 200}, {"/", "mine-1", 200}, {"/", "not \"mine\"", 200}, {"/gone", "lost-1", 502}} {
		a := s.Client(t).Get(t, c.target, "X-Request-Id: "+c.sent)
		id := a.Header.Get("X-Request-Id")
		if a.Status != c.status || id != c.sent && !ownID.MatchString(id) || len(a.Header["X-Request-Id"]) != 1 {
			t.Errorf("%s with %q: %d %v", c.target, c.sent, a.Status, a.Header)
		}
		x := b.Requests()[len(b.Requests())-1]
		if got := x.Header.Get("X-Request-Id"); got != id {
			t.Errorf("the app got %q, the client %q", got, id)
		}
		if x.Header.Get("Via") != "1.1 cometproxy" || x.Header.Get("Forwarded") != "for=127.0.0.1;host=\"localhost\";proto=http" {
			t.Errorf("the app got %q", x.Lines)
		}
		if c.status == 200 && !slices.Equal(a.Header["Via"], []string{"1.1 app", "1.1 cometproxy"}) {
			t.Errorf("the client got %v", a.Header)
		}
	}
	s.Stop() // then the log is whole
	if !strings.Contains(s.Log(), `"request_id":"lost-1"`) {
		t.Errorf("the log does not name the request:\n%s", s.Log())
	}
}

// checkHead compares all header lines that the app got with those it should.
func checkHead(t *testing.T, x *harness.Exchange, want []string, forwarded map[string]string) {
	t.Helper()
	var got []string
	for _, line := range x.Lines {
		name, value, _ := strings.Cut(line, ": ")
		name = strings.ToLower(name)
		if _, ours := forwarded[name]; ours {
			if value != forwarded[name] {
				t.Errorf("%s; want %s", line, forwarded[name])
			}
			delete(forwarded, name)
			continue
		}
		if name == "connection" && value == "keep-alive" || name == "x-request-id" && ownID.MatchString(value) {
			continue
		}
		got = append(got, line)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the app got %q; want %q", got, want)
	}
	if len(forwarded) > 0 {
		t.Errorf("the app did not get %v in %q", forwarded, x.Lines)
	}
}

// TestForwardAnswerHead: what the client gets of the app's header, for answers
// that are there at once and for those that come in pieces.
func TestForwardAnswerHead(t *testing.T) {
	t.Parallel()
	const lines = "Content-Type: text/x; a=b\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nServer: own/1\r\n" +
		"X-hEaD: v\r\nConnection: keep-alive, X-Own\r\nX-Own: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: x\r\nUpgrade: h2c\r\nContent-Encoding: gzip\r\nETag: \"x\"\r\n"
	s, _ := startApp(t, "", func(x *harness.Exchange) {
		if x.Target == "/fixed" {
			x.Write("HTTP/1.1 299 Own Reason\r\n" + lines + "Content-Length: 2\r\n\r\nok")
			return
		}
		x.Write("HTTP/1.1 299 Own Reason\r\n" + lines + "Transfer-Encoding: chunked\r\n\r\n1\r\no\r\n1;ext=1\r\nk\r\n0\r\n\r\n")
	})
	for _, target := range []string{"/fixed", "/chunked"} {
		c := s.Client(t)
		for range 2 {
			a := c.Get(t, target)
			for name, want := range map[string]string{
				"Content-Type": "text/x; a=b", "Set-Cookie": "a=1|b=2", "Server": "own/1", "X-Head": "v", "Content-Encoding": "gzip", "Etag": `"x"`,
				"X-Own": "", "Keep-Alive": "", "Proxy-Authenticate": "", "Upgrade": "", "Connection": "",
			} {
				if got := strings.Join(a.Header.Values(name), "|"); got != want {
					t.Errorf("%s: %s: %q; want %q", target, name, got, want)
				}
			}
			if a.Status != 299 || string(a.Body) != "ok" {
				t.Errorf("%s: %d %q", target, a.Status, a.Body)
			}
		}
	}
}

// TestForwardWithoutBody: answers that have none whatever their header says, and
// what comes after them on the same connection.
func TestForwardWithoutBody(t *testing.T) {
	t.Parallel()
	s, _ := startApp(t, "", func(x *harness.Exchange) {
		x.Body()
		switch x.Target {
		case "/204":
			x.Write("HTTP/1.1 204 No Content\r\nX-Is: 204\r\n\r\n")
		case "/304":
			x.Write("HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\nETag: \"x\"\r\n\r\n")
		case "/head":
			x.Write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
		case "/head-chunked":
			x.Write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		case "/early":
			x.Write("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		default:
			x.Answer(200, "")
		}
	})
	c := s.Client(t)
	for range 3 {
		for _, r := range []row{
			{request: req("GET", "/204"), status: 204, header: map[string]string{"X-Is": "204", "Transfer-Encoding": ""}},
			{request: req("GET", "/304"), status: 304, header: map[string]string{"ETag": `"x"`}},
			{request: req("HEAD", "/head"), status: 200, header: map[string]string{"Content-Length": "1000"}},
			{request: req("HEAD", "/head-chunked"), status: 200}, {request: req("GET", "/early"), status: 200, body: "ok"},
			{request: post("/204", "body"), status: 204}, {request: req("GET", "/empty"), status: 200, header: map[string]string{"Content-Length": "0"}},
		} {
			checkRow(t, &r, c.Do(t, r.request), func(s string) string { return s })
		}
	}
}

// TestForwardPipelined: requests sent all at once are answered in order, those to
// the app and polls among them.
func TestForwardPipelined(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, func(x *harness.Exchange) {
		body, _ := x.Body()
		x.Write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		for _, part := range []string{x.Target, string(body)} {
			if part != "" {
				x.Write(fmt.Sprintf("%x\r\n%s\r\n", len(part), part))
			}
		}
		x.Write("0\r\n\r\n")
	})
	s := harness.Start(t, b.Config("")+roomsConfig+appRoute)
	inParallel(t, 20, func(k int) error {
		c, err := harness.NewClient(s.Public[0])
		if err != nil {
			return err
		}
		defer c.Close()
		var all strings.Builder
		for i := range 30 {
			all.WriteString(req("GET", fmt.Sprintf("/%d/%d", k, i)) + req("GET", "/room/x?wait=0.01") + post(fmt.Sprintf("/%d/%d/", k, i), "body"))
		}
		if err := c.Send(all.String()); err != nil {
			return err
		}
		for i := range 30 {
			for _, want := range []string{fmt.Sprintf("/%d/%d", k, i), "", fmt.Sprintf("/%d/%d/body", k, i)} {
				if a, err := c.Read(); err != nil || string(a.Body) != want {
					return fmt.Errorf("answer %d: %+v, %v; want %q", i, a, err, want)
				}
			}
		}
		return nil
	})
}
