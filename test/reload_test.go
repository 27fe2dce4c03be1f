package test

import (
	"crypto/tls"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

// TestReload: each part of the file counts after a reload, and a request that was
// parked before is answered.
func TestReload(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	a.issue("a.example")
	a.issue("b.example")
	first := harness.NewBackend(t, func(x *harness.Exchange) { x.Answer(200, "first") })
	second := harness.NewBackend(t, func(x *harness.Exchange) { x.Answer(200, "second") })
	release := make(chan struct{})
	slow := harness.NewBackend(t, func(x *harness.Exchange) {
		<-release
		x.Answer(200, "at last")
	})
	app := func(b *harness.Backend) string {
		return fmt.Sprintf("[[backend]]\nname = \"app\"\nurls = [\"http://%s\"]\n", b.Address)
	}
	cert := func(name string) string {
		return fmt.Sprintf("[[certificate]]\ncert = %q\nkey = %q\n", a.file(name+".pem"), a.file(name+".key"))
	}
	const public = "[public]\nlisten = [\"127.0.0.1:0\"]\ntls_listen = [\"127.0.0.1:0\"]\n"
	s := harness.Start(t, public+cert("a.example")+app(first)+appRoute+eventsRoute)
	c := s.Client(t)
	if got := c.Get(t, "/"); string(got.Body) != "first" {
		t.Fatalf("%s", got.Body)
	}
	parked := s.Client(t)
	parked.SendGet("/events/1?wait=50")
	s.AwaitParked(1, harness.Patience)
	before := s.Public

	// Another app, another certificate, a new route, less history, a bound.
	next := public + cert("b.example") + app(second) + appRoute + eventsRoute +
		"[[route]]\npath = \"/fixed\"\nstatus = 410\nbody = \"gone\"\n[history]\nmessages = 2\n[limits]\ntarget_bytes = \"64B\"\n[log]\nformat = \"json\"\nlevel = \"debug\"\n"
	if !s.Reload(next) {
		t.Fatal(s.Log())
	}
	if fmt.Sprint(s.Public) != fmt.Sprint(before) {
		t.Errorf("listeners changed: %v, %v", before, s.Public)
	}
	if got := c.Get(t, "/"); string(got.Body) != "second" {
		t.Errorf("the connection of before gets %s", got.Body)
	}
	if got := c.Get(t, "/fixed"); got.Status != 410 {
		t.Errorf("a new route: %d", got.Status)
	}
	c.SendGet("/" + strings.Repeat("a", 100))
	c.Want(t, 414)
	if got := secure(t, s.Public[1], insecure).Conn.(*tls.Conn); got.ConnectionState().PeerCertificates[0].DNSNames[0] != "b.example" {
		t.Error("the certificate is that of before")
	}
	for range 5 {
		s.Publish("room:2", "x")
	}
	if got := s.Client(t).Get(t, "/events/2?cursor=earliest").WantNews(t); len(got.Messages) != 2 {
		t.Errorf("%d messages are kept", len(got.Messages))
	}
	s.Publish("room:1", "news")
	parked.Want(t, 200).WantNews(t)

	// A request to an app that is not there any more is answered by it.
	if !s.Reload(app(slow) + appRoute) {
		t.Fatal(s.Log())
	}
	busy := s.Client(t)
	busy.SendGet("/")
	for len(slow.Requests()) == 0 {
		time.Sleep(time.Millisecond)
	}
	if !s.Reload(app(first) + appRoute + "[internal]\nlisten = [\"127.0.0.1:0\"]\ndebug = true\ntoken = \"0123456789abcdef0123456789abcdef\"\n") {
		t.Fatal(s.Log())
	}
	s.Token = "0123456789abcdef0123456789abcdef"
	close(release)
	if got := busy.Want(t, 200); string(got.Body) != "at last" {
		t.Errorf("%s", got.Body)
	}
	if got := s.Inside(t).Get(t, "/channels"); got.Status != 401 {
		t.Errorf("without the new token: %d", got.Status)
	}
	if _, err := harness.Dial(before[1]); err == nil {
		t.Error("a listener that was removed is open")
	}
}

// TestReloadRefused: a file with twelve mistakes is refused, all of them are named
// with their lines, and everything goes on as before.
func TestReloadRefused(t *testing.T) {
	t.Parallel()
	s, _ := startApp(t, eventsRoute, echoTarget)
	parked := s.Client(t)
	parked.SendGet("/events/1?wait=50")
	s.AwaitParked(1, harness.Patience)
	bad := `[public]
listen = ["8000"]
tls_listen = ["127.0.0.1:1"]
parker = "eopll"
[internal]
listen = ["127.0.0.1:0"]
debug = "yes"
[hold]
timeout = "25"
max_chanels = 3
[limits]
target_bytes = "64"
connections = -1
header_timeout = "0s"
[[backend]]
name = "app"
urls = ["127.0.0.1:3000"]
balance = "random"
health_path = "up"
[[route]]
path = "events"
channels = ["room:{room}"]
`
	s.MayLog = `"level":"error"` // which is what this is about
	if s.Reload(bad) {
		t.Fatal("it was taken")
	}
	for _, line := range []int{2, 3, 4, 7, 9, 10, 13, 14, 17, 18, 19, 21} {
		if !strings.Contains(s.Log(), fmt.Sprintf("cometproxy.toml:%d: ", line+offset(bad))) {
			t.Errorf("line %d is not named:\n%s", line, s.Log())
		}
	}
	if got := s.Client(t).Get(t, "/a"); string(got.Body) != "GET /a" {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	s.Publish("room:1", "news")
	parked.Want(t, 200).WantNews(t)
}

// offset is how many lines the harness puts before a configuration.
func offset(toml string) int {
	return strings.Count(harness.Config(toml), "\n") - strings.Count(toml, "\n")
}

// TestReloadsUnderPublishing: many parked clients, twenty reloads in a row, and
// messages all the while: nobody is released by a reload, and nothing is lost.
func TestReloadsUnderPublishing(t *testing.T) {
	many := harness.Scale(15_000, 1000)
	if own := fileLimit(); own > 0 && own < many+2000 {
		many = max(own-2000, 100)
	}
	config := func(n int) string {
		return fmt.Sprintf("%s[[route]]\npath = \"/other-%d\"\nstatus = 200\n[history]\nmessages = %d\n", eventsRoute, n, 1000+n)
	}
	s := harness.Start(t, config(0))
	h := startFlood(t, flood{s.Public[0], "/events/flood?wait=60", many})
	if c := h.counts(); c.Held != many {
		t.Fatalf("%+v", c)
	}
	stop := make(chan struct{})
	var all sync.WaitGroup
	var published, received atomic.Int64
	const rooms = 20
	var counts [rooms]atomic.Int64
	for room := range rooms {
		all.Go(func() {
			p := &harness.Poller{Address: s.Public[0], Target: fmt.Sprintf("/events/%d", room), Wait: 20, Cursor: "earliest"}
			defer p.Close()
			for {
				messages, err := p.Poll()
				if err != nil {
					t.Error(err)
					return
				}
				for _, m := range messages {
					if m.Text() == "end" {
						if p.Gaps > 0 {
							t.Errorf("room %d: %d gaps", room, p.Gaps)
						}
						return
					}
					received.Add(1)
					counts[room].Add(1)
				}
			}
		})
	}
	all.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			s.Publish(fmt.Sprintf("room:%d", n%rooms), "x")
			published.Add(1)
			time.Sleep(200 * time.Microsecond)
		}
	})
	for n := 1; n <= 20; n++ {
		if !s.Reload(config(n)) {
			t.Fatal(s.Log())
		}
		time.Sleep(50 * time.Millisecond)
	}
	close(stop)
	time.Sleep(300 * time.Millisecond) // the last publish is answered
	for room := range rooms {
		s.Publish(fmt.Sprintf("room:%d", room), "end")
	}
	all.Wait()
	if published.Load() != received.Load() {
		t.Errorf("%d published, %d received", published.Load(), received.Load())
	}
	if st := s.Stats(); st.Connections.Parked < int64(many) {
		t.Errorf("%d are parked of %d", st.Connections.Parked, many)
	}
	s.Publish("room:flood", "news")
	if c := h.finish(); c.Released != many {
		t.Errorf("%+v", c)
	}
	t.Logf("%d parked clients, 20 reloads, %d messages meanwhile", many, published.Load())
}
