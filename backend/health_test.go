package backend

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestHealthChecks: an address whose checks fail gets nothing more, until they
// succeed; when all fail, all are tried.
func TestHealthChecks(t *testing.T) {
	var ill [2]atomic.Bool
	var hits [2]atomic.Int32
	var urls []string
	for i := range ill {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/healthz" {
				hits[i].Add(1)
			} else if r.UserAgent() != healthAgent {
				t.Errorf("checked by %q", r.UserAgent())
			} else if ill[i].Load() {
				w.WriteHeader(500)
			}
		}))
		defer s.Close()
		urls = append(urls, s.URL)
	}
	changes := make(chan Change, 10)
	b := open(t, Options{URLs: urls, OnChange: func(c Change) { changes <- c },
		Health: Health{Path: "/healthz", Interval: 5 * time.Millisecond}})
	b.Start()
	b.Start()
	next := func(i int, out bool) {
		t.Helper()
		select {
		case c := <-changes:
			if c.Out != out || c.Address != b.targets[i].address || out && !strings.Contains(c.Err.Error(), "status 500") {
				t.Fatalf("%+v", c)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("no change")
		}
	}
	ill[0].Store(true)
	next(0, true)
	for range 10 {
		wantFetch(t, b, get("/"), 200, "")
	}
	if hits[0].Load() != 0 || hits[1].Load() != 10 {
		t.Errorf("%d and %d", hits[0].Load(), hits[1].Load())
	}
	ill[1].Store(true)
	next(1, true)
	for range 10 {
		wantFetch(t, b, get("/"), 200, "")
	}
	if hits[0].Load() != 5 || hits[1].Load() != 15 {
		t.Errorf("all are out, and they got %d and %d", hits[0].Load(), hits[1].Load())
	}
	ill[0].Store(false)
	next(0, false)
	wantFetch(t, b, get("/"), 200, "")
	wantFetch(t, b, get("/"), 200, "")
	if hits[0].Load() != 7 {
		t.Error("it was not taken in again")
	}
}

// TestHealthCheckHangs: a check of an app that takes connections and says nothing
// ends by its timeout, and at once with the backend.
func TestHealthCheckHangs(t *testing.T) {
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	defer l.Close()
	out := make(chan Change, 1)
	b := open(t, Options{URLs: []string{"http://" + l.Addr().String()}, OnChange: func(c Change) { out <- c },
		Health: Health{Path: "/", Interval: time.Millisecond, Timeout: 10 * time.Millisecond, Unhealthy: 1}})
	b.Start()
	if c := <-out; !strings.Contains(c.Err.Error(), "not answered within 10ms") {
		t.Error(c.Err)
	}
	began := time.Now()
	b.Close()
	if time.Since(began) > 5*time.Second {
		t.Error("Close waited for a check")
	}
}

// TestEjection: in virtual time, what an address that breaks its answers gets.
func TestEjection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken, answered int
		var mended bool
		var changes []Change
		dial := func(_ context.Context, _, address string) (net.Conn, error) {
			near, far := net.Pipe()
			go func() {
				defer far.Close()
				readHead(far)
				if address == "bad:1" && !mended {
					broken++
					io.WriteString(far, "nonsense\r\n\r\n")
					return
				}
				answered++
				io.WriteString(far, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			}()
			return near, nil
		}
		b, err := New(Options{URLs: []string{"http://bad:1", "http://good:1"}, Dial: dial,
			OnChange: func(c Change) { changes = append(changes, c) }})
		if err != nil {
			t.Fatal(err)
		}
		round := func(wantBroken int) {
			t.Helper()
			broken = 0
			for range 30 {
				fetch(b, get("/"))
				synctest.Wait()
			}
			if broken != wantBroken {
				t.Errorf("it broke %d answers, want %d", broken, wantBroken)
			}
		}
		round(3)
		if b.Stats().Targets[0].In || answered != 27 {
			t.Errorf("%d answered, %+v", answered, b.Stats().Targets)
		}
		time.Sleep(5 * time.Second)
		round(1) // the fourth failure in a row
		time.Sleep(5 * time.Second)
		round(0) // out for 10s this time
		mended = true
		time.Sleep(5 * time.Second)
		round(0)
		if len(changes) != 3 || !changes[0].Out || changes[0].For != 5*time.Second || changes[1].For != 10*time.Second || changes[2].Out {
			t.Errorf("%+v", changes)
		}
		if !b.Stats().Targets[0].In {
			t.Error("it was not taken in again")
		}
		if err := b.Check(); err != nil {
			t.Error(err)
		}
		b.Close()
	})
}

// TestRetryElsewhere: an address that takes a new connection and ends it without an
// answer is not asked again; another is, if the request may be repeated.
func TestRetryElsewhere(t *testing.T) {
	var asked atomic.Int32
	dying := script(t, Options{}, func(c net.Conn) { readHead(c); asked.Add(1) })
	url := dying.opt.URLs[0]
	for method, again := range map[string]bool{"GET": true, "POST": false} {
		for _, other := range []string{named(t, 1, nil)[0], url} {
			asked.Store(0)
			b := open(t, Options{URLs: []string{url, other}})
			status, _, err := fetch(b, request(method, "/"))
			switch {
			case again && other != url:
				if status != 200 || err != nil || asked.Load() != 1 || b.Stats().Targets[0].Used != 0 {
					t.Errorf("%s: %d %v, asked %d times", method, status, err, asked.Load())
				}
			default:
				wantKind(t, err, KindBadAnswer)
				if want := map[bool]int32{true: 2, false: 1}[again]; asked.Load() != want {
					t.Errorf("%s: asked %d times", method, asked.Load())
				}
			}
		}
	}
}

// TestRetire: a retired backend answers and keeps nothing.
func TestRetire(t *testing.T) {
	b := app(t, Options{Health: Health{Path: "/", Interval: time.Millisecond}}, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	b.Start()
	wantFetch(t, b, get("/"), 200, "ok")
	b.Retire()
	for range 3 {
		wantFetch(t, b, get("/"), 200, "ok")
		if st := b.Stats(); st.Idle != 0 {
			t.Errorf("%+v", st)
		}
	}
}
