package test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

// wantProblem reads an answer that must be a problem with a reason.
func wantProblem(t *testing.T, c *harness.Client, status int, word string) {
	t.Helper()
	a := c.Want(t, status)
	checkProblem(t, a)
	if !strings.Contains(string(a.Body), word) {
		t.Errorf("%s; want a word of %q", a.Body, word)
	}
}

// TestBadGateway: an app that cannot be reached, or does not speak HTTP.
func TestBadGateway(t *testing.T) {
	t.Parallel()
	s, b := startApp(t, "", func(x *harness.Exchange) {
		x.Body()
		answers := map[string]string{
			"/garbage": "hello\r\n\r\n", "/nothing": "", "/half": "HTTP/1.1 200 OK\r\nContent-Le", "/lengths": "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
			"/length": "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "/unasked": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
			"/large": "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 100<<10) + "\r\nContent-Length: 0\r\n\r\n", "/space": "HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
		}
		x.Write(answers[x.Target])
		x.Last = true
	})
	for _, target := range []string{"/garbage", "/nothing", "/half", "/length", "/unasked", "/large"} {
		c := s.Client(t)
		c.SendGet(target)
		wantProblem(t, c, 502, "app")
	}
	for _, target := range []string{"/lengths", "/space"} { // whatever is made of it, it is one answer
		c := s.Client(t)
		c.SendGet(target)
		if a, err := c.Read(); err == nil && a.Status != 502 && a.Status != 200 {
			t.Errorf("%s: %d", target, a.Status)
		}
	}
	b.Close()
	c := s.Client(t)
	c.SendGet("/")
	wantProblem(t, c, 502, "cannot be reached")
	if s.LogCount("could not be forwarded") < 6 {
		t.Error("the log does not tell of what could not be forwarded")
	}
}

// TestGatewayTimeout: an app that does not answer in time.
func TestGatewayTimeout(t *testing.T) {
	t.Parallel()
	s, _ := startApp(t, `answer_timeout = "300ms"`, func(x *harness.Exchange) {
		x.Body()
		if x.Target == "/slow-body" {
			x.Write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
			time.Sleep(500 * time.Millisecond)
			x.Write("k")
			return
		}
		io.Copy(io.Discard, x.R) // until the proxy gives up
		x.Last = true
	})
	begin := time.Now()
	c := s.Client(t)
	c.SendGet("/")
	wantProblem(t, c, 504, "in time")
	if d := time.Since(begin); d < 300*time.Millisecond || d > 300*time.Millisecond+soon() {
		t.Errorf("after %s; want 300ms", d)
	}
	if a := s.Client(t).Get(t, "/slow-body"); string(a.Body) != "ok" {
		t.Errorf("a slow body: %d %q", a.Status, a.Body)
	}
}

// oneAtATime is an app with room for one request, which says when it works and
// when it was given up.
func oneAtATime(t *testing.T, more string) (s *harness.Server, working, gaveUp chan struct{}) {
	working, gaveUp = make(chan struct{}, 10), make(chan struct{}, 10)
	s, _ = startApp(t, "max_connections = 1\n"+more, func(x *harness.Exchange) {
		if x.Target != "/hang" {
			x.Answer(200, "ok")
			return
		}
		working <- struct{}{}
		io.Copy(io.Discard, x.R)
		gaveUp <- struct{}{}
		x.Last = true
	})
	return s, working, gaveUp
}

// TestBusy: more requests than the app takes wait, and not for ever.
func TestBusy(t *testing.T) {
	t.Parallel()
	s, working, _ := oneAtATime(t, `queue_timeout = "300ms"`)
	first := s.Client(t)
	first.SendGet("/hang")
	<-working
	c := s.Client(t)
	c.SendGet("/")
	wantProblem(t, c, 503, "busy")
}

// TestClientGivesUp: a client that goes away while the app works on its request
// makes room for the next one at once.
func TestClientGivesUp(t *testing.T) {
	t.Parallel()
	s, working, gaveUp := oneAtATime(t, "")
	for _, leave := range []func(c *harness.Client){func(c *harness.Client) { c.Close() }, func(c *harness.Client) { c.Reset() }} {
		for _, method := range []string{"GET", "POST"} {
			c := s.Client(t)
			c.Send(req(method, "/hang"))
			<-working
			time.Sleep(50 * time.Millisecond)
			next := s.Client(t)
			next.SendGet("/") // waits
			if err := next.Silent(50 * time.Millisecond); err != nil {
				t.Error(err)
			}
			begin := time.Now()
			leave(c)
			next.Want(t, 200)
			if d := time.Since(begin); d > soon() {
				t.Errorf("the next request waited %s", d)
			}
			select {
			case <-gaveUp:
			case <-time.After(soon()):
				t.Error("the app was not told")
			}
		}
	}
}

// TestClientLeavesStream: the same while the answer is being streamed.
func TestClientLeavesStream(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	s, _ := startApp(t, "max_connections = 1", func(x *harness.Exchange) {
		if x.Target == "/" {
			x.Answer(200, "ok")
			return
		}
		x.Write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk("first"))
		io.Copy(io.Discard, x.R)
		close(gone)
		x.Last = true
	})
	c := s.Client(t)
	c.SendGet("/stream")
	if _, err := harness.ReadHead(c.R); err != nil {
		t.Fatal(err)
	}
	c.Close()
	begin := time.Now()
	next := s.Client(t)
	next.SendGet("/")
	next.Want(t, 200)
	<-gone
	if d := time.Since(begin); d > soon() {
		t.Errorf("noticed after %s", d)
	}
}

// TestStaleConnections: an app that closes its connections whenever it likes
// makes no GET fail, and gets no POST twice.
func TestStaleConnections(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := make(map[string]int)
	s, _ := startApp(t, "", func(x *harness.Exchange) {
		body, err := x.Body()
		if err == nil && len(body) > 0 {
			mu.Lock()
			seen[string(body)]++
			mu.Unlock()
		}
		if x.Nth > 0 && x.Target == "/rude" { // a request that came over a used connection
			x.Last = true
			return
		}
		x.Answer(200, "ok")
		x.Last = x.Target == "/closing"
	})
	var refused, posts atomic.Int64
	inParallel(t, 8, func(k int) error {
		c, err := harness.NewClient(s.Public[0])
		if err != nil {
			return err
		}
		defer func() { c.Close() }()
		for i := range 100 {
			target := []string{"/closing", "/rude", "/"}[(i+k)%3]
			c.SendGet(target)
			if a, err := c.Read(); err != nil || a.Status != 200 {
				return fmt.Errorf("GET %s: %+v, %v", target, a, err)
			}
			c.Send(post(target, fmt.Sprintf("body %d %d", k, i)))
			a, err := c.Read()
			if err != nil {
				return fmt.Errorf("POST %s: %v", target, err)
			}
			if posts.Add(1); a.Status != 200 {
				if a.Status != 502 {
					return fmt.Errorf("POST %s: %d", target, a.Status)
				}
				refused.Add(1)
				c.Close()
				if c, err = harness.NewClient(s.Public[0]); err != nil {
					return err
				}
			}
		}
		return nil
	})
	mu.Lock()
	defer mu.Unlock()
	for body, n := range seen {
		if n > 1 {
			t.Errorf("the app got %q %d times", body, n)
		}
	}
	t.Logf("%d GETs, none failed; of %d POSTs the app took %d, %d were answered with 502", posts.Load(), posts.Load(), len(seen), refused.Load())
}

// TestBackendRestarts: between one request and the next.
func TestBackendRestarts(t *testing.T) {
	t.Parallel()
	s, b := startApp(t, "", func(x *harness.Exchange) { x.Answer(http.StatusOK, "ok") })
	c := s.Client(t)
	for range 30 {
		if a := c.Get(t, "/"); a.Status != 200 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		b.CloseConns()
	}
}
