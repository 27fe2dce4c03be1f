package proxy

import (
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"cometproxy/backend"
)

// TestExpect: a client that waits for 100 before it sends its body gets it,
// however it writes the header's name.
func TestExpect(t *testing.T) {
	virtual(t, Options{}, func(t *testing.T, _ *site) {
		a := openApp(t, backend.Options{}, func(req *fasthttp.Request) string {
			return "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" + string(req.Body())
		})
		s := open(t, behind(a))
		for _, name := range []string{"Expect", "expect", "EXPECT"} {
			for _, body := range []string{"Content-Length: 3\r\n\r\n|abc", "Transfer-Encoding: chunked\r\n\r\n|3\r\nabc\r\n0\r\n\r\n"} {
				framing, body, _ := strings.Cut(body, "|")
				c := s.dial()
				c.send("POST /app HTTP/1.1\r\nHost: x\r\n" + name + ": 100-continue\r\n" + framing)
				if r := c.answer(); r.status != 100 {
					t.Fatalf("%s: %s", name, r.raw)
				}
				c.send(body)
				if r := c.answer(); r.status != 200 || r.body != "abc" {
					t.Errorf("%s: %s", name, r.raw)
				}
			}
		}
		for _, asked := range a.requests() {
			if strings.Contains(strings.ToLower(asked), "expect") {
				t.Errorf("the app gets %q", asked)
			}
		}
		s.close()
	})
}
