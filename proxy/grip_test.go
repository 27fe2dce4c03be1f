package proxy

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"cometproxy/backend"
)

// ok is an answer of an app, with a body and header lines.
func ok(body string, lines ...string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s", len(body), joined(lines), body)
}

// holdOn is an app's answer that holds on channels.
func holdOn(body string, lines ...string) string {
	return ok(body, append([]string{"Grip-Hold: response", "Content-Type: text/plain"}, lines...)...)
}

// items publishes GRIP items, or others, and returns the answer.
func (s *site) items(items string, lines ...string) reply {
	s.t.Helper()
	return s.request("POST", "/publish/", `{"items":[`+items+`]}`, lines...)
}

// say publishes one GRIP message.
func (s *site) say(channel, body string) {
	s.t.Helper()
	if r := s.items(fmt.Sprintf(`{"channel":%q,"formats":{"http-response":{"body":%q}}}`, channel, body)); r.status != 200 {
		s.t.Fatal(r.raw)
	}
}

// TestGRIPOncePerPoll: each poll is one request to the app, however long it is
// held, whoever publishes.
func TestGRIPOncePerPoll(t *testing.T) {
	const clients, length = 50, 10 * time.Minute
	virtualBehind(t, Options{}, func(*fasthttp.Request) string { return holdOn("none", "Grip-Channel: a", "Grip-Timeout: 30") },
		func(t *testing.T, s *site, a *app) {
			polls, end := make([]int, clients), time.Now().Add(length)
			done := make(chan bool)
			for i := range clients {
				c := s.dial()
				go func() {
					defer func() { done <- true }()
					for ; time.Now().Before(end); polls[i]++ {
						if r := c.poll("/app"); r.status != 200 {
							t.Error(r.raw)
						}
					}
				}()
			}
			for time.Now().Before(end) {
				time.Sleep(97 * time.Second) // several in a row end with their time
				s.say("a", "news")
			}
			total := 0
			for range clients {
				<-done
			}
			for _, n := range polls {
				total += n
			}
			if n := len(a.requests()); n != total || total < 1000 {
				t.Errorf("%d requests of the app for %d polls", n, total)
			}
			s.quiet()
			if n := s.gripStats()["held"]; n != uint64(total) {
				t.Errorf("%d holds, want %d", n, total)
			}
		})
}

// TestGRIPTimeouts: 55 s if the app says nothing, 5 s at least, grip.max_timeout
// at most.
func TestGRIPTimeouts(t *testing.T) {
	for line, want := range map[string]time.Duration{
		"X-None: 1": 55 * time.Second, "Grip-Timeout: 0": 5 * time.Second, "Grip-Timeout: 1": 5 * time.Second,
		"Grip-Timeout: 20": 20 * time.Second, "Grip-Timeout: 9000": 10 * time.Minute,
	} {
		virtualBehind(t, Options{}, func(*fasthttp.Request) string { return holdOn("none", "Grip-Channel: a", line, "X-Own: 1") },
			func(t *testing.T, s *site, a *app) {
				begin := time.Now()
				r := s.dial().poll("/app")
				between(t, line, time.Since(begin), want, want+tick)
				if r.status != 200 || r.body != "none" || r.field("Content-Type") != "text/plain" || r.field("X-Own") != "1" {
					t.Error(r.raw)
				}
				r.cursor(t)
			})
	}
}

// TestGRIPPositions: what a hold sees of what was published before it.
func TestGRIPPositions(t *testing.T) {
	during := func(*site) {}
	var s *site
	answer := ""
	handler := func(*fasthttp.Request) string { during(s); return answer }
	routes := append(testRoutes(), Route{Path: "/app", Backend: "app"}, Route{Path: "/late", Backend: "app", FromAnswer: true})
	run := func(name string, o Options, f func(t *testing.T, s *site)) {
		t.Run(name, func(t *testing.T) {
			o.Routes = routes
			during, answer = func(*site) {}, holdOn("none", "Grip-Channel: a")
			virtualBehind(t, o, handler, func(t *testing.T, mine *site, a *app) { s = mine; f(t, mine) })
		})
	}
	at := func(t *testing.T, want string, took, low, high time.Duration, r reply) {
		t.Helper()
		if r.body != want {
			t.Errorf("got %q, want %q", r.body, want)
		}
		between(t, "the answer", took, low, high)
		r.cursor(t)
	}
	timed := func(c *client, target string, lines ...string) (reply, time.Duration) {
		begin := time.Now()
		r := c.poll(target, lines...)
		return r, time.Since(begin)
	}

	run("while the app decides", Options{}, func(t *testing.T, s *site) {
		during = func(s *site) { s.say("a", "1") }
		r, took := timed(s.dial(), "/app")
		at(t, "1", took, 0, 0, r)
	})
	run("position of the answer", Options{}, func(t *testing.T, s *site) {
		during = func(s *site) { s.say("a", "1") }
		r, took := timed(s.dial(), "/late")
		at(t, "none", took, 55*time.Second, 56*time.Second, r)
	})
	run("cursor", Options{}, func(t *testing.T, s *site) {
		c := s.dial()
		s.say("a", "0")
		r := c.poll("/app")
		for _, b := range []string{"1", "2", "3"} {
			s.say("a", b)
		}
		for _, b := range []string{"1", "2", "3"} {
			var took time.Duration
			r, took = timed(c, "/app", "comet-cursor: "+r.cursor(t))
			at(t, b, took, 0, 0, r)
		}
		r, took := timed(c, "/app", "Comet-Cursor: "+r.cursor(t))
		at(t, "none", took, 55*time.Second, 56*time.Second, r)
	})
	run("prev-id", Options{}, func(t *testing.T, s *site) {
		for i := range 4 {
			if r := s.items(fmt.Sprintf(`{"channel":"a","id":"i%d","http-response":{"body":"%d"}}`, i, i)); r.status != 200 {
				t.Fatal(r.raw)
			}
		}
		answer = holdOn("none", "Grip-Channel: a; prev-id=i1")
		r, took := timed(s.dial(), "/app")
		at(t, "2", took, 0, 0, r)
		answer = holdOn("none", "Grip-Channel: a; prev-id=i3")
		r, took = timed(s.dial(), "/app")
		at(t, "none", took, 55*time.Second, 56*time.Second, r)
		answer = holdOn("none", "Grip-Channel: a; prev-id=unknown")
		r, took = timed(s.dial(), "/app")
		at(t, "none", took, 55*time.Second, 56*time.Second, r)
		if st := s.gripStats(); st["at_prev_id"] != 2 || st["unknown_prev_id"] != 1 {
			t.Errorf("%v", st)
		}
	})
	small := Options{}
	small.History.Messages = 2
	run("older than the window", small, func(t *testing.T, s *site) {
		c := s.dial()
		old := s.hub.Cursor(s.hub.Position()).String()
		for _, b := range []string{"1", "2", "3"} {
			s.say("a", b)
		}
		for _, cursor := range []string{old, "nonsense", old} {
			r, took := timed(c, "/app", "Comet-Cursor: "+cursor)
			at(t, "none", took, 0, 0, r)
			if r.field("Comet-Gap") != "true" {
				t.Error(r.raw)
			}
			for _, want := range []string{"2", "3"} { // what is still kept
				r, took = timed(c, "/app", "Comet-Cursor: "+r.cursor(t))
				at(t, want, took, 0, 0, r)
			}
		}
		if st := s.gripStats(); st["behind"] != 3 || st["found"] != 6 {
			t.Errorf("%v", st)
		}
	})
	run("cursors that say nothing", Options{}, func(t *testing.T, s *site) {
		s.say("a", "1")
		for _, cursor := range []string{"", "now", "null", "undefined"} {
			r, took := timed(s.dial(), "/app", "Comet-Cursor: "+cursor)
			at(t, "none", took, 55*time.Second, 56*time.Second, r)
		}
		r, took := timed(s.dial(), "/app", "Comet-Cursor: earliest")
		at(t, "1", took, 0, 0, r)
	})
	run("no channel", Options{}, func(t *testing.T, s *site) {
		answer = holdOn("none")
		r, took := timed(s.dial(), "/app")
		at(t, "none", took, 55*time.Second, 56*time.Second, r)
	})
}

// TestGRIPRequest: what an app is told, and what a client cannot tell it.
func TestGRIPRequest(t *testing.T) {
	o := Options{GRIP: GRIPOptions{SigKey: []byte("a secret of some length"), SigIss: "me"},
		Routes: []Route{{Path: "/app", Backend: "app"}, {Path: "/plain", Backend: "app", NoGRIP: true}}}
	virtualBehind(t, o, func(*fasthttp.Request) string { return ok("") }, func(t *testing.T, s *site, a *app) {
		forged := []string{"Grip-Sig: forged", "grip_sig: forged", "GRIP-Last: a; last-id=1", "Grip_Feature: forged", "X-Forwarded_For: forged", "X-Own: kept", "Comet-Cursor: kept"}
		s.dial().poll("/app", forged...)
		s.dial().poll("/plain", forged...)
		s.quiet()
		asked := a.requests()
		for i, head := range asked {
			if strings.Contains(head, "forged") || strings.Contains(head, "last-id") || strings.Count(head, "kept") != 2 {
				t.Errorf("the app was asked\n%s", head)
			}
			if signed := strings.Contains(head, "Grip-Sig: ey") && strings.Contains(head, "Grip-Feature: status\r\n"); signed != (i == 0) {
				t.Errorf("signed %v:\n%s", signed, head)
			}
		}
	})
}

// TestGRIPRequestBody: the next request on a connection begins where the body of
// the one that was held ends, however that body comes and whenever the app
// answers.
func TestGRIPRequestBody(t *testing.T) {
	const next = "GET /app/next HTTP/1.1\r\nHost: x\r\n\r\n"
	body := strings.Repeat("x", 50_000)
	chunked := func(s string) string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(s), s) }
	for _, tc := range []struct{ name, head, body string }{
		{"small", "Content-Length: 10", "0123456789"},
		{"large", "Content-Length: 50000", body},
		{"chunked", "Transfer-Encoding: chunked", chunked(body)},
		{"small chunked", "Transfer-Encoding: chunked", chunked("abc")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			virtualBehind(t, Options{}, func(r *fasthttp.Request) string {
				if strings.HasSuffix(string(r.RequestURI()), "/next") {
					return ok("next")
				}
				return holdOn("none", "Grip-Channel: a")
			}, func(t *testing.T, s *site, a *app) {
				c := s.dial()
				c.send("POST /app HTTP/1.1\r\nHost: x\r\n" + tc.head + "\r\n\r\n")
				go c.send(tc.body + next)
				s.quiet()
				if n := s.hub.Stats().Waiting; n != 1 {
					t.Fatalf("%d holds", n)
				}
				s.say("a", "news")
				if r := c.answer(); r.body != "news" {
					t.Error(r.raw)
				}
				if r := c.answer(); r.body != "next" {
					t.Error(r.raw)
				}
			})
		})
	}
}

// TestGRIPDropped: of a hold whose connection the HTTP server does not hand over,
// for the answer to a request pipelined before it cannot be written, nothing is kept.
func TestGRIPDropped(t *testing.T) {
	clients := make(chan *client, 1)
	var asked atomic.Int64
	a := openApp(t, backend.Options{}, func(r *fasthttp.Request) string {
		if !strings.HasSuffix(string(r.RequestURI()), "/hold") {
			return ok("plain")
		}
		(<-clients).Close()
		asked.Add(1)
		return holdOn("none", "Grip-Channel: a")
	})
	s := open(t, behind(a))
	for range 20 {
		c := s.dial()
		clients <- c
		c.send("GET /app HTTP/1.1\r\nHost: x\r\n\r\nGET /app/hold HTTP/1.1\r\nHost: x\r\n\r\n")
	}
	// One whose client is seen to be gone already is not held at all.
	s.eventually("20 answers for nobody, of which nothing is kept", func() bool {
		st := s.lot.Stats()
		n, _ := s.held.counts()
		return asked.Load() == 20 && st.Active+st.Parked == 0 && n == 0
	})
}

// TestGRIPSlowBody: an app that does not get to the end of its answer is given up
// after a while, and at once when the client hangs up.
func TestGRIPSlowBody(t *testing.T) {
	answer := "HTTP/1.1 200 OK\r\nGrip-Hold: response\r\nContent-Length: 10\r\n\r\nx"
	virtualBehind(t, Options{}, func(*fasthttp.Request) string { return answer }, func(t *testing.T, s *site, a *app) {
		begin := time.Now()
		if r := s.dial().poll("/app"); r.status != 502 {
			t.Error(r.raw)
		}
		between(t, "a stuck answer", time.Since(begin), bodyPatience, bodyPatience+tick)
		c := s.dial()
		c.get("/app")
		time.Sleep(time.Second)
		c.Close()
		s.quiet()
		if st := s.lot.Stats(); st.Active != 0 {
			t.Errorf("%d requests of clients that have hung up are active", st.Active)
		}
	})
}

// TestGRIPPublishBounds: what a message has besides its body is bounded too.
func TestGRIPPublishBounds(t *testing.T) {
	virtual(t, Options{Publish: PublishOptions{MaxBytes: 30_000}}, func(t *testing.T, s *site) {
		for _, tc := range []struct {
			item   string
			status int
		}{
			{`{"channel":"a","id":"` + strings.Repeat("i", 255) + `","http-response":{"body":""}}`, 200},
			{`{"channel":"a","id":"` + strings.Repeat("i", 256) + `","http-response":{"body":""}}`, 400},
			{`{"channel":"a","id":"` + strings.Repeat("i", 256) + `","text":""}`, 400},
			{`{"channel":"a","http-response":{"body":"","reason":"` + strings.Repeat("r", 17_000) + `"}}`, 413},
			{`{"channel":"a","http-response":{"body":"","headers":{"A":"` + strings.Repeat("r", 17_000) + `"}}}`, 413},
			{`{"channel":"a","http-response":{"body":"` + strings.Repeat("b", 20_000) + `","headers":{"A":"` + strings.Repeat("r", 11_000) + `"}}}`, 413},
		} {
			if r := s.items(tc.item); r.status != tc.status {
				t.Errorf("%.60s: %s", tc.item, r.raw)
			}
		}
	})
}
