package proxy

import (
	"bufio"
	"io"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"cometproxy/backend"
)

// TestEarlyUpgrade: an app changes protocols before it has the whole request.
// The rest of the body is still being read through the HTTP server's reader, so
// there is no tunnel, and what the client goes on sending is no request.
func TestEarlyUpgrade(t *testing.T) {
	virtual(t, Options{}, func(t *testing.T, _ *site) {
		a := openApp(t, backend.Options{MaxTunnels: 1}, nil)
		go func() {
			c, err := a.ln.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			br := bufio.NewReader(c)
			var head fasthttp.RequestHeader
			if head.Read(br) != nil {
				return
			}
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
			io.Copy(io.Discard, br)
		}()
		s := open(t, behind(a))
		c := s.dial()
		c.send("POST /app HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: 100000\r\n\r\n" +
			strings.Repeat("x", smallBody+1))
		if r := c.answer(); r.status != 502 || r.field("Connection") != "close" {
			t.Error(r.raw)
		}
		io.WriteString(c, "GET /events/1?wait=0 HTTP/1.1\r\nHost: x\r\n\r\n")
		c.closedByServer()
		s.quiet()
		if st := a.Stats(); st.Active+st.Tunnels != 0 {
			t.Errorf("places taken: %+v", st)
		}
		s.serves()
		s.close()
	})
}
