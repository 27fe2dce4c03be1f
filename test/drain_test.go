package test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

// drainConfig is a server on given addresses, which a window of so many seconds
// drains.
func drainConfig(public, internal string, seconds int, more string) string {
	return fmt.Sprintf("[public]\nlisten = [%q]\n[internal]\nlisten = [%q]\ndebug = true\n[shutdown]\ndrain = \"%ds\"\n", public, internal, seconds) + cmp.Or(more, roomsConfig)
}

// TestDrainSpread: the answers of a drain are spread over its window, each with a
// Retry-After past its end; who polls or asks meanwhile is served; and no connection
// is refused until the end.
func TestDrainSpread(t *testing.T) {
	t.Parallel()
	const window = 3
	backend := harness.NewBackend(t, func(x *harness.Exchange) { x.Answer(200, "ordinary") })
	n := harness.Scale(3000, 600)
	s := harness.Start(t, drainConfig("127.0.0.1:0", "127.0.0.1:0", window, "")+backend.Config("")+appRoute)
	clients := connect(t, s, n)
	park(t, s, clients, func(i int) string { return get(fmt.Sprintf("/poll/%d/%d/x?wait=60", i, i%7)) })
	inner := s.Inside(t)
	begin := time.Now()
	s.Signal(syscall.SIGTERM)

	var mu sync.Mutex
	var perTenth [10 * (window + 2)]int
	hints := make(map[string]int)
	meanwhile := make(chan error, 1)
	go func() { meanwhile <- askWhile(s, begin, window*time.Second*8/10, hints, &mu) }()
	var wg sync.WaitGroup
	for _, c := range clients {
		wg.Go(func() {
			a, err := c.Read()
			mu.Lock()
			defer mu.Unlock()
			if err != nil || a.Status != 204 || a.Header.Get("Comet-Cursor") == "" || a.Header.Get("Connection") != "close" {
				t.Errorf("%+v %v", a, err)
				return
			}
			hints[a.Header.Get("Retry-After")]++
			perTenth[min(len(perTenth)-1, int(10*time.Since(begin).Seconds()))]++
		})
	}
	wg.Wait()
	if err := <-meanwhile; err != nil {
		t.Error("meanwhile: ", err)
	}
	if len(hints) != 1 || hints[strconv.Itoa(window+1)] == 0 {
		t.Errorf("Retry-After: %v", hints)
	}
	t.Logf("answers in each tenth of a second: %v", perTenth)
	for half := range 2 * window {
		got := 0
		for _, k := range perTenth[5*half : 5*half+5] {
			got += k
		}
		if share := n / (2 * window); got < share/2 || got > share*3/2 {
			t.Errorf("half second %d: %d answers, even would be %d", half, got, share)
		}
	}
	inner.Conn.Close()
	wantExit(t, s, 0, 10*time.Second)
}

// askWhile polls and asks the app, each time over a new connection, until so long
// after begin.
func askWhile(s *harness.Server, begin time.Time, long time.Duration, hints map[string]int, mu *sync.Mutex) error {
	time.Sleep(200 * time.Millisecond)
	for time.Since(begin) < long {
		for _, target := range []string{"/poll/1/1/x?wait=60", "/ordinary"} {
			c, err := harness.NewClient(s.Public[0])
			if err != nil {
				return err
			}
			c.SendGet(target)
			a, err := c.Read()
			c.Conn.Close()
			switch {
			case err != nil:
				return err
			case a.Header.Get("Connection") != "close":
				return fmt.Errorf("%s: %v", target, a.Header)
			case target == "/ordinary" && a.Status != 200, target != "/ordinary" && a.Status != 204:
				return fmt.Errorf("%s: %d", target, a.Status)
			}
			if target != "/ordinary" {
				mu.Lock()
				hints[a.Header.Get("Retry-After")]++
				mu.Unlock()
			}
		}
		if code := ready(s); code != http.StatusServiceUnavailable {
			return fmt.Errorf("GET /health/ready: %d", code)
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil
}

func ready(s *harness.Server) int {
	r, err := http.Get("http://" + s.Internal[0] + "/health/ready")
	if err != nil {
		return 0
	}
	r.Body.Close()
	return r.StatusCode
}

// A rider is a client that a restart must not lose: it polls, honours Retry-After,
// and counts what it got.
type rider struct {
	cursor string
	seen   []int
	gaps   int
	back   time.Time // when it came back after the drain
}

// TestRestart: 15,000 parked clients, SIGTERM, and a new process with the same
// sockets, which a service manager hands over.
func TestRestart(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	t.Run("without snapshot", func(t *testing.T) { restart(t, "") })
	t.Run("with snapshot", func(t *testing.T) {
		restart(t, fmt.Sprintf("[history]\nmessages = 2000\nsnapshot = %q\n", filepath.Join(t.TempDir(), "history"))+roomsRoutes)
	})
}

func restart(t *testing.T, history string) {
	window := harness.Scale(4, 3)
	n := harness.Scale(15000, 1000)
	public, internal := listening(t), listening(t)
	config := drainConfig(public.Addr().String(), internal.Addr().String(), window, history)
	s := harness.StartInheriting(t, config, file(t, public), file(t, internal))
	s.ClientsStay = true
	riders := make([]rider, n)
	var problems sync.Map
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range riders {
		wg.Go(func() {
			if err := riders[i].ride(public.Addr().String(), fmt.Sprintf("/poll/r%d/t%d/x", i, i%7), stop); err != nil {
				problems.Store(i, err)
			}
		})
	}
	s.AwaitParked(n, time.Minute)
	for k := range 7 {
		s.Publish(fmt.Sprintf("room:t%d", k), "1")
	}
	s.AwaitParked(n, time.Minute)
	begin := time.Now()
	s.Signal(syscall.SIGTERM)
	wantExit(t, s, 0, time.Duration(window+20)*time.Second)
	over := time.Now()
	s = harness.StartInheriting(t, config, file(t, public), file(t, internal))
	s.ClientsStay = true
	for k := range 7 {
		s.Publish(fmt.Sprintf("room:t%d", k), "2")
	}
	time.Sleep(time.Until(over.Add(time.Duration(window+4) * time.Second)))
	for k := range 7 {
		s.Publish(fmt.Sprintf("room:t%d", k), "3")
	}
	time.Sleep(2 * time.Second)
	close(stop)
	wg.Wait()
	problems.Range(func(i, err any) bool { t.Errorf("client %d: %v", i, err); return i.(int)%100 != 0 })
	report(t, riders, begin, window, history != "")
}

func report(t *testing.T, riders []rider, begin time.Time, window int, kept bool) {
	perSecond := make([]int, 4*window)
	lost, gaps := 0, 0
	for _, r := range riders {
		if r.back.IsZero() {
			t.Fatal("a client did not come back")
		}
		perSecond[min(len(perSecond)-1, int(r.back.Sub(begin).Seconds()))]++
		gaps += r.gaps
		if want := fmt.Sprint([]int{1, 2, 3}); fmt.Sprint(r.seen) != want && (kept || r.gaps == 0) {
			lost++
		}
	}
	most := 0 // in two seconds: a busy machine has clients wake up late
	for i := range len(perSecond) - 1 {
		most = max(most, perSecond[i]+perSecond[i+1])
	}
	t.Logf("%d clients, %d gaps told, %d lost without one; came back in each second: %v", len(riders), gaps, lost, perSecond)
	if limit := 2 * 13 * len(riders) / 10 / window; most > limit {
		t.Errorf("%d came back within two seconds, %d allowed", most, limit)
	}
	if lost > 0 || kept && gaps > 0 || !kept && gaps < len(riders) {
		t.Error("messages were lost, or gaps told where there are none, or not told")
	}
}

func listening(t *testing.T) *net.TCPListener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln.(*net.TCPListener)
}

func file(t *testing.T, ln *net.TCPListener) *os.File {
	t.Helper()
	f, err := ln.File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// ride polls until stop, and then ends.
func (r *rider) ride(address, path string, stop <-chan struct{}) error {
	var c *harness.Client
	defer func() {
		if c != nil {
			c.Conn.Close()
		}
	}()
	for {
		if c == nil {
			var err error
			if c, err = harness.NewClient(address); err != nil {
				return err
			}
		}
		c.SendGet(path + "?wait=60&cursor=" + r.cursor)
		a, err := r.await(c, stop)
		if a == nil || err != nil {
			return err
		}
		if err := r.take(a); err != nil {
			return err
		}
		if a.Header.Get("Connection") == "close" {
			c.Conn.Close()
			c = nil
		}
		if after, err := strconv.Atoi(a.Header.Get("Retry-After")); err == nil {
			select {
			case <-time.After(time.Duration(after) * time.Second):
			case <-stop:
				return nil
			}
			r.back = time.Now()
		}
	}
}

// await is the answer, nil at stop.
func (r *rider) await(c *harness.Client, stop <-chan struct{}) (*harness.Answer, error) {
	for {
		a, err := c.ReadTo("GET", time.Second+rand.N(time.Second))
		if err == nil || !harness.TimedOut(err) {
			return a, err
		}
		select {
		case <-stop:
			return nil, nil
		default:
		}
	}
}

func (r *rider) take(a *harness.Answer) error {
	r.cursor = a.Header.Get("Comet-Cursor")
	switch a.Status {
	case 204:
		return nil
	case 200:
		news, err := a.News()
		if err != nil {
			return err
		}
		if news.Gap {
			r.gaps++
		}
		for _, m := range news.Messages {
			k, err := strconv.Atoi(strings.TrimSpace(m.Text()))
			if err != nil {
				return err
			}
			r.seen = append(r.seen, k)
		}
		return nil
	}
	return fmt.Errorf("%d %s", a.Status, a.Body)
}

// TestReusePort: a new process begins to listen at the address of the old one, which
// is then told to end; whoever connects meanwhile is served.
func TestReusePort(t *testing.T) {
	t.Parallel()
	const share = "[public]\nlisten = [%q]\nreuse_port = true\n[shutdown]\ndrain = \"1s\"\n"
	first := harness.Start(t, fmt.Sprintf(share, "127.0.0.1:0")+roomsConfig)
	address := first.Public[0]
	held := connect(t, first, 100)
	park(t, first, held, func(i int) string { return get(fmt.Sprintf("/room/%d?wait=60", i)) })
	second := harness.Start(t, fmt.Sprintf(share, address)+roomsConfig)
	first.Signal(syscall.SIGTERM)
	ended := make(chan struct{})
	go func() { defer close(ended); wantExit(t, first, 0, 10*time.Second) }()
	asked := 0
	for over := false; !over; asked++ {
		select {
		case <-ended:
			over = true
		default:
		}
		c, err := harness.NewClient(address)
		if err != nil {
			t.Fatal(err)
		}
		c.SendGet("/room/1?wait=0")
		if a, err := c.Read(); err != nil || a.Status != 204 {
			if err == nil || !strings.Contains(err.Error(), "reset") { // in the queue of a listener that closes
				t.Fatal(a, err)
			}
		}
		c.Conn.Close()
		time.Sleep(time.Millisecond)
	}
	t.Logf("%d connections while one process takes the other's place", asked)
	second.Stop()
}
