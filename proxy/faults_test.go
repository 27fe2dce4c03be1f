package proxy

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp"

	"cometproxy/backend"
	"cometproxy/channels"
	"cometproxy/park"
)

// failAt makes the nth passage of a place panic.
func (s *site) failAt(where string, nth int64) {
	var passed atomic.Int64
	s.faults = func(at string) {
		if at == where && passed.Add(1) == nth {
			panic("injected at " + at)
		}
	}
}

// TestFaults: a panic at each recovery boundary costs one client its connection
// or its answer. All others go on, and nothing is left over.
func TestFaults(t *testing.T) {
	const clients = 100 // more than a slice of the releaser's
	for _, tc := range []struct {
		where  string
		nth    int64
		status int // of the one client's answer; 0: its connection is closed without one
	}{
		{"handler", 1, 500},
		{"handler", 50, 500},
		{"takeover", 1, 0},
		{"takeover", clients, 0},
		{"release", 1, 0},
		{"release", 64, 0},
		{"release", clients, 0},
	} {
		t.Run(fmt.Sprint(tc.where, tc.nth), func(t *testing.T) {
			virtual(t, Options{}, func(t *testing.T, s *site) {
				s.failAt(tc.where, tc.nth)
				var all []*client
				for range clients {
					c := s.dial()
					c.get("/both/1?wait=60")
					synctest.Wait()
					all = append(all, c)
				}
				early := clients
				if tc.where != "release" {
					early--
				}
				s.quiet()
				if st, lot := s.hub.Stats(), s.lot.Stats(); st.Waiting != int64(early) || lot.Parked != int64(early) {
					t.Errorf("%+v %+v", st, lot)
				}
				if n := s.publish("everyone", `1`); n != early {
					t.Errorf("%d released", n)
				}
				failed := 0
				for _, c := range all {
					r, err := readReply(c.br, false)
					if err == nil && r.status == 200 {
						continue
					}
					failed++
					if r.status != tc.status || tc.status == 0 && err != io.EOF || tc.status != 0 && (err != nil || r.field("Connection") != "close") {
						t.Errorf("got %v and %s", err, r.raw)
					}
					c.closedByServer()
				}
				if failed != 1 {
					t.Errorf("%d failed", failed)
				}
				s.quiet()
				if lot := s.lot.Stats(); lot.Idle != clients-1 || lot.Active+lot.Parked+lot.Finishing != 0 {
					t.Errorf("%+v", lot)
				}
				s.serves()
			})
		})
	}
}

// serves shows that a site is as good as new: a poll is held and released.
func (s *site) serves() {
	s.t.Helper()
	if st := s.hub.Stats(); st.Waiting != 0 {
		s.t.Errorf("%d wait", st.Waiting)
	}
	if n := s.active.count() + s.releaser.pending.count(); n != 0 {
		s.t.Errorf("%d requests or releases under way", n)
	}
	c := s.dial()
	c.get("/both/2")
	s.quiet()
	if n := s.publish("room:2", `"again"`); n != 1 {
		s.t.Errorf("%d released", n)
	}
	if r := c.answer(); !strings.Contains(r.body, "again") {
		s.t.Error(r.raw)
	}
}

// TestFaultAtEvent: what a panic interrupts may be the end of a hold by its
// deadline or by its client.
func TestFaultAtEvent(t *testing.T) {
	for _, gone := range []bool{false, true} {
		t.Run(fmt.Sprint("gone=", gone), func(t *testing.T) {
			virtual(t, Options{}, func(t *testing.T, s *site) {
				s.failAt("event", 1)
				one := s.dial()
				one.get("/both/1?wait=5")
				var others []*client
				for range 20 {
					c := s.dial()
					c.get("/both/1?wait=60")
					others = append(others, c)
				}
				s.quiet()
				if gone {
					one.Close()
				}
				time.Sleep(10 * time.Second)
				if !gone {
					one.closedByServer()
				}
				s.quiet()
				if st, lot := s.hub.Stats(), s.lot.Stats(); st.Waiting != 20 || lot.Parked != 20 || lot.Active+lot.Idle+lot.Finishing != 0 {
					t.Errorf("after the panic: %+v %+v", st, lot)
				}
				if n := s.publish("everyone", `1`); n != 20 {
					t.Errorf("%d released", n)
				}
				for _, c := range others {
					if r := c.answer(); r.status != 200 {
						t.Fatal(r.raw)
					}
				}
				s.serves()
			})
		})
	}
}

func TestFaultInternal(t *testing.T) {
	virtual(t, Options{}, func(t *testing.T, s *site) {
		c := s.dial()
		c.get("/events/1")
		s.quiet()
		s.failAt("internal", 1)
		if r := s.request("POST", "/channels/room:1", "{}"); r.status != 500 || r.field("Content-Type") != "application/problem+json" {
			t.Error(r.raw)
		}
		if n := s.publish("room:1", `1`); n != 1 {
			t.Errorf("%d released", n)
		}
		if r := c.answer(); r.status != 200 {
			t.Error(r.raw)
		}
		s.serves()
	})
}

// A message that no answer can be made of, which no caller of the internal
// listener can publish, costs those who waited for it their connections: none
// is left without an end.
func TestFaultInSharedAnswer(t *testing.T) {
	virtual(t, Options{}, func(t *testing.T, s *site) {
		var held []*client
		for range 100 {
			c := s.dial()
			c.get("/events/1")
			held = append(held, c)
		}
		other := s.dial()
		other.get("/events/2")
		s.quiet()
		s.hub.Publish(channels.Item{Channel: "room:1", Data: "no payload"})
		s.quiet()
		if lot := s.lot.Stats(); lot.Parked != 1 || lot.Idle+lot.Active+lot.Finishing != 0 {
			t.Errorf("%+v", lot)
		}
		for _, c := range held {
			c.closedByServer()
		}
		s.publish("room:2", `1`)
		if r := other.answer(); r.status != 200 {
			t.Error(r.raw)
		}
		s.serves()
	})
}

// TestFaultTakingOverFromTheApp: an answer of the app's that could not be handed
// on gives its place back, for there are few of them.
func TestFaultTakingOverFromTheApp(t *testing.T) {
	virtual(t, Options{}, func(t *testing.T, _ *site) {
		a := openApp(t, backend.Options{MaxConns: 1, MaxTunnels: 1}, func(req *fasthttp.Request) string {
			if len(req.Header.Peek("Upgrade")) > 0 {
				return "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
			}
			return "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100000)
		})
		s := open(t, behind(a))
		for _, lines := range [][]string{nil, {"Connection: upgrade", "Upgrade: x"}} {
			s.failAt("takeover", 1)
			c := s.dial()
			c.get("/app", lines...)
			c.closedByServer()
			s.quiet()
			if st := a.Stats(); st.Active+st.Tunnels != 0 {
				t.Errorf("places taken after a panic: %+v", st)
			}
			if n := s.active.count(); n != 0 {
				t.Errorf("%d active", n)
			}
		}
		if r := s.dial().poll("/app"); r.status != 200 || len(r.body) != 100000 {
			t.Errorf("%d", r.status)
		}
		s.close()
	})
}

// TestHangUpBeforeTakingOver: a client pipelines a request that is answered at
// once and one that is not, and is gone when the first answer is written, which
// the HTTP server does only after the second request's handler. Then it does not
// hand the connection over.
func TestHangUpBeforeTakingOver(t *testing.T) {
	virtual(t, Options{}, func(t *testing.T, _ *site) {
		a := openApp(t, backend.Options{MaxConns: 1}, func(req *fasthttp.Request) string {
			return "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100000)
		})
		s := open(t, behind(a))
		for _, second := range []string{"/events/1", "/app"} {
			c := s.dial()
			s.faults = func(string) { c.Close() } // after the bytes were read
			c.send("GET /events/1?wait=0 HTTP/1.1\r\nHost: x\r\n\r\nGET " + second + " HTTP/1.1\r\nHost: x\r\n\r\n")
			s.quiet()
			s.faults = nil
			if st := a.Stats(); st.Active != 0 {
				t.Errorf("%s: places taken: %+v", second, st)
			}
			if lot := s.lot.Stats(); lot.Idle+lot.Active+lot.Parked+lot.Finishing != 0 {
				t.Errorf("%s: %+v", second, lot)
			}
			if n := s.active.count(); n != 0 {
				t.Errorf("%s: %d active", second, n)
			}
		}
		s.serves()
	})
}

// Events of a stay that is over, or of none, do nothing.
func TestStaleEvents(t *testing.T) {
	virtual(t, Options{}, func(t *testing.T, s *site) {
		c := s.dial()
		c.get("/events/1")
		s.quiet()
		h := holds.Get().(*hold)
		for _, kind := range []park.Kind{park.Deadline, park.EndOfInput, park.Reset} {
			for _, gen := range []uint32{0, 1, 77} {
				s.event(park.Event{Kind: kind, ID: 1<<40 | 77, Owner: h, Gen: gen})
			}
		}
		s.event(park.Event{Kind: park.Deadline, ID: 1<<40 | 77}) // panics inside
		holds.Put(h)
		s.quiet()
		if st := s.hub.Stats(); st.Waiting != 1 {
			t.Errorf("%+v", st)
		}
		s.publish("room:1", `1`)
		if r := c.answer(); r.status != 200 {
			t.Error(r.raw)
		}
	})
}
