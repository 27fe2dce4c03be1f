package proxy

import (
	"bufio"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
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
