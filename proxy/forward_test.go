package proxy

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp"

	"cometproxy/backend"
)

// TestForwardedAnswers: what the app answers, what the client gets, and whether
// the connection goes on.
func TestForwardedAnswers(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	big := strings.Repeat("0123456789", 20_000)
	for _, tc := range []struct {
		name, method, version, app string
		status                     int
		body                       string
		goesOn                     bool
		broken                     bool // the client must see that the answer is not whole
	}{
		{name: "small", app: ok + "Content-Length: 2\r\n\r\nhi", status: 200, body: "hi", goesOn: true},
		{name: "empty", app: ok + "Content-Length: 0\r\n\r\n", status: 200, goesOn: true},
		{name: "big", app: ok + "Content-Length: 200000\r\n\r\n" + big, status: 200, body: big, goesOn: true},
		{name: "chunked", app: ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1\r\n!\r\n0\r\n\r\n", status: 200, body: "hi!", goesOn: true},
		{name: "chunked to 1.0", version: "1.0", app: ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1\r\n!\r\n0\r\n\r\n", status: 200, body: "hi!"},
		{name: "until the end", app: ok + "Connection: close\r\n\r\nhi", status: 200, body: "hi", goesOn: true},
		{name: "204", app: "HTTP/1.1 204 No Content\r\n\r\n", status: 204, goesOn: true},
		{name: "304", app: "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 5\r\n\r\n", status: 304, goesOn: true},
		{name: "HEAD", method: "HEAD", app: ok + "Content-Length: 200000\r\n\r\n", status: 200, goesOn: true},
		{name: "HEAD chunked", method: "HEAD", app: ok + "Transfer-Encoding: chunked\r\n\r\n", status: 200, goesOn: true},
		{name: "100 first", app: "HTTP/1.1 100 Continue\r\n\r\n" + ok + "Content-Length: 2\r\n\r\nhi", status: 200, body: "hi", goesOn: true},
		{name: "103 first", app: "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok + "Content-Length: 2\r\n\r\nhi", status: 200, body: "hi", goesOn: true},
		{name: "101 unasked", app: "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", status: 502, goesOn: true},
		{name: "no HTTP", app: "SSH-2.0\r\n\r\n", status: 502, goesOn: true},
		{name: "cut in the head", app: "HTTP/1.1 200 OK\r\nContent-Le", status: 502, goesOn: true},
		{name: "cut in a small body", app: ok + "Content-Length: 5\r\n\r\nhi", broken: true},
		{name: "cut in a big body", app: ok + "Content-Length: 300000\r\n\r\n" + big, broken: true},
		{name: "cut in a chunk", app: ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhi", broken: true},
		{name: "cut between chunks", app: ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", broken: true},
		{name: "two lengths", app: ok + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi!", status: 502, goesOn: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			virtual(t, Options{}, func(t *testing.T, _ *site) {
				a := openApp(t, backend.Options{}, nil)
				go a.acceptOnce(tc.app)
				s := open(t, behind(a))
				c := s.dial()
				method, version := "GET", "1.1"
				if tc.method != "" {
					method = tc.method
				}
				if tc.version != "" {
					version = tc.version
				}
				c.send(fmt.Sprintf("%s /app HTTP/%s\r\nHost: x\r\n\r\n", method, version))
				r, err := readReply(c.br, method == "HEAD")
				if tc.broken {
					if err == nil && r.status < 500 {
						t.Errorf("it looks whole: %.300s", r.raw)
					}
					return
				}
				if err != nil || r.status != tc.status || r.status < 500 && r.body != tc.body {
					t.Fatalf("%v: %.300s", err, r.raw)
				}
				if goesOn := r.field("Connection") != "close"; goesOn != tc.goesOn {
					t.Errorf("%.300s", r.raw)
				}
				if tc.goesOn {
					if r := c.poll("/events/1?wait=0"); r.status != 204 {
						t.Error(r.raw)
					}
				} else {
					c.closedByServer()
				}
			})
		})
	}
}

// acceptOnce answers the first request of each connection with bytes, and closes it.
func (a *app) acceptOnce(answer string) {
	for {
		c, err := a.ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			var b [4096]byte
			if n, _ := c.Read(b[:]); n > 0 {
				io.WriteString(c, answer)
			}
		}()
	}
}

// TestTunnel: after both sides agreed bytes go both ways, however long nothing is
// said, and a shutdown does not wait for them.
func TestTunnel(t *testing.T) {
	virtual(t, Options{}, func(t *testing.T, _ *site) {
		a := openApp(t, backend.Options{}, nil)
		go func() {
			for {
				c, err := a.ln.Accept()
				if err != nil {
					return
				}
				go func() {
					defer c.Close()
					b := make([]byte, 4096)
					n, _ := c.Read(b)
					if !strings.Contains(string(b[:n]), "Upgrade: x") {
						return
					}
					io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nahead")
					io.Copy(c, c)
				}()
			}
		}()
		s := open(t, behind(a))
		var clients []*client
		for i := range 2 {
			c := s.dial()
			c.send("GET /app/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
			if i == 1 {
				c.send("early") // behind the request, before the answer
			}
			head := make([]byte, 0, 512)
			for !strings.HasSuffix(string(head), "\r\n\r\n") {
				b, err := c.br.ReadByte()
				if err != nil {
					t.Fatalf("%v: %q", err, head)
				}
				head = append(head, b)
			}
			if text := string(head); !strings.HasPrefix(text, "HTTP/1.1 101 ") || !strings.Contains(text, "Upgrade: x\r\n") || !strings.Contains(text, "Connection: Upgrade\r\n") {
				t.Fatalf("%q", head)
			}
			c.expect("ahead" + []string{"", "early"}[i])
			clients = append(clients, c)
		}
		for range 3 {
			time.Sleep(time.Hour)
			for _, c := range clients {
				c.send("hello")
				c.expect("hello")
			}
		}
		s.quiet()
		if st := a.Stats(); st.Tunnels != 2 || st.Active != 0 || s.tunnels.Load() != 2 || s.active.count() != 0 {
			t.Errorf("%+v, %d tunnels, %d active", st, s.tunnels.Load(), s.active.count())
		}
		clients[0].Close()
		s.quiet()
		if st := a.Stats(); st.Tunnels != 1 || s.tunnels.Load() != 1 {
			t.Errorf("%+v, %d tunnels", st, s.tunnels.Load())
		}
		start := time.Now()
		if cut := s.shutdown(nil); cut != 0 {
			t.Errorf("%d cut off", cut)
		}
		between(t, "the shutdown", time.Since(start), 0, 2*linger)
		clients[1].closedByServer()
		synctest.Wait()
		if st := a.Stats(); st.Tunnels != 0 {
			t.Errorf("%+v", st)
		}
		s.atRest()
		a.ln.Close()
	})
}

func (c *client) expect(text string) {
	c.t.Helper()
	b := make([]byte, len(text))
	if _, err := io.ReadFull(c.br, b); err != nil || string(b) != text {
		c.t.Fatalf("got %q, %v; want %q", b, err, text)
	}
}

// TestUploads: bodies of every size and framing arrive as they were sent, and the
// next request on the connection is found behind them.
func TestUploads(t *testing.T) {
	virtual(t, Options{}, func(t *testing.T, _ *site) {
		a := openApp(t, backend.Options{}, func(req *fasthttp.Request) string {
			return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(req.Body()), req.Body())
		})
		s := open(t, behind(a))
		c := s.dial()
		for _, size := range []int{0, 1, smallBody - 1, smallBody, smallBody + 1, 16 << 10, 100_000} {
			body := strings.Repeat("GET /x HTTP/1.1\r\n\r\n", size/19+1)[:size]
			for _, chunk := range []int{0, 1000, 1 << 20} {
				for _, expect := range []string{"", "Expect: 100-continue"} {
					for _, slowly := range []bool{false, true} {
						request, _ := wholeRequest("POST", "/app", expect, []byte(body), chunk)
						head, rest, _ := strings.Cut(request, "\r\n\r\n")
						go func() {
							io.WriteString(c, head+"\r\n\r\n")
							if slowly {
								time.Sleep(time.Second)
							}
							io.WriteString(c, rest)
						}()
						r := c.answer()
						if r.status == 100 {
							r = c.answer()
						}
						if r.status != 200 || r.body != body || r.field("Connection") == "close" {
							t.Fatalf("%d bytes, chunks of %d, %q, slowly %v: %.300s", size, chunk, expect, slowly, r.raw)
						}
					}
				}
			}
		}
		s.close()
		a.ln.Close()
	})
}

// TestUploadThatStops: a client that stops sending its body is given up, and so is
// one that hangs up; the app's place is free again.
func TestUploadThatStops(t *testing.T) {
	virtual(t, Options{}, func(t *testing.T, _ *site) {
		a := openApp(t, backend.Options{MaxConns: 1}, func(req *fasthttp.Request) string {
			return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
		})
		s := open(t, behind(a))
		for _, tc := range []struct {
			sent   int
			status int // 0: it hangs up
			after  time.Duration
		}{{5, 408, 30 * time.Second}, {50_000, 400, 60 * time.Second}, {5, 0, 0}, {50_000, 0, 0}} {
			c := s.dial()
			c.send("POST /app HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("b", tc.sent))
			start := time.Now()
			if tc.status == 0 {
				synctest.Wait()
				c.Close()
			} else {
				if r := c.answer(); r.status != tc.status || r.field("Connection") != "close" {
					t.Errorf("%d bytes: %s", tc.sent, r.raw)
				}
				c.closedByServer()
				between(t, "giving up", time.Since(start), tc.after, tc.after+farewellTime+tick)
			}
			synctest.Wait()
			time.Sleep(5 * time.Second)
			if st := a.Stats(); st.Active != 0 || s.active.count() != 0 {
				t.Errorf("%+v, %d active", st, s.active.count())
			}
			if r := s.dial().poll("/app"); r.status != 200 {
				t.Error(r.raw)
			}
		}
		s.close()
		a.ln.Close()
	})
}
