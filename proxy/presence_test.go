package proxy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp"
)

// A register is the part of an app that is told who is there.
type register struct {
	mu       sync.Mutex
	down     bool     // it answers 503
	said     []string // "+a", "-a", "start", in their order
	sessions map[string]bool
	wrong    []string // what is not as it should be
}

func (r *register) handle(req *fasthttp.Request) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		return "HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n"
	}
	var body struct {
		Node, Session string
		Events        []struct {
			Event, Channel string
			Time           time.Time
		}
	}
	if err := json.Unmarshal(req.Body(), &body); err != nil || body.Node != "n1" || body.Session == "" || len(body.Events) == 0 ||
		string(req.Header.Method()) != "POST" || string(req.RequestURI()) != "/presence?a=b" || string(req.Header.Peek("Authorization")) != "Bearer secret" {
		r.wrong = append(r.wrong, fmt.Sprintf("%v: %s", err, req))
	}
	if r.sessions == nil {
		r.sessions = make(map[string]bool)
	}
	r.sessions[body.Session] = true
	for _, e := range body.Events {
		if ago := time.Since(e.Time); ago < 0 || ago > 20*time.Second {
			r.wrong = append(r.wrong, fmt.Sprintf("%s %s was %v ago", e.Event, e.Channel, ago))
		}
		r.said = append(r.said, map[string]string{"join": "+", "leave": "-", "start": "start"}[e.Event]+e.Channel)
	}
	return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
}

// want checks what was said since the last time.
func (r *register) want(t *testing.T, what string, said ...string) {
	t.Helper()
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.Sort(r.said)
	if !slices.Equal(r.said, said) {
		t.Errorf("%s: told %q; want %q", what, r.said, said)
	}
	for _, w := range r.wrong {
		t.Error(w)
	}
	r.said, r.wrong = nil, nil
}

func (r *register) set(down bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = down
}

func registering(patterns ...string) []PresenceOptions {
	return []PresenceOptions{{Channels: patterns, Backend: "app", Path: "/presence?a=b", Token: "secret", Node: "n1"}}
}

// withRegister runs f with a site whose app is told of room:*.
func withRegister(t *testing.T, f func(t *testing.T, s *site, r *register)) {
	t.Helper()
	r := new(register)
	o := Options{Presence: registering("room:*"), Hold: HoldOptions{MaxTimeout: time.Hour}, Routes: testRoutes()}
	virtualBehind(t, o, r.handle, func(t *testing.T, s *site, _ *app) { f(t, s, r) })
}

func TestPresence(t *testing.T) {
	withRegister(t, func(t *testing.T, s *site, r *register) {
		c, other := s.dial(), s.dial()
		c.get("/both/1?wait=20")
		other.get("/events/2?wait=100")
		time.Sleep(2 * time.Second)
		r.want(t, "two come", "+room:1", "+room:2")
		for range 10 { // a poll comes again, after a rest
			c.answer()
			time.Sleep(5 * time.Second)
			c.get("/both/1?wait=20")
		}
		other.answer() // 100 s
		r.want(t, "polls come again, and it begins", "-room:2", "start")
		s.dial().get("/events/2?wait=3000")
		c.answer()
		time.Sleep(9 * time.Second)
		r.want(t, "one comes back", "+room:2")
		time.Sleep(3 * time.Second)
		r.want(t, "one is gone", "-room:1")
		if err := s.Check(); err != nil {
			t.Error(err)
		}
		if len(r.sessions) != 1 {
			t.Errorf("%d sessions", len(r.sessions))
		}
	})
}

// TestPresenceOfTheBusy: who is told something with each poll is never parked, and
// there.
func TestPresenceOfTheBusy(t *testing.T) {
	withRegister(t, func(t *testing.T, s *site, r *register) {
		c := s.dial()
		cursor := c.poll("/events/1?wait=0").field("Comet-Cursor")
		r.want(t, "a poll that does not wait")
		for range 60 {
			s.publish("room:1", `1`)
			cursor = c.poll("/events/1?cursor=" + cursor).field("Comet-Cursor")
			time.Sleep(time.Second)
		}
		r.want(t, "a busy one", "+room:1", "start")
		time.Sleep(12 * time.Second)
		r.want(t, "it is gone", "-room:1")
	})
}

// TestPresenceOfAnAppThatFails: it is told what is so when it listens again.
func TestPresenceOfAnAppThatFails(t *testing.T) {
	withRegister(t, func(t *testing.T, s *site, r *register) {
		r.set(true)
		for i := range 4 {
			s.dial().get(fmt.Sprintf("/events/%d?wait=%d", i, 10+1000*(i%2)))
		}
		time.Sleep(90 * time.Second)
		if st := s.Stats().Presence; st.Channels != 2 || st.Pending == 0 || st.Posts != 0 || st.Failed < 4 || st.Failed > 10 {
			t.Errorf("%+v", st)
		}
		r.set(false)
		time.Sleep(time.Minute)
		r.mu.Lock()
		said := strings.Join(r.said, " ")
		r.mu.Unlock()
		for _, i := range []string{"1", "3"} {
			if !strings.Contains(said, "+room:"+i) {
				t.Errorf("told %s", said)
			}
		}
		if strings.Contains(said, "+room:0") || strings.Contains(said, "+room:2") {
			t.Errorf("told %s", said)
		}
		if st := s.Stats().Presence; st.Channels != 2 || st.Pending != 0 || st.Posts == 0 {
			t.Errorf("%+v", st)
		}
	})
}

// TestPresenceOfADrain: nobody is told to leave because the process ends.
func TestPresenceOfADrain(t *testing.T) {
	withRegister(t, func(t *testing.T, s *site, r *register) {
		s.set().Drain = 30 * time.Second
		for range 3000 {
			s.dial().get("/events/1?wait=3000")
		}
		time.Sleep(3 * time.Second)
		r.want(t, "they come", "+room:1")
		s.shutdown(nil)
		r.want(t, "the end")
	})
}

// TestPresenceReloaded: a teller whose options stay knows what it knew.
func TestPresenceReloaded(t *testing.T) {
	withRegister(t, func(t *testing.T, s *site, r *register) {
		s.dial().get("/both/1?wait=3000")
		time.Sleep(40 * time.Second)
		r.want(t, "one comes", "+room:1", "start")
		o := s.set().Options
		if err := s.Reload(o); err != nil {
			t.Fatal(err)
		}
		time.Sleep(40 * time.Second)
		r.want(t, "nothing has changed")
		o.Presence = append(registering("every*"), o.Presence...)
		if err := s.Reload(o); err != nil {
			t.Fatal(err)
		}
		time.Sleep(40 * time.Second)
		r.want(t, "more to tell", "+everyone", "start")
		o.Presence = nil
		if err := s.Reload(o); err != nil {
			t.Fatal(err)
		}
		s.dial().get("/events/2?wait=3000")
		time.Sleep(40 * time.Second)
		r.want(t, "nothing to tell any more")
	})
}

// TestPresenceIsNotHurried: an app that takes long is not told more often than it wants
// to be.
func TestPresenceIsNotHurried(t *testing.T) {
	posts := 0 // owned by the one connection's handler, and read when nothing goes on
	o := Options{Presence: registering("room:*"), Hold: HoldOptions{MaxTimeout: time.Hour}, Routes: testRoutes()}
	o.Presence[0].Every = 10 * time.Second
	handle := func(*fasthttp.Request) string {
		posts++
		time.Sleep(700 * time.Millisecond)
		return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	}
	virtualBehind(t, o, handle, func(t *testing.T, s *site, _ *app) {
		for i := range 240 {
			s.dial().get(fmt.Sprintf("/events/%d?wait=1000", i))
			time.Sleep(250 * time.Millisecond)
		}
		if s.shutdown(nil); posts < 4 || posts > 6 {
			t.Errorf("%d POSTs in a minute", posts)
		}
	})
}

// TestPresenceEndsWhileItIsReloaded: nobody is told anything any more, and nobody waited
// for, whichever comes first.
func TestPresenceEndsWhileItIsReloaded(t *testing.T) {
	for range 50 {
		s := open(t, Options{})
		o := registering("*")
		o[0] = o[0].resolved()
		s.tellPresence(o)
		var both sync.WaitGroup
		s.tellers.mu.Lock() // so that both wait
		both.Go(s.endPresence)
		both.Go(func() { s.tellPresence(o) })
		time.Sleep(100 * time.Microsecond)
		s.tellers.mu.Unlock()
		both.Wait()
		if n := len(s.tellers.list()); n != 0 {
			t.Fatalf("%d tellers after the end", n)
		}
	}
}

// TestPresenceOfAnAppThatHangs: an end does not wait for it.
func TestPresenceOfAnAppThatHangs(t *testing.T) {
	var hang chan struct{}
	o := Options{Presence: registering("room:*"), Routes: testRoutes()}
	virtualBehind(t, o, func(*fasthttp.Request) string { <-hang; return "" }, func(t *testing.T, s *site, _ *app) {
		hang = make(chan struct{}) // of the bubble
		defer close(hang)
		s.dial().get("/events/1")
		time.Sleep(3 * time.Second)
		if st := s.Stats().Presence; st.Channels != 1 || st.Pending != 1 {
			t.Errorf("%+v", st)
		}
		begin := time.Now()
		s.shutdown(nil)
		between(t, "the end", time.Since(begin), 0, time.Second)
	})
}
