package test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cometproxy/test/internal/harness"
)

// A recording is a request, and the answer that the app is to give, as bytes.
type recording struct{ name, request, answer string }

func withLength(body string, lines ...string) string {
	return answerHead(200, append(lines, fmt.Sprintf("Content-Length: %d", len(body)))...) + body
}

func answerHead(status int, lines ...string) string {
	return fmt.Sprintf("HTTP/1.1 %d Some Reason\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n%s\r\n", status, joined(lines))
}

func joined(lines []string) string {
	text := ""
	for _, l := range lines {
		text += l + "\r\n"
	}
	return text
}

// recordings are requests and answers of all kinds.
func recordings() (list []recording) {
	add := func(name, request, answer string) { list = append(list, recording{name, request, answer}) }
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "M-SEARCH", "X-OWN", "TRACE"} {
		add(method, req(method, "/a?b=c"), withLength(map[bool]string{true: "", false: "body"}[method == "HEAD"], "X-A: b"))
	}
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "REPORT"} {
		add(method+" with a body", harness.Request(method, "/", "the body"), withLength("ok"))
		add(method+" in chunks", req(method, "/", "Transfer-Encoding: chunked")+"3\r\nthe\r\n5;ext=1\r\n body\r\n0\r\n\r\n", withLength("ok"))
	}
	for _, status := range []int{200, 201, 202, 203, 206, 207, 226, 299, 300, 301, 302, 303, 307, 308, 400, 401, 402, 403, 404, 405, 406, 409, 410, 412, 415, 416, 418, 422, 423, 429, 451, 499, 500, 501, 502, 503, 504, 507, 511, 599} {
		add(fmt.Sprint(status), req("GET", "/"), answerHead(status, "Content-Length: 2", "Location: /b?c#d", "WWW-Authenticate: Basic realm=\"x\"", "Retry-After: 3")+"ok")
	}
	add("204", req("GET", "/"), answerHead(204, "X-A: b"))
	add("304", req("GET", "/"), answerHead(304, "ETag: \"a\""))
	add("304 with a length", req("GET", "/"), answerHead(304, "ETag: \"a\"", "Content-Length: 500"))
	add("no body", req("GET", "/"), answerHead(200, "Content-Length: 0"))
	add("chunks", req("GET", "/"), answerHead(200, "Transfer-Encoding: chunked")+"2\r\nok\r\n0\r\n\r\n")
	add("many chunks", req("GET", "/"), answerHead(200, "Transfer-Encoding: chunked")+strings.Repeat("1\r\na\r\n", 500)+"0\r\n\r\n")
	add("trailers", req("GET", "/", "TE: trailers"), answerHead(200, "Transfer-Encoding: chunked")+"2\r\nok\r\n0\r\n\r\n")
	add("hints before", req("GET", "/"), "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"+withLength("ok"))
	for _, line := range []string{"Cookie: a=1; b=\"2 3\"; c", "Cookie:", "X-Empty:", "X-Spaces:   a  b   ", "x-lower: 1", "X-UPPER: 1", "X_Under_Score: 1", "X.Dot!#$%&'*+^`|~: 1",
		"X-Latin: caf\xe9", "X-UTF8: é \U0001F600", "Accept: */*;q=0.5, text/html", "Accept-Encoding: br;q=1, gzip", "Authorization: Bearer a.b.c", "Range: bytes=0-1,5-", "If-Match: \"a\", W/\"b\"",
		"Referer: http://a.example/?b=%zz", "User-Agent: " + strings.Repeat("long ", 2000), "Content-Type: text/html; charset=\"x\"", "Origin: null", "DNT: 1", "Priority: u=1, i",
		"Sec-Fetch-Mode: cors", "Max-Forwards: 3", "Pragma: no-cache", "From: a@b", "Date: yesterday", "Server: me", "Set-Cookie: from=client", "Upgrade-Insecure-Requests: 1", "Alt-Used: b"} {
		add(line, req("GET", "/", line), withLength("ok"))
	}
	add("one name thrice", req("GET", "/", "X-A: 1", "X-B: 2", "x-a: 3", "X-A: 1", "Cookie: a=1", "Cookie: b=2"), withLength("ok", "Set-Cookie: a=1; Path=/", "X-A: 1", "Set-Cookie: b=2; Expires=Sun, 06 Nov 1994 08:49:37 GMT", "x-a: 2", "Vary: A", "Vary: B"))
	add("what concerns the connection", req("GET", "/", "Connection: close-me, x-own, keep-alive", "X-Own: 1", "Close-Me: 2", "Keep-Alive: 300", "Proxy-Connection: x", "X-Stays: 1"),
		withLength("ok", "Connection: X-Theirs", "X-Theirs: 1", "Keep-Alive: timeout=5", "X-Stays: 2"))
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write([]byte(strings.Repeat("packed ", 1000)))
	z.Close()
	add("gzip", req("GET", "/", "Accept-Encoding: gzip"), withLength(packed.String(), "Content-Encoding: gzip", "Vary: Accept-Encoding", "ETag: W/\"x\""))
	add("all bytes", req("GET", "/"), withLength(allBytes(), "Content-Type: application/octet-stream"))
	add("all bytes up", harness.Request("POST", "/", allBytes()), withLength("ok"))
	add("large head", req("GET", "/", "X-Large: "+strings.Repeat("x", 30000), "X-Larger: "+strings.Repeat("y", 30000)), withLength("ok", "X-Large: "+strings.Repeat("x", 30000)))
	add("large body", harness.Request("POST", "/", strings.Repeat("0123456789", 30000)), withLength(strings.Repeat("9876543210", 30000)))
	add("no type", req("GET", "/"), withLength("<html>"))
	add("two types", req("GET", "/"), withLength("x", "Content-Type: text/plain", "X-Content-Type: text/html"))
	add("events", req("GET", "/", "Accept: text/event-stream"), answerHead(200, "Content-Type: text/event-stream", "Transfer-Encoding: chunked")+chunk("data: 1\n\n")+chunk("data: 2\n\n")+"0\r\n\r\n")
	return list
}

func allBytes() string {
	b := make([]byte, 0, 256*300)
	for range 300 {
		for c := range 256 {
			b = append(b, byte(c))
		}
	}
	return string(b)
}

// TestRecorded: each request reaches an app that writes it down the same with and
// without the proxy, and so does its answer the client, but for what is documented.
func TestRecorded(t *testing.T) {
	t.Parallel()
	all := recordings()
	answers := func(x *harness.Exchange) {
		x.Body()
		var nth int
		fmt.Sscan(x.Header.Get("Nth"), &nth)
		x.Write(all[nth].answer)
	}
	s, behind := startApp(t, "", answers)
	alone := harness.NewBackend(t, answers)
	ask := func(address string, nth int) *harness.Answer {
		c, err := harness.NewClient(address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		method, _, _ := strings.Cut(all[nth].request, " ")
		c.Send(strings.Replace(all[nth].request, "\r\n", fmt.Sprintf("\r\nNth: %d\r\n", nth), 1))
		a, err := c.ReadTo(method, harness.Patience)
		for err == nil && a.Status == 103 {
			a, err = c.ReadTo(method, harness.Patience)
		}
		if err != nil {
			t.Fatalf("%s: %v", all[nth].name, err)
		}
		return a
	}
	for nth, r := range all {
		direct, proxied := ask(alone.Address, nth), ask(s.Public[0], nth)
		if direct.Status != proxied.Status || !bytes.Equal(direct.Body, proxied.Body) {
			t.Errorf("%s: %d and %d bytes; without the proxy %d and %d", r.name, proxied.Status, len(proxied.Body), direct.Status, len(direct.Body))
		}
		if len(direct.Header["Content-Length"]) == 0 && direct.Status != 304 { // a body in chunks may have been there as a whole
			proxied.Header.Del("Content-Length")
		}
		want, got := answerLines(direct), answerLines(proxied)
		if !slices.Equal(got, want) {
			t.Errorf("%s: the client gets\n%.2000q\nwithout the proxy\n%.2000q", r.name, got, want)
		}
	}
	through, direct := behind.Requests(), alone.Requests()
	if len(through) != len(all) || len(direct) != len(all) {
		t.Fatalf("%d and %d requests; want %d", len(through), len(direct), len(all))
	}
	for nth, r := range all {
		got, want := through[nth], direct[nth]
		gotBody, _ := got.Body()
		wantBody, _ := want.Body()
		if got.Method != want.Method || got.Target != want.Target || !bytes.Equal(gotBody, wantBody) {
			t.Errorf("%s: the app gets %s %s and %d bytes", r.name, got.Method, got.Target, len(gotBody))
		}
		if g, w := requestLines(got), requestLines(want); !slices.Equal(g, w) {
			t.Errorf("%s: the app gets\n%.2000q\nwithout the proxy\n%.2000q", r.name, g, w)
		}
	}
	t.Logf("%d requests compared", len(all))
}

// ours are the lines that the proxy adds or replaces, and those of one connection.
var ours = []string{"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-request-id", "connection", "keep-alive", "proxy-connection",
	"transfer-encoding", "te", "date", "grip-feature", "close-me", "x-own", "x-theirs"}

// requestLines are the header lines that an app gets, in their order and spelling.
func requestLines(x *harness.Exchange) (lines []string) {
	for _, line := range x.Lines {
		name, value, _ := strings.Cut(line, ":")
		lower := strings.ToLower(name)
		if slices.Contains(ours, lower) || lower == "content-length" {
			continue // how long a body is, is said last; that it is the same is looked at
		}
		lines = append(lines, name+":"+strings.Trim(value, " "))
	}
	return lines
}

// answerLines are those that a client gets, by name.
func answerLines(a *harness.Answer) (lines []string) {
	for name, values := range a.Header {
		if !slices.Contains(ours, strings.ToLower(name)) {
			lines = append(lines, fmt.Sprintf("%s: %q", name, values))
		}
	}
	slices.Sort(lines)
	return lines
}
