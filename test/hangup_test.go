package test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

// inParallel runs f for 0 to n-1, a bounded number at a time, and reports its
// errors: a few of them in full.
func inParallel(t *testing.T, n int, f func(i int) error) {
	t.Helper()
	var wg sync.WaitGroup
	var mu sync.Mutex
	failed := 0
	next := make(chan int)
	for range min(n, 64) {
		wg.Go(func() {
			for i := range next {
				if err := f(i); err != nil {
					mu.Lock()
					if failed++; failed <= 5 {
						t.Errorf("number %d: %v", i, err)
					}
					mu.Unlock()
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	if failed > 5 {
		t.Errorf("%d of %d failed", failed, n)
	}
}

// connect connects n clients.
func connect(t *testing.T, s *harness.Server, n int) []*harness.Client {
	t.Helper()
	clients := make([]*harness.Client, n)
	inParallel(t, n, func(i int) (err error) {
		clients[i], err = harness.NewClient(s.Public[0])
		return err
	})
	t.Cleanup(func() {
		for _, c := range clients {
			if c != nil {
				c.Close()
			}
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	return clients
}

// park makes each client send what raw says, and waits until all are held.
func park(t *testing.T, s *harness.Server, clients []*harness.Client, raw func(i int) string) {
	t.Helper()
	before := int(s.Stats().Connections.Parked)
	inParallel(t, len(clients), func(i int) error { return clients[i].Send(raw(i)) })
	s.AwaitParked(before+len(clients), 20*time.Second)
	if t.Failed() {
		t.FailNow()
	}
}

func get(target string) string { return harness.Request("GET", target, "") }

// soon is a second, or more where everything is slow.
func soon() time.Duration {
	if harness.Race {
		return 5 * time.Second
	}
	return time.Second
}

// TestHangUp: parked clients that close, or reset, their connections are noticed
// at once.
func TestHangUp(t *testing.T) {
	s := harness.Start(t, roomsConfig)
	clients := connect(t, s, 1000)
	park(t, s, clients, func(i int) string { return get(fmt.Sprintf("/room/%d", i%10)) })
	before := s.Stats().Channels.Waiting
	begin := time.Now()
	inParallel(t, len(clients), func(i int) error {
		if i%2 == 0 {
			return clients[i].Close()
		}
		clients[i].Reset()
		return nil
	})
	closing := time.Since(begin)
	noticed := s.AwaitParked(0, soon())
	t.Logf("%d held; 500 closed and 500 reset in %s; none held %s later", before, closing.Round(time.Millisecond), noticed.Round(time.Millisecond))
	if p := s.Publish("room:1", "x"); p.Released != 0 {
		t.Errorf("a publish released %d", p.Released)
	}
}

// TestPipelined: a second request sent while the first is held is answered after
// it, whether it is held too or not.
func TestPipelined(t *testing.T) {
	s := harness.Start(t, roomsConfig)
	clients := connect(t, s, 500)
	park(t, s, clients, func(i int) string { return get("/room/first?wait=30") })
	inParallel(t, len(clients), func(i int) error {
		if i%2 == 0 {
			return clients[i].SendGet("/room/other?wait=0")
		}
		return clients[i].SendGet(fmt.Sprintf("/room/second?wait=30&_=%d", i))
	})
	time.Sleep(100 * time.Millisecond) // the second requests are there, nothing happens
	s.AwaitParked(500, soon())
	if p := s.Publish("room:first", "1"); p.Released != 500 {
		t.Errorf("released %d; want 500", p.Released)
	}
	s.AwaitParked(250, 5*soon())
	if p := s.Publish("room:second", "2"); p.Released != 250 {
		t.Errorf("released %d; want 250", p.Released)
	}
	inParallel(t, len(clients), func(i int) error {
		if err := wantTexts(clients[i], "1"); err != nil {
			return fmt.Errorf("first answer: %w", err)
		}
		want := []string{"2"}
		if i%2 == 0 {
			want = nil
		}
		if err := wantTexts(clients[i], want...); err != nil {
			return fmt.Errorf("second answer: %w", err)
		}
		return nil
	})
	inParallel(t, 20, func(i int) error { return clients[i].Silent(50 * time.Millisecond) })
}

// wantTexts reads a poll's answer with just these messages and no gap.
func wantTexts(c *harness.Client, want ...string) error {
	a, err := c.Read()
	if err != nil {
		return err
	}
	n, err := a.News()
	if err != nil {
		return err
	}
	got := texts(n)
	if fmt.Sprint(got) != fmt.Sprint(want) || n.Gap {
		return fmt.Errorf("messages %q, gap %v; want %q", got, n.Gap, want)
	}
	return nil
}

func texts(n harness.News) (list []string) {
	for _, m := range n.Messages {
		list = append(list, m.Text())
	}
	return list
}

// TestHalfClosed: a client that ends its sending gets the ordinary answer of a
// poll whose time is up, at once, and then the end of the connection.
func TestHalfClosed(t *testing.T) {
	s := harness.Start(t, roomsConfig)
	clients := connect(t, s, 500)
	park(t, s, clients, func(i int) string { return get("/room/1?wait=30") })
	begin := time.Now()
	inParallel(t, len(clients), func(i int) error {
		if i%4 == 0 { // one more request on its way
			if err := clients[i].SendGet("/room/2?wait=30"); err != nil {
				return err
			}
		}
		return clients[i].CloseWrite()
	})
	inParallel(t, len(clients), func(i int) error {
		if err := wantTexts(clients[i]); err != nil {
			return err
		}
		if i%4 == 0 {
			if err := wantTexts(clients[i]); err != nil {
				return fmt.Errorf("second answer: %w", err)
			}
		}
		return clients[i].End(soon())
	})
	took := time.Since(begin)
	t.Logf("500 half-closed were answered and closed after %s", took.Round(time.Millisecond))
	if took > 2*soon() {
		t.Errorf("that took %s", took)
	}
	s.AwaitParked(0, soon())
}

// TestSlowReader: a client that does not read its answers costs nobody else
// anything.
func TestSlowReader(t *testing.T) {
	s := harness.Start(t, roomsConfig)
	big := make([]byte, 512<<10)
	for i := range big {
		big[i] = 'a' + byte(i%26)
	}
	slow, quick := s.Client(t), s.Client(t)
	park(t, s, []*harness.Client{slow, quick}, func(int) string { return get("/room/1?wait=30") })
	for i := range 8 { // asked for, never read: more than sockets take
		slow.SendGet(fmt.Sprintf("/room/1?cursor=earliest&wait=0&_=%d", i))
	}
	if p := s.Publish("room:1", string(big)); p.Released != 2 {
		t.Errorf("released %d; want 2", p.Released)
	}
	begin := time.Now()
	n := quick.Want(t, 200).WantNews(t)
	if len(n.Messages) != 1 || n.Messages[0].Text() != string(big) {
		t.Error("the quick client's message is wrong")
	}
	if d := time.Since(begin); d > soon() {
		t.Errorf("the quick client waited %s", d)
	}
	if err := wantTexts(slow, string(big)); err != nil {
		t.Error("the slow client: ", err)
	}
}
