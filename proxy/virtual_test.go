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
	"cometproxy/channels"
)

// tick is how late a deadline of the lot may be.
const tick = 100 * time.Millisecond

// between checks a duration in virtual time.
func between(t *testing.T, what string, got, low, high time.Duration) {
	t.Helper()
	if got < low || got > high {
		t.Errorf("%s took %v, want %v to %v", what, got, low, high)
	}
}

func TestHoldEndsWithItsTime(t *testing.T) {
	virtual(t, Options{}, func(t *testing.T, s *site) {
		c := s.dial()
		shortest, longest := time.Hour, time.Duration(0)
		for range 40 {
			start := time.Now()
			r := c.poll("/events/1")
			took := time.Since(start)
			between(t, "a hold", took, 22500*time.Millisecond, 25*time.Second+tick)
			shortest, longest = min(shortest, took), max(longest, took)
			if r.status != 204 || r.body != "" || r.field("Connection") != "" || r.field("Comet-Cursor") == "" {
				t.Fatal(r.raw)
			}
		}
		if longest-shortest < time.Second {
			t.Errorf("no jitter: %v to %v", shortest, longest)
		}
		s.quiet()
		if st := s.hub.Stats(); st.Ended[channels.ByDeadline] != 40 {
			t.Errorf("%+v", st)
		}
	})
}

func TestWaits(t *testing.T) {
	for _, tc := range []struct {
		query, prefer, applied string
		low, high              time.Duration
	}{
		{"", "", "", 22500 * time.Millisecond, 25 * time.Second},
		{"?wait=10", "", "", 9 * time.Second, 10 * time.Second},
		{"?wait=0.5", "", "", 450 * time.Millisecond, 500 * time.Millisecond},
		{"?wait=0", "", "", 0, 0},
		{"?wait=3600", "", "", 27 * time.Second, 30 * time.Second},
		{"", "wait=10", "wait=10", 9 * time.Second, 10 * time.Second},
		{"", "wait=60", "wait=30", 27 * time.Second, 30 * time.Second},
		{"", "wait=0", "wait=0", 0, 0},
		{"", "wait=nonsense", "", 22500 * time.Millisecond, 25 * time.Second},
		{"?wait=10", "wait=20", "", 9 * time.Second, 10 * time.Second},
	} {
		t.Run(tc.query+" "+tc.prefer, func(t *testing.T) {
			virtual(t, Options{Hold: HoldOptions{MaxTimeout: 30 * time.Second}}, func(t *testing.T, s *site) {
				var lines []string
				if tc.prefer != "" {
					lines = []string{"Prefer: " + tc.prefer}
				}
				start := time.Now()
				r := s.dial().poll("/events/1"+tc.query, lines...)
				high := tc.high
				if high > 0 {
					high += tick
				}
				between(t, "the hold", time.Since(start), tc.low, high)
				if r.status != 204 || r.field("Preference-Applied") != tc.applied {
					t.Error(r.raw)
				}
			})
		})
	}
}

func TestPublishReleasesAtOnce(t *testing.T) {
	virtual(t, Options{}, func(t *testing.T, s *site) {
		var on1, on2, both []*client
		for range 70 { // more than one slice
			for _, g := range []struct {
				list   *[]*client
				target string
			}{{&on1, "/events/1"}, {&on2, "/events/2"}, {&both, "/both/1"}} {
				c := s.dial()
				c.get(g.target)
				*g.list = append(*g.list, c)
			}
		}
		s.quiet()
		time.Sleep(10 * time.Second)
		start := time.Now()
		if n := s.publish("room:1", `"hi"`); n != 140 {
			t.Errorf("%d released", n)
		}
		for _, c := range append(on1, both...) {
			if r := c.answer(); r.status != 200 || !strings.Contains(r.body, `"channel":"room:1"`) || !strings.Contains(r.body, `"data":"hi"`) {
				t.Fatal(r.raw)
			}
		}
		if n := s.publish("everyone", `1`); n != 0 {
			t.Errorf("%d released", n)
		}
		between(t, "the release", time.Since(start), 0, 0)
		for _, c := range on2 {
			if r := c.answer(); r.status != 204 {
				t.Fatal(r.raw)
			}
		}
		between(t, "the others' wait", time.Since(start), 12400*time.Millisecond, 15*time.Second+tick)
	})
}

func TestIdleConnections(t *testing.T) {
	virtual(t, Options{}, func(t *testing.T, s *site) {
		start := time.Now()
		s.dial().closedByServer()
		between(t, "a connection without a request", time.Since(start), 75*time.Second, 75*time.Second+tick)

		c := s.dial()
		c.poll("/events/1?wait=0")
		start = time.Now()
		c.closedByServer()
		between(t, "after an answer at once", time.Since(start), 75*time.Second, 75*time.Second+linger+tick)

		c = s.dial()
		c.poll("/events/1?wait=1")
		start = time.Now()
		c.closedByServer()
		between(t, "after a hold", time.Since(start), 75*time.Second, 75*time.Second+tick)

		c = s.dial()
		c.send("GET /events/1 HT")
		start = time.Now()
		if r := c.answer(); r.status != 408 || r.field("Connection") != "close" {
			t.Error(r.raw)
		}
		between(t, "half a head", time.Since(start), 30*time.Second, 30*time.Second+tick)
		c.closedByServer()

		// A connection that is held is not idle, however long, and starts anew
		// afterwards.
		c = s.dial()
		for range 5 {
			time.Sleep(70 * time.Second)
			if r := c.poll("/events/1?wait=60"); r.status != 204 {
				t.Fatal(r.raw)
			}
		}
	})
}

func TestComingBackWithinAge(t *testing.T) {
	const age = 5 * time.Minute
	virtual(t, Options{}, func(t *testing.T, s *site) {
		start := s.dial().poll("/both/1?wait=0").cursor(t)
		time.Sleep(time.Hour) // nothing was published: nothing can be missed
		r := s.dial().poll("/both/1?wait=0&cursor=" + start)
		if r.status != 204 {
			t.Fatalf("an idle channel: %s", r.raw)
		}
		s.publish("room:1", `1`)
		at := time.Now()
		for _, wait := range []time.Duration{0, time.Second, time.Minute, age - time.Second, age} {
			time.Sleep(wait - time.Since(at))
			r := s.dial().poll("/both/1?cursor=" + start)
			if r.status != 200 || strings.Contains(r.body, "gap") || !strings.Contains(r.body, `"data":1`) {
				t.Fatalf("after %v: %s", wait, r.raw)
			}
		}
		last := s.dial().poll("/both/1?cursor=" + start).cursor(t)
		time.Sleep(10 * time.Second)
		r = s.dial().poll("/both/1?cursor=" + start)
		if r.status != 200 || !strings.Contains(r.body, `"gap":true,"gap_channels":["room:1"]`) || strings.Contains(r.body, `"data"`) {
			t.Fatalf("after more than %v: %s", age, r.raw)
		}
		// Who had seen it is told of no gap, ever.
		time.Sleep(time.Hour)
		if r := s.dial().poll("/both/1?wait=0&cursor=" + last); r.status != 204 {
			t.Fatal(r.raw)
		}
		if st := s.hub.Stats(); st.Channels != 0 || st.Messages != 0 {
			t.Errorf("kept after an hour: %+v", st)
		}
	})
}

func TestDrain(t *testing.T) {
	virtual(t, Options{}, func(t *testing.T, s *site) {
		s.publish("room:1", `1`)
		cursor := s.dial().poll("/events/1?wait=0").cursor(t)
		var held []*client
		for i := range 200 {
			c := s.dial()
			target := []string{"/events/1", "/both/1", "/events/1?format=raw", "/cors/1"}[i%4]
			c.get(target, "Origin: https://a.example")
			held = append(held, c)
		}
		idle := s.dial()
		idle.poll("/events/1?wait=0")
		s.quiet()
		if r := s.request("GET", "/health/ready", ""); r.status != 200 {
			t.Error(r.raw)
		}
		start := time.Now()
		s.Drain(nil)
		between(t, "Drain", time.Since(start), 0, 0)
		for i, c := range held {
			r := c.answer()
			if r.status != 204 || r.field("Comet-Cursor") != cursor || r.field("Connection") != "close" || i%4 == 3 && r.field("Access-Control-Allow-Origin") == "" {
				t.Fatal(r.raw)
			}
			c.closedByServer()
		}
		between(t, "the answers", time.Since(start), 0, 0)
		if r := s.request("GET", "/health/ready", ""); r.status != 503 || r.field("Retry-After") == "" {
			t.Error(r.raw)
		}
		if r := s.request("GET", "/health/live", ""); r.status != 200 {
			t.Error(r.raw)
		}
		if n := s.publish("room:1", `2`); n != 0 { // the app may go on
			t.Errorf("%d released", n)
		}
		// A connection that the HTTP server still has is answered once more.
		if r := idle.poll("/events/1?cursor=" + cursor); r.status != 200 || r.field("Connection") != "close" {
			t.Error(r.raw)
		}
		idle.closedByServer()
		if _, err := s.public.Dial(); err == nil {
			t.Error("a client came in")
		}
		if cut := s.shutdown(nil); cut != 0 {
			t.Errorf("%d cut off", cut)
		}
	})
}

func TestHundredRounds(t *testing.T) {
	virtual(t, Options{}, func(t *testing.T, s *site) {
		const clients, rounds = 5, 100
		done := make(chan error, clients)
		for i := range clients {
			c := s.dial()
			cursor := s.dial().poll("/both/1?wait=0").cursor(t)
			go func() {
				for n := 0; n < rounds; {
					r := c.poll(fmt.Sprintf("/both/1?wait=%d&cursor=%s", 1+i, cursor))
					cursor = r.field("Comet-Cursor")
					if strings.Contains(r.body, "gap") {
						done <- fmt.Errorf("a gap: %s", r.body)
						return
					}
					for range strings.Count(r.body, `"data":`) {
						if want := fmt.Sprintf(`"data":%d}`, n); !strings.Contains(r.body, want) {
							done <- fmt.Errorf("%s without %s", r.body, want)
							return
						}
						n++
					}
				}
				done <- nil
			}()
		}
		for n := range rounds {
			time.Sleep(time.Duration(n%7) * 300 * time.Millisecond)
			s.publish([]string{"room:1", "everyone"}[n%2], fmt.Sprint(n))
		}
		for range clients {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestClientHangsUp(t *testing.T) {
	virtual(t, Options{}, func(t *testing.T, s *site) {
		var held []*client
		for range 50 {
			c := s.dial()
			c.get("/both/1")
			held = append(held, c)
		}
		s.quiet()
		for _, c := range held[:30] {
			c.Close()
		}
		s.quiet()
		if st, lot := s.hub.Stats(), s.lot.Stats(); st.Waiting != 20 || st.Ended[channels.ByGone] != 30 || lot.Parked != 20 || lot.Active+lot.Finishing != 0 {
			t.Errorf("%+v %+v", st, lot)
		}
		if n := s.publish("everyone", `1`); n != 20 {
			t.Errorf("%d released", n)
		}
		for _, c := range held[30:] {
			if r := c.answer(); r.status != 200 {
				t.Fatal(r.raw)
			}
		}
	})
}

// Requests that a client sends behind a held one wait for it, and are answered
// in order.
func TestPipelined(t *testing.T) {
	virtual(t, Options{}, func(t *testing.T, s *site) {
		c := s.dial()
		const poll = "GET /events/1?wait=%d HTTP/1.1\r\nHost: x\r\n\r\n"
		c.send(fmt.Sprintf(poll, 0) + fmt.Sprintf(poll, 10) + fmt.Sprintf(poll, 0) + fmt.Sprintf(poll, 5))
		start := time.Now()
		c.answer()
		between(t, "the first", time.Since(start), 0, 0)
		time.Sleep(time.Second)
		c.send(fmt.Sprintf(poll, 20))
		for i, want := range []time.Duration{10, 10, 15, 35} {
			c.answer()
			between(t, fmt.Sprint("answer ", i+2), time.Since(start), want*9/10*time.Second, want*time.Second+3*tick)
		}
		s.quiet()
	})
}

func TestSlowApp(t *testing.T) {
	virtual(t, Options{}, func(t *testing.T, _ *site) {
		a := openApp(t, backend.Options{MaxConns: 2, AnswerTimeout: 30 * time.Second, QueueTimeout: 5 * time.Second},
			func(req *fasthttp.Request) string {
				wait, _ := req.URI().QueryArgs().GetUint("sleep")
				time.Sleep(time.Duration(wait) * time.Second)
				return "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow"
			})
		s := open(t, behind(a))
		start := time.Now()
		if r := s.dial().poll("/app?sleep=0"); r.status != 200 || r.body != "slow" {
			t.Error(r.raw)
		}
		between(t, "a fast answer", time.Since(start), 0, 0)
		if r := s.dial().poll("/app?sleep=20"); r.status != 200 || r.body != "slow" {
			t.Error(r.raw)
		}
		between(t, "a slow answer", time.Since(start), 20*time.Second, 20*time.Second)

		start = time.Now()
		c := s.dial()
		if r := c.poll("/app?sleep=100"); r.status != 504 || r.field("Content-Type") != "application/problem+json" {
			t.Error(r.raw)
		}
		between(t, "a missing answer", time.Since(start), 30*time.Second, 30*time.Second)
		if r := c.poll("/app?sleep=0"); r.status != 200 {
			t.Error(r.raw)
		}

		start = time.Now()
		for range 2 {
			s.dial().get("/app?sleep=20")
		}
		synctest.Wait()
		if r := s.dial().poll("/app"); r.status != 503 || r.field("Retry-After") == "" {
			t.Error(r.raw)
		}
		between(t, "the queue", time.Since(start), 5*time.Second, 5*time.Second)

		// Clients that hang up give their places back.
		s.mu.Lock()
		for _, c := range s.clients {
			c.Close()
		}
		s.mu.Unlock()
		synctest.Wait()
		if st := a.Stats(); st.Active != 0 || st.Waiting != 0 {
			t.Errorf("after hanging up: %+v", st)
		}
		start = time.Now()
		if r := s.dial().poll("/app"); r.status != 200 {
			t.Error(r.raw)
		}
		between(t, "a fast answer", time.Since(start), 0, 0)
		s.close()
		a.ln.Close()
		time.Sleep(200 * time.Second) // the app's handlers
	})
}

// Requests that are with the app when a shutdown begins are given the grace.
func TestShutdownWaitsForTheApp(t *testing.T) {
	for _, tc := range []struct {
		sleep, hurry, took time.Duration
		cut                int
	}{{5, 0, 5, 0}, {15, 0, 10, 1}, {15, 3, 3, 1}} {
		virtual(t, Options{}, func(t *testing.T, _ *site) {
			a := openApp(t, backend.Options{}, func(*fasthttp.Request) string {
				time.Sleep(tc.sleep * time.Second)
				return "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow"
			})
			s := open(t, behind(a))
			c := s.dial()
			c.get("/app")
			synctest.Wait()
			hurry := make(chan struct{})
			if tc.hurry > 0 {
				time.AfterFunc(tc.hurry*time.Second, func() { close(hurry) })
			}
			start := time.Now()
			if cut := s.shutdown(hurry); cut != tc.cut {
				t.Errorf("%d cut off, want %d", cut, tc.cut)
			}
			between(t, "Shutdown", time.Since(start), tc.took*time.Second, tc.took*time.Second+2*linger+tick)
			if tc.cut == 0 {
				if r := c.answer(); r.status != 200 || r.field("Connection") != "close" {
					t.Error(r.raw)
				}
			}
			c.closedByServer()
			a.ln.Close()
			time.Sleep(time.Minute)
			s.atRest()
		})
	}
}

// A stream goes through as it comes, its gaps included.
func TestStream(t *testing.T) {
	virtual(t, Options{}, func(t *testing.T, _ *site) {
		a := openApp(t, backend.Options{}, nil)
		o := behind(a)
		s := open(t, o)
		go func() { // instead of the app's own loop, which takes whole answers
			c, _ := a.ln.Accept()
			defer c.Close()
			var b [4096]byte
			c.Read(b[:])
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
			for range 3 {
				time.Sleep(time.Minute)
				io.WriteString(c, "3\r\none\r\n")
			}
			io.WriteString(c, "0\r\n\r\n")
		}()
		_ = a
		c := s.dial()
		start := time.Now()
		c.get("/app/stream")
		head := make([]byte, 1)
		if _, err := io.ReadFull(c.br, head); err != nil {
			t.Fatal(err)
		}
		between(t, "the head", time.Since(start), 0, 0)
		c.br.UnreadByte()
		if r := c.answer(); r.body != "oneoneone" {
			t.Error(r.raw)
		}
		between(t, "the stream", time.Since(start), 3*time.Minute, 3*time.Minute)
		if r := c.poll("/events/1?wait=0"); r.status != 204 {
			t.Error(r.raw)
		}
	})
}
