package test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

// TestFlood: more clients come than the limit of open files lets in. Those that
// are held stay, publishing and forwarding go on, the others are turned away in
// an orderly way, and the log says so once.
func TestFlood(t *testing.T) {
	files := harness.Scale(20000, 4000)
	if own := fileLimit(); own < files {
		files = own
	}
	if files < 4000 {
		t.Skipf("this process may open only %d files", files)
	}
	backend := harness.NewBackend(t, func(x *harness.Exchange) {
		if x.Last = x.Nth%2 == 1; x.Last { // descriptors come and go
			x.Answer(200, "hello", "Connection: close")
		} else {
			x.Answer(200, "hello")
		}
	})
	s := harness.StartWithFiles(t, backend.Config("")+roomsConfig+"[[route]]\npath = \"/\"\nbackend = \"app\"\n", files)
	room := files - 1856 // what the backend's defaults leave to clients
	parked, more := room*5/6, room*11/20
	clients := connect(t, s, parked)
	park(t, s, clients, func(i int) string { return get("/room/parked?wait=60") })
	probes := connect(t, s, 200)
	park(t, s, probes, func(i int) string { return get(fmt.Sprintf("/room/probe-%d?wait=60", i)) })

	stop := make(chan struct{})
	var probing sync.WaitGroup
	var published, forwarded atomic.Int64
	probing.Go(func() { probePublish(t, s, probes, stop, &published) })
	probing.Go(func() { probeForward(t, s, stop, &forwarded) })
	begin := time.Now()
	h := startFlood(t, flood{s.Public[0], "/room/flood?wait=60", more})
	counts := h.counts()
	took := time.Since(begin)
	ready := s.Inside(t).Get(t, "/health/ready")
	close(stop)
	probing.Wait()
	st := s.Stats()
	t.Logf("%d files: %d parked, then %d more came in %.1fs: %+v; meanwhile %d messages and %d requests went through; %+v",
		files, parked, more, took.Seconds(), counts, published.Load(), forwarded.Load(), st.Connections)
	if counts.Held == 0 || counts.Refused+counts.Closed < more/3 || counts.Odd+counts.Released > 0 {
		t.Error("the flood did not go as it should")
	}
	if published.Load() == 0 || forwarded.Load() == 0 {
		t.Error("nothing was published or forwarded during the flood")
	}
	if ready.Status != 503 || ready.Header.Get("Retry-After") == "" {
		t.Errorf("GET /health/ready while clients are turned away: %d %s", ready.Status, ready.Body)
	}
	checkAfterFlood(t, s, h, clients, counts.Held)
}

func checkAfterFlood(t *testing.T, s *harness.Server, h *floodHelper, clients []*harness.Client, held int) {
	begin := time.Now()
	if p := s.Publish("room:parked", "to all"); p.Released != len(clients) {
		t.Errorf("released %d; want %d", p.Released, len(clients))
	}
	inParallel(t, len(clients), func(i int) error { return wantTexts(clients[i], "to all") })
	t.Logf("%d released and read in %s", len(clients), time.Since(begin).Round(time.Millisecond))
	if p := s.Publish("room:flood", "to the flood"); p.Released != held {
		t.Errorf("released %d of the flood; want %d", p.Released, held)
	}
	if c := h.finish(); c.Released != held || c.Held != 0 {
		t.Errorf("at last: %+v; want %d released", c, held)
	}
	if n := s.LogCount("turned away"); n != 1 {
		t.Errorf("the log says %d times that clients are turned away; want once", n)
	}
	if n := strings.Count(s.Log(), "\n"); n > 20 {
		t.Errorf("the log has %d lines", n)
	}
	end := time.Now().Add(10 * time.Second)
	for s.Inside(t).Get(t, "/health/ready").Status != 200 {
		if time.Sleep(100 * time.Millisecond); time.Now().After(end) {
			t.Fatal("not ready 10 seconds after the flood")
		}
	}
	if a := s.Client(t).Get(t, "/hello"); a.Status != 200 {
		t.Errorf("after the flood: %d", a.Status)
	}
}

// probePublish releases one parked client after the other.
func probePublish(t *testing.T, s *harness.Server, probes []*harness.Client, stop <-chan struct{}, n *atomic.Int64) {
	for i, c := range probes {
		select {
		case <-stop:
			return
		case <-time.After(50 * time.Millisecond):
		}
		begin := time.Now()
		p, err := s.TryPublish(fmt.Sprintf("room:probe-%d", i), "probe")
		if err == nil && p.Released != 1 {
			err = fmt.Errorf("released %d; want 1", p.Released)
		}
		if err == nil {
			err = wantTexts(c, "probe")
		}
		if d := time.Since(begin); err == nil && d > 3*soon() {
			err = fmt.Errorf("it took %s", d)
		}
		if err != nil {
			t.Errorf("publishing during the flood: %v", err)
			return
		}
		n.Add(1)
	}
}

// probeForward sends requests to the app, so many that its connection is never
// idle.
func probeForward(t *testing.T, s *harness.Server, stop <-chan struct{}, n *atomic.Int64) {
	c := s.Client(t)
	for {
		select {
		case <-stop:
			return
		case <-time.After(20 * time.Millisecond):
		}
		err := c.SendGet("/hello")
		var a *harness.Answer
		if err == nil {
			a, err = c.Read()
		}
		if err == nil && (a.Status != 200 || string(a.Body) != "hello") {
			err = fmt.Errorf("%d %s", a.Status, a.Body)
		}
		if err != nil {
			t.Errorf("forwarding during the flood: %v", err)
			return
		}
		n.Add(1)
	}
}

// TestMadeUpNames: clients that poll names nobody ever used cost no memory, and
// push out nothing that is known of real channels.
func TestMadeUpNames(t *testing.T) {
	total := harness.Scale(1_000_000, 50_000)
	const conns = 100
	s := harness.Start(t, "[history]\ntombstones = 10000\n"+roomsRoutes)
	c := s.Client(t)
	old := c.Get(t, "/room/1?wait=0").WantNews(t).Cursor
	for i := range 100 {
		s.Publish(fmt.Sprintf("room:real-%d", i), "x")
		s.Delete(fmt.Sprintf("room:real-%d", i))
	}
	for i := range 50 {
		s.Publish(fmt.Sprintf("room:kept-%d", i), "x")
	}
	inParallel(t, conns, func(i int) error { return pollNames(s, i, 200) }) // what a warm process has
	before, rss := s.Stats(), s.Free()
	begin := time.Now()
	inParallel(t, conns, func(i int) error { return pollNames(s, i+conns, total/conns) })
	took := time.Since(begin)
	s.AwaitParked(0, soon())
	after, rss2 := s.Stats(), s.Free()
	t.Logf("%d polls of made-up names in %.1fs, %.0f/s; %+v before, %+v after; RSS %.1f MiB before, %.1f after",
		total, took.Seconds(), float64(total)/took.Seconds(), before.Channels, after.Channels, rss, rss2)
	if after.Channels.Channels != before.Channels.Channels || after.Channels.Tombstones != before.Channels.Tombstones {
		t.Error("made-up names left something behind")
	}
	if !harness.Race && rss2 > rss+8 {
		t.Errorf("RSS grew by %.1f MiB", rss2-rss)
	}
	for i := range 100 {
		wantNews(t, c.Get(t, fmt.Sprintf("/room/real-%d?wait=0&cursor=%s", i, old)), []string{fmt.Sprintf("room:real-%d", i)})
	}
	wantNews(t, c.Get(t, "/room/kept-7?wait=0&cursor="+old), nil, "x")
	wantNews(t, c.Get(t, "/poll/never/used/either?wait=0&cursor="+old), nil)
}

// pollNames polls n names of its own over one connection, pipelined; a few of
// the polls are held shortly.
func pollNames(s *harness.Server, k, n int) error {
	c, err := harness.NewClient(s.Public[0])
	if err != nil {
		return err
	}
	defer c.Close()
	const batch = 100
	for done := 0; done < n; done += batch {
		var b strings.Builder
		for i := range batch {
			wait := "0"
			if i == 50 && done%1000 == 0 {
				wait = "0.01"
			}
			fmt.Fprintf(&b, "GET /room/made-up-%d-%d?wait=%s HTTP/1.1\r\nHost: localhost\r\n\r\n", k, done+i, wait)
		}
		if err := c.Send(b.String()); err != nil {
			return err
		}
		for range batch {
			a, err := c.Read()
			if err != nil {
				return err
			}
			if a.Status != http.StatusNoContent {
				return fmt.Errorf("%d %s", a.Status, a.Body)
			}
		}
	}
	return nil
}
