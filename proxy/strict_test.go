package proxy

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"cometproxy/proxy/route"
)

const manyLines = 1000

func parsed(tb testing.TB, head string) *fasthttp.RequestHeader {
	tb.Helper()
	h := new(fasthttp.RequestHeader)
	h.DisableNormalizing()
	if err := h.Read(bufio.NewReaderSize(strings.NewReader(head), 64<<10)); err != nil {
		tb.Fatalf("%.80q: %.80v", head, err)
	}
	return h
}

// TestStrict: what the parser lets through and two readers could understand in two
// ways has an error of its own. (test/smuggling_test.go has it over sockets.)
func TestStrict(t *testing.T) {
	for head, want := range map[string]string{
		"GET / HTTP/1.1\r\nHost: a:80\r\nX: \xc3\xa9\t\r\n\r\n":                                 "",
		"GET / HTTP/1.0\r\n\r\n":                                                                "",
		"OPTIONS * HTTP/1.1\r\nHost: [::1]\r\n\r\n":                                             "",
		"GET / HTTP/2.0\r\nHost: a\r\n\r\n":                                                     badVersion,
		"GET / HTTP/1.1\nHost: a\nX: 1\r\n\r\n":                                                 badLineEnd,
		"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n":                                       badFold,
		"GET / HTTP/1.1\r\nHost: a b\r\n\r\n":                                                   badHost,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n": twoLengths,
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n":                     badCoding,
		"GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: 1\r\n", manyLines) + "\r\n":        tooManyLines,
		"GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: 1\r\n", manyLines-1) + "\r\n":      "",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1234567890123456789\r\nX: 1\r\n\r\n":     badLength,
		"GET /a|b HTTP/1.1\r\nhost: a\r\n\r\n":                                                  "",
	} {
		if got := strict(parsed(t, head), manyLines); got != want {
			t.Errorf("%.80q: %q, want %q", head, got, want)
		}
	}
}

func BenchmarkStrict(b *testing.B) {
	h := parsed(b, "GET /app?x=y HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: text/html\r\n"+
		"Accept-Language: en\r\nAccept-Encoding: gzip, br\r\nCookie: session=0123456789abcdef\r\nConnection: keep-alive\r\n\r\n")
	b.ReportAllocs()
	for b.Loop() {
		if why := strict(h, manyLines); why != "" {
			b.Fatal(why)
		}
	}
}

// FuzzStrict: where another parser takes the same bytes for a request too, both
// see its body end in the same place, and the same host.
func FuzzStrict(f *testing.F) {
	for _, lines := range []string{"Host: a", "Host: a\r\nContent-Length: 5", "Host: a\r\nTransfer-Encoding: chunked", "Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
		"Host: a\r\nContent-Length: +5", "Host: a\r\nContent-Length: 5, 5", "Host: a\r\n Folded: 1", "Host: a\nX: 1", "Host : a", "Host: a\r\nTransfer-Encoding: x, chunked", "Host: a b"} {
		f.Add("GET", "/a?b", "HTTP/1.1", lines)
	}
	f.Fuzz(func(t *testing.T, method, target, protocol, lines string) {
		raw := method + " " + target + " " + protocol + "\r\n" + lines + "\r\n\r\n"
		h := new(fasthttp.RequestHeader)
		h.DisableNormalizing()
		if h.Read(bufio.NewReaderSize(strings.NewReader(raw), 64<<10)) != nil || strict(h, 0) != "" {
			return
		}
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
		if err != nil {
			return // it may be stricter
		}
		chunked := len(r.TransferEncoding) > 0
		switch n := h.ContentLength(); {
		case chunked != (n == -1), !chunked && r.ContentLength > 0 && int64(n) != r.ContentLength, !chunked && n > 0 && int64(n) != r.ContentLength:
			t.Errorf("%q: a body of %d; for the other parser of %d, chunked %t", raw, n, r.ContentLength, chunked)
		}
		if _, absolute := route.Authority(h.RequestURI()); !absolute && !strings.EqualFold(string(h.Host()), r.Host) {
			t.Errorf("%q: host %q; for the other parser %q", raw, h.Host(), r.Host)
		}
	})
}
