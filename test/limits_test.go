package test

import (
	"fmt"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

// TestParkedLimit: beyond limits.parked a poll is not held but turned away, and
// one that need not be held is answered.
func TestParkedLimit(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, "[limits]\nparked = 10\n"+roomsConfig)
	s.Publish("room:old", "x")
	clients := connect(t, s, 10)
	park(t, s, clients, func(int) string { return get("/room/1?wait=30") })
	c := s.Client(t)
	c.SendGet("/room/1?wait=30")
	wantProblem(t, c, 503, "held")
	wantNews(t, c.Get(t, "/room/old?cursor=earliest"), nil, "x")
	wantNews(t, c.Get(t, "/room/1?wait=0"), nil)
	clients[0].Close()
	s.AwaitParked(9, soon())
	c.SendGet("/room/1?wait=30")
	s.AwaitParked(10, soon())
	if p := s.Publish("room:1", "y"); p.Released != 10 {
		t.Errorf("released %d", p.Released)
	}
	wantNews(t, c.Want(t, 200), nil, "y")
}

// TestConnectionLimit: held connections stay; the one idle for longest makes room
// for a new one; when none is idle the new one is turned away.
func TestConnectionLimit(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, "[limits]\nconnections = 10\n"+roomsConfig)
	held := connect(t, s, 5)
	park(t, s, held, func(i int) string { return get(fmt.Sprintf("/room/%d?wait=30", i)) })
	idle := connect(t, s, 5)
	time.Sleep(1100 * time.Millisecond) // fresh ones are spared
	more := connect(t, s, 5)            // in the place of the idle ones
	for i, c := range idle {
		if err := c.End(5 * soon()); err != nil {
			t.Errorf("idle connection %d: %v", i, err)
		}
	}
	park(t, s, more, func(int) string { return get("/room/x?wait=30") })
	c := s.Client(t)
	a, err := c.Read() // without a word of its own
	if err != nil || a.Status != 503 || a.Header.Get("Retry-After") == "" || a.Header.Get("Connection") != "close" {
		t.Errorf("%+v, %v; want 503", a, err)
	} else {
		checkProblem(t, a)
	}
	for i, c := range held {
		s.Publish(fmt.Sprintf("room:%d", i), "x")
		wantNews(t, c.Want(t, 200), nil, "x")
	}
}
