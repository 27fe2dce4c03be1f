package parktest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"cometproxy/park"
)

// newHTTP is a rig whose connections fasthttp serves: GET /poll is held, all else
// is answered with its path.
func newHTTP(t *testing.T, newLot func(park.Options) park.Lot, idle time.Duration) *rig {
	var r *rig
	takeOver := func(hc net.Conn) {
		c := hc.(interface{ UnsafeConn() net.Conn }).UnsafeConn().(park.Conn)
		h := c.Attached().(*hold)
		r.lot.Park(h.id, park.Stay{Owner: h, Gen: h.gen, Until: time.Now().Add(r.stay), Carried: c.Detach(hc)})
		r.holds <- h
	}
	server := &fasthttp.Server{
		Handler: func(ctx *fasthttp.RequestCtx) {
			c := ctx.Conn().(park.Conn)
			if string(ctx.Path()) != "/poll" || c.InputEnded() {
				ctx.SetBody(ctx.Path())
				return
			}
			c.Attach(&hold{id: c.ID(), gen: gens.Add(1), events: make(chan park.Event, 4)})
			ctx.HijackSetNoResponse(true)
			ctx.Hijack(takeOver)
		},
		StreamRequestBody: true,
		ReadTimeout:       500 * time.Millisecond,
		IdleTimeout:       idle,
	}
	proceed := make(chan bool)
	r = newRigServing(t, newLot, park.Options{}, func(_ *rig, c park.Conn) {
		<-proceed
		if err := server.ServeConn(c); err != nil {
			t.Logf("ServeConn: %v", err)
		}
	})
	close(proceed)
	return r
}

// get sends requests in one segment.
func (c *client) get(paths ...string) {
	c.t.Helper()
	var b strings.Builder
	for _, path := range paths {
		fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
	}
	c.send(b.String())
}

func (c *client) body(want string) {
	c.t.Helper()
	resp, err := http.ReadResponse(c.br, nil)
	if err != nil {
		c.t.Fatalf("client: %v; want %q", err, want)
	}
	got, err := io.ReadAll(resp.Body)
	if err != nil || string(got) != want {
		c.t.Fatalf("client got %q, %v; want %q", got, err, want)
	}
}

func answer(body string) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func testHTTP(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newHTTP(t, newLot, time.Second)
	var clients []*client
	for range 50 {
		clients = append(clients, r.dial())
	}
	for round := range 20 {
		for _, c := range clients {
			c.get("/poll")
		}
		body := fmt.Sprint("round ", round)
		for range clients {
			r.lot.Answer(r.hold().id, answer(body), false)
		}
		for _, c := range clients {
			c.body(body)
		}
	}
	r.untilIdle(50)
}

// testHTTPKeepAlive: ordinary requests, and the server's own wait for the next.
func testHTTPKeepAlive(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newHTTP(t, newLot, 30*time.Millisecond)
	c := r.dial()
	for range 3 {
		c.get("/a")
		c.body("/a")
		c.send("POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
		c.body("/b")
		r.untilIdle(1)
		c.get("/poll")
		r.lot.Answer(r.hold().id, answer("x"), false)
		c.body("x")
	}

	// A body that does not come must not make the connection idle: fasthttp
	// reads on for it after the answer, and gives up.
	c.send("POST /c HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n" + strings.Repeat("x", 10000))
	c.body("/c")
	c.wantEOF()
	r.untilEmpty()
}

func testHTTPPipelined(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newHTTP(t, newLot, time.Second)
	c := r.dial()
	for i := range 30 {
		c.get("/poll", "/a", "/poll", "/b")
		r.lot.Answer(r.hold().id, answer("1"), false)
		c.body("1")
		c.body("/a")
		h := r.hold()
		c.get("/c")
		r.lot.Answer(h.id, answer("2"), false)
		for _, path := range []string{"2", "/b", "/c"} {
			c.body(path)
		}
		if n := r.turns.Load(); n > int64(3*i+3) {
			t.Fatalf("%d turns after %d rounds", n, i+1)
		}
	}
	c.get("/poll", "/poll", "/a")
	_ = c.CloseWrite()
	h := r.hold()
	r.ends(h, park.EndOfInput)
	r.lot.Answer(h.id, answer("end"), false)
	for _, body := range []string{"end", "/poll", "/a"} {
		c.body(body)
	}
	c.wantEOF()
	r.untilEmpty()
}
