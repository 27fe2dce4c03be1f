package proxy

import (
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// TestDrainWindow: what clients get while a drain goes on, of native routes and of an
// app's.
func TestDrainWindow(t *testing.T) {
	own := func(r *fasthttp.Request) string {
		if strings.Contains(string(r.RequestURI()), "own") {
			return holdOn("none", "Grip-Channel: a", "Retry-After: 7")
		}
		return holdOn("none", "Grip-Channel: a")
	}
	virtualBehind(t, Options{Drain: 10 * time.Second}, own, func(t *testing.T, s *site, a *app) {
		const n = 1500 // more than 100 a second
		var held []*client
		for i := range n {
			c := s.dial()
			c.get([]string{"/events/1?wait=50", "/both/1?wait=50", "/app/x", "/app/own"}[i%4])
			held = append(held, c)
		}
		s.wantHolds(n)
		begin := time.Now()
		ended := make(chan time.Duration)
		go func() {
			s.Drain(nil)
			ended <- time.Since(begin)
		}()
		time.Sleep(3 * time.Second)
		if parked := s.Stats().Lot.Parked; parked < n*6/10 || parked > n*8/10 {
			t.Errorf("after 3 of 10 seconds %d are parked", parked)
		}
		for target, want := range map[string]string{"/events/2?wait=50": "11", "/app/x": "11", "/app/own": "7"} {
			start := time.Now()
			r := s.dial().poll(target)
			between(t, target, time.Since(start), 0, 0)
			if r.field("Retry-After") != want || r.field("Connection") != "close" || r.status/100 != 2 {
				t.Error(r.raw)
			}
		}
		s.publish("room:1", `"meanwhile"`) // releases who waits still
		if took := <-ended; took != 10*time.Second {
			t.Errorf("it took %s", took)
		}
		news := 0
		for i, c := range held {
			r := c.answer()
			want := []string{"11", "11", "11", "7"}[i%4]
			if r.field("Retry-After") != want || r.field("Connection") != "close" || r.field("Comet-Cursor") == "" {
				t.Fatal(r.raw)
			}
			if strings.Contains(r.body, "meanwhile") {
				news++
			}
			c.closedByServer()
		}
		if news < n/4 || news > n/2 {
			t.Errorf("%d got the message", news)
		}
	})
}

// TestDrainHurry: a second signal ends the window.
func TestDrainHurry(t *testing.T) {
	virtual(t, Options{Drain: time.Hour}, func(t *testing.T, s *site) {
		const n = 500
		var held []*client
		for range n {
			c := s.dial()
			c.get("/events/1?wait=50")
			held = append(held, c)
		}
		s.wantHolds(n)
		hurry := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(hurry) })
		begin := time.Now()
		s.Drain(hurry)
		between(t, "the drain", time.Since(begin), time.Second, time.Second)
		for _, c := range held {
			if r := c.answer(); r.status != 204 {
				t.Fatal(r.raw)
			}
		}
	})
}
