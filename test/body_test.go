package test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

// hidden is a request that a body could smuggle in: it would reach the backend.
const hidden = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"

// TestPollWithBody: a poll with a body is refused and its connection closed, and
// never becomes a byte of it the next request.
func TestPollWithBody(t *testing.T) {
	backend := harness.NewBackend(t, func(x *harness.Exchange) { x.Answer(200, "from the app") })
	s := harness.Start(t, backend.Config("")+roomsConfig+"[[route]]\npath = \"/\"\nbackend = \"app\"\n")
	head := func(method string, lines ...string) string {
		return harness.Request(method, "/room/1?wait=20", "", lines...)
	}
	length := fmt.Sprintf("Content-Length: %d", len(hidden))
	chunked := "Transfer-Encoding: chunked"
	chunks := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(hidden), hidden)
	big := strings.Repeat(hidden, 20000/len(hidden))
	cases := []struct{ name, head, body string }{
		{"length", head("GET", length), hidden},
		{"chunked", head("GET", chunked), chunks},
		{"length and expect", head("GET", length, "Expect: 100-continue"), hidden},
		{"chunked and expect", head("GET", chunked, "Expect: 100-continue"), chunks},
		{"large", head("GET", fmt.Sprintf("Content-Length: %d", len(big))), big},
		{"larger than it says", head("GET", "Content-Length: 5"), "12345" + hidden},
		{"HEAD", head("HEAD", length), hidden},
		{"OPTIONS", head("OPTIONS", length), hidden},
		{"POST", head("POST", length), hidden},
		{"both framings", head("GET", length, chunked), chunks},
		{"twice", head("GET", "Content-Length: 0", length), hidden},
		{"unknown coding", head("GET", "Transfer-Encoding: gzip"), hidden},
		{"coding twice", head("GET", "Transfer-Encoding: identity, chunked"), chunks},
		{"coding and spaces", head("GET", "Transfer-Encoding : chunked"), chunks},
	}
	for _, c := range cases {
		for _, together := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/together=%v", c.name, together), func(t *testing.T) {
				t.Parallel()
				checkRefusedBody(t, s, c.head, c.body, together)
			})
		}
	}
	t.Cleanup(func() {
		for _, r := range backend.Requests() {
			t.Errorf("the backend got %s %s", r.Method, r.Target)
		}
	})
}

func checkRefusedBody(t *testing.T, s *harness.Server, head, body string, together bool) {
	c := s.Client(t)
	if together {
		c.Send(head + body)
	} else {
		c.Send(head)
		time.Sleep(30 * time.Millisecond)
		c.Send(body) // perhaps to a connection that is closed
	}
	method, _, _ := strings.Cut(head, " ")
	a, err := c.ReadTo(method, harness.Patience)
	if err != nil {
		t.Fatal(err)
	}
	if a.Status/100 != 4 || method != "HEAD" && a.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %v %s", a.Status, a.Header, a.Body)
	}
	if !strings.EqualFold(a.Header.Get("Connection"), "close") {
		t.Errorf("Connection: %q; want close", a.Header.Get("Connection"))
	}
	if err := c.End(5 * time.Second); err != nil {
		t.Error(err)
	}
}

// TestSmuggledPublish: the same against the internal listener, where it would
// publish: requests without a body that have one.
func TestSmuggledPublish(t *testing.T) {
	s := harness.Start(t, roomsConfig)
	inner := harness.Request("POST", "/channels/smuggled", "x")
	for _, head := range []string{
		harness.Request("GET", "/channels", "", fmt.Sprintf("Content-Length: %d", len(inner))),
		harness.Request("DELETE", "/channels/a", "", fmt.Sprintf("Content-Length: %d", len(inner))),
		harness.Request("GET", "/health/ready", "", fmt.Sprintf("Content-Length: %d", len(inner))),
		harness.Request("PUT", "/channels/a", "", fmt.Sprintf("Content-Length: %d", len(inner))),
	} {
		c := s.Inside(t)
		c.Send(head + inner + harness.Request("GET", "/health/live", ""))
		c.Read()
		if a, err := c.Read(); err == nil && !strings.Contains(string(a.Body), "live") {
			t.Errorf("%.40q: the second answer is %d %s", head, a.Status, a.Body)
		}
	}
	if a := s.Inside(t).Get(t, "/channels/smuggled"); a.Status != http.StatusNotFound {
		t.Errorf("published: %s", a.Body)
	}
}
