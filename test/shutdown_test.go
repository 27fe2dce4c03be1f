package test

import (
	"bytes"
	"fmt"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

// appRoute sends everything else to the app.
const appRoute = "[[route]]\npath = \"/\"\nbackend = \"app\"\n"

// TestShutdown: SIGTERM answers what is held at once, lets what is worked on
// finish, and accepts nobody any more.
func TestShutdown(t *testing.T) {
	finish, working := make(chan struct{}), make(chan struct{})
	backend := harness.NewBackend(t, func(x *harness.Exchange) {
		close(working)
		<-finish
		x.Answer(200, "finished")
	})
	s := harness.Start(t, backend.Config("")+roomsConfig+appRoute)
	clients := connect(t, s, harness.Scale(2000, 500))
	park(t, s, clients, func(i int) string { return get(fmt.Sprintf("/poll/%d/%d/x?wait=60", i, i%7)) })
	cursor := harness.Number(s.Publish("room:another", "x").ID)
	active := s.Client(t)
	active.SendGet("/work")
	<-working
	inner := s.Inside(t)
	inner.Get(t, "/health/ready")

	begin := time.Now()
	s.Signal(syscall.SIGTERM)
	var last time.Duration
	var mu sync.Mutex
	inParallel(t, len(clients), func(i int) error {
		a, err := clients[i].Read()
		if err != nil {
			return err
		}
		if a.Status != 204 || harness.Number(a.Header.Get("Comet-Cursor")) != cursor || a.Header.Get("Connection") != "close" {
			return fmt.Errorf("%d %v", a.Status, a.Header)
		}
		mu.Lock()
		last = max(last, time.Since(begin))
		mu.Unlock()
		return clients[i].End(soon())
	})
	t.Logf("%d held polls were answered within %s of SIGTERM", len(clients), last.Round(time.Millisecond))
	if last > soon() {
		t.Error("that is too long")
	}
	if c, err := net.DialTimeout("tcp", s.Public[0], time.Second); err == nil {
		c.Close()
		t.Error("a client was accepted after SIGTERM")
	}
	if a := inner.Get(t, "/health/ready"); a.Status != 503 || a.Header.Get("Retry-After") == "" || !bytes.Contains(a.Body, []byte("draining")) {
		t.Errorf("GET /health/ready: %d %s", a.Status, a.Body)
	}
	if a := inner.Get(t, "/health/live"); a.Status != 200 {
		t.Errorf("GET /health/live: %d", a.Status)
	}
	time.Sleep(300 * time.Millisecond)
	close(finish)
	if a := active.Want(t, 200); string(a.Body) != "finished" || a.Header.Get("Connection") != "close" {
		t.Errorf("the active request: %v %s", a.Header, a.Body)
	}
	wantExit(t, s, 0, 5*time.Second)
	if s.LogCount(`"requests_cut_off":0`) != 1 {
		t.Error("the log does not say that nothing was cut off")
	}
	s.CheckLog()
}

func wantExit(t *testing.T, s *harness.Server, want int, within time.Duration) {
	t.Helper()
	begin := time.Now()
	code, err := s.Exit(within)
	if err != nil || code != want {
		t.Errorf("exit code %d, %v; want %d", code, err, want)
	}
	t.Logf("ended after %s", time.Since(begin).Round(time.Millisecond))
}

// hanging starts a server with a request at an app that never answers.
func hanging(t *testing.T, more string) (*harness.Server, *harness.Client) {
	t.Helper()
	over, working := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(over) })
	backend := harness.NewBackend(t, func(*harness.Exchange) {
		close(working)
		<-over
	})
	s := harness.Start(t, more+backend.Config("")+roomsConfig+appRoute)
	c := s.Client(t)
	c.SendGet("/work")
	<-working
	return s, c
}

// TestSecondSignal: it ends the process at once, whatever hangs.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	s, c := hanging(t, "[shutdown]\ngrace = \"60s\"\n")
	s.Signal(syscall.SIGTERM)
	if err := c.Silent(500 * time.Millisecond); err != nil {
		t.Error("after the first signal: ", err)
	}
	s.Signal(syscall.SIGTERM)
	wantExit(t, s, 1, 2*soon())
	if s.LogCount("by a second signal") != 1 {
		t.Error("the log does not say why")
	}
}

// TestGraceEnds: when the grace is over the process ends in order, and says what
// it cut off.
func TestGraceEnds(t *testing.T) {
	t.Parallel()
	s, c := hanging(t, "[shutdown]\ngrace = \"700ms\"\n")
	begin := time.Now()
	s.Signal(syscall.SIGINT)
	wantExit(t, s, 0, 10*time.Second)
	if d := time.Since(begin); d < 600*time.Millisecond {
		t.Errorf("ended after %s", d)
	}
	if s.LogCount(`"requests_cut_off":1`) != 1 {
		t.Error("the log does not say that one request was cut off")
	}
	c.Read() // whatever it is, it comes
}

// TestBadConfig: a configuration with faults is refused, and the text says where
// they are.
func TestBadConfig(t *testing.T) {
	t.Parallel()
	s := harness.StartFailing(t, "[publc]\nlisten = []\n[hold]\ntimeout = 5\n[[route]]\npath = \"/\"\nbackend = \"none\"\n")
	for _, word := range []string{"publc", "hold.timeout", "none"} {
		if s.LogCount(word) == 0 {
			t.Errorf("%q is not named in:\n%s", word, s.Log())
		}
	}
	other := harness.Start(t, roomsConfig)
	s = harness.StartFailing(t, fmt.Sprintf("[public]\nlisten = [%q]\n", other.Public[0])+roomsConfig)
	if s.LogCount("in use") == 0 {
		t.Errorf("no word of the address in use:\n%s", s.Log())
	}
}
