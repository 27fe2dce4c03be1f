package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

// A register is an app that is told who is there.
type register struct {
	mu      sync.Mutex
	down    bool              // it answers 500
	present map[string]string // channels with their session; guarded by mu
	joins   int               // guarded by mu, as are the next two
	leaves  int
	posts   int
}

func (r *register) handle(x *harness.Exchange) {
	body, err := x.Body()
	var said struct {
		Session string
		Events  []struct{ Event, Channel string }
	}
	if err != nil || json.Unmarshal(body, &said) != nil || x.Target != "/presence" {
		x.Answer(400, "")
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		x.Answer(500, "")
		return
	}
	r.posts++
	for _, e := range said.Events {
		switch e.Event {
		case "join":
			r.joins++
			r.present[e.Channel] = said.Session
		case "leave":
			r.leaves++
			delete(r.present, e.Channel)
		case "start":
			maps.DeleteFunc(r.present, func(_, session string) bool { return session != said.Session })
		}
	}
	x.Answer(200, "thanks")
}

// await waits until so many channels are present.
func (r *register) await(t *testing.T, what string, n int) {
	t.Helper()
	for limit := time.Now().Add(harness.Patience); ; time.Sleep(10 * time.Millisecond) {
		r.mu.Lock()
		got := len(r.present)
		r.mu.Unlock()
		if got == n {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("%s: the app knows of %d channels; %d are there", what, got, n)
		}
	}
}

// TestPresence: thousands poll again and again, some with something to hear each
// time. Each joins once and leaves once; while the app is down nothing is lost.
func TestPresence(t *testing.T) {
	t.Parallel()
	r := &register{present: make(map[string]string)}
	b := harness.NewBackend(t, r.handle)
	s := harness.Start(t, b.Config("")+`
[[route]]
path = "/poll/{user}"
channels = ["user:{user}", "everyone"]
[[presence]]
channels = ["user:*"]
backend = "app"
path = "/presence"
leave_after = "4s"
every = "100ms"
`)
	n := harness.Scale(2000, 300)
	var stop atomic.Bool
	var pollers sync.WaitGroup
	for i := range n {
		pollers.Go(func() {
			p := &harness.Poller{Address: s.Public[0], Target: fmt.Sprint("/poll/", i), Wait: 1}
			defer p.Close()
			for !stop.Load() {
				if _, err := p.Poll(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	r.await(t, "they come", n)
	for range 50 {
		s.Publish("everyone", "x")
		time.Sleep(100 * time.Millisecond)
	}
	r.mu.Lock()
	if r.joins != n || r.leaves != 0 {
		t.Errorf("%d clients: the app was told of %d joins and %d leaves", n, r.joins, r.leaves)
	}
	r.down = true
	r.mu.Unlock()
	stop.Store(true)
	pollers.Wait()
	time.Sleep(6 * time.Second)
	r.mu.Lock()
	r.down = false
	r.mu.Unlock()
	r.await(t, "they go, and the app is down for a while", 0)
	r.mu.Lock()
	defer r.mu.Unlock()
	t.Logf("%d clients, polls that come again for 5 s: %d joins, %d leaves, in %d POSTs", n, r.joins, r.leaves, r.posts)
	if r.leaves != n || r.joins != n {
		t.Errorf("%d clients: the app was told of %d joins and %d leaves", n, r.joins, r.leaves)
	}
}
