package test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

// TestGRIPBodies: however a held request's body is framed and whenever the app
// answers, the body is never taken for a request, and the one behind it is served.
func TestGRIPBodies(t *testing.T) {
	const hold = "HTTP/1.1 200 OK\r\nGrip-Hold: response\r\nGrip-Channel: a\r\nContent-Length: 4\r\n\r\nnone"
	app := harness.NewBackend(t, func(x *harness.Exchange) {
		switch x.Target {
		case "/unread":
			x.Write(hold)
			x.Last = true
		case "/before":
			x.Write(hold)
			x.Body()
		case "/behind":
			x.Body()
			x.Write(hold)
		default:
			x.Answer(200, "plain")
		}
	})
	s := harness.Start(t, app.Config(""))
	one := harness.Request("GET", "/smuggled", "")
	many := strings.Repeat(one, 400)
	sized := func(body string) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body) }
	chunked := func(trailers string) string {
		return fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x;x=y\r\n%s\r\n0\r\n%s\r\n", len(many), many, trailers)
	}
	bodies := map[string]string{
		"small": sized(one), "large": sized(many), "streamed": sized(many[:8<<10+1]),
		"chunked": chunked(""), "trailers": chunked("X-A: 1\r\nX-B: 2\r\n"),
		"expect": "Expect: 100-continue\r\n" + sized(many), "small expect": "expect: 100-Continue\r\n" + sized(one),
	}
	for _, target := range []string{"/unread", "/before", "/behind"} {
		for name, body := range bodies {
			c := s.Client(t)
			raw := "POST " + target + " HTTP/1.1\r\nHost: localhost\r\n" + body
			c.Send(raw[:len(raw)-20])
			time.Sleep(10 * time.Millisecond)
			c.Send(raw[len(raw)-20:] + harness.Request("GET", "/next", ""))
			s.AwaitParked(1, harness.Patience)
			s.Publish("a", "news")
			for _, want := range []string{"news", "plain"} {
				if a, err := c.Read(); err != nil || string(a.Body) != want {
					t.Errorf("%s, %s: %+v %v; want %q", target, name, a, err, want)
				}
			}
		}
	}
	for _, x := range app.Requests() {
		if x.Target == "/smuggled" {
			t.Fatal("a request's body was taken for a request")
		}
	}
}
