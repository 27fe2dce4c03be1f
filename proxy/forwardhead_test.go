package proxy

import (
	"bufio"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// TestForwardCookies: an app gets each Cookie line as the client wrote it, once.
func TestForwardCookies(t *testing.T) {
	for _, lines := range []string{
		"",
		"Cookie: a=1; b=\"2 3\"; c\r\n",
		"Cookie: messages=\"a\\\"b\\054c\"\r\n",
		"cookie: a=1;b=2;  c = 3 ;\r\n",
		"Cookie: a=1\r\nCookie: b=\"2\"\r\n",
	} {
		var ctx fasthttp.RequestCtx
		ctx.Request.Header.DisableNormalizing()
		request := "GET / HTTP/1.1\r\nHost: a.example\r\n" + lines + "X-Last: 1\r\n\r\n"
		if err := ctx.Request.Header.Read(bufio.NewReader(strings.NewReader(request))); err != nil {
			t.Fatal(err)
		}
		var f forwarding
		f.head.write(&ctx, new(ForwardOptions), new(target))
		var got strings.Builder
		for line := range strings.SplitAfterSeq(string(f.head.buf[f.head.lines:]), "\r\n") {
			if len(line) > 7 && strings.EqualFold(line[:7], "cookie:") {
				got.WriteString(line)
			}
		}
		if got.String() != lines {
			t.Errorf("the app gets %q, the client wrote %q", got.String(), lines)
		}
	}
}
