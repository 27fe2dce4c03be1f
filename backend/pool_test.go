package backend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"
)

func TestURLs(t *testing.T) {
	for _, u := range []string{"http://a:1", "http://a", "https://a", "https://a:8443/", "http://[::1]:80", "unix:/a/b", "unix:///a"} {
		if _, err := New(Options{URLs: []string{u}}); err != nil {
			t.Error(err)
		}
	}
	for _, u := range []string{"", "a:1", "127.0.0.1:3000", "ftp://a", "http://", "http://:80", "http://a/app", "http://a?x", "http://u:p@a", "http://a:99999", "http://a:b", "unix:a", "http://a b"} {
		if _, err := New(Options{URLs: []string{u}}); err == nil {
			t.Errorf("%q was taken", u)
		} else {
			t.Log(err)
		}
	}
	if _, err := New(Options{}); err == nil {
		t.Error("no URL was taken")
	}
}

func TestConnectionRefused(t *testing.T) {
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	addr := l.Addr().String()
	l.Close()
	b := open(t, Options{Name: "shop", URLs: []string{"http://" + addr}})
	_, _, err := fetch(b, get("/"))
	e := wantKind(t, err, KindConnect)
	if want := "backend shop at " + addr + ": connection refused: is it running?"; e.Error() != want {
		t.Errorf("got %q, want %q", e, want)
	}
	if s := b.Stats(); s.Errors[KindConnect] != 1 {
		t.Errorf("%+v", s)
	}
}

func TestFailover(t *testing.T) {
	var urls []string
	var hits [2]atomic.Int32
	for i := range hits {
		s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits[i].Add(1) }))
		defer s.Close()
		urls = append(urls, s.URL)
	}
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	urls = append(urls, "http://"+l.Addr().String())
	l.Close()
	b := open(t, Options{URLs: urls})
	for range 30 {
		wantFetch(t, b, get("/"), 200, "")
	}
	if a, c := hits[0].Load(), hits[1].Load(); a < 8 || c < 8 {
		t.Errorf("not in turn: %d and %d", a, c)
	}
	if s := b.Stats(); s.Errors[KindConnect] != 1 || s.Dialed != 2 {
		t.Errorf("the dead address was not left out: %+v", s)
	}
}

// forgetful closes every connection after its first answer, a moment late, so
// that it is in the pool by then; sees reports what it is asked.
func forgetful(t *testing.T, wait time.Duration) (b *Backend, asked *atomic.Int32) {
	asked = new(atomic.Int32)
	return script(t, Options{}, func(c net.Conn) {
		readHead(c)
		asked.Add(1)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		if wait > 0 {
			time.Sleep(wait)
			return
		}
		if readHead(c) != "" { // takes the second request and hangs up on it
			asked.Add(1)
		}
	}), asked
}

func TestStaleConnection(t *testing.T) {
	b, _ := forgetful(t, time.Millisecond)
	wantFetch(t, b, get("/"), 200, "ok")
	time.Sleep(30 * time.Millisecond)
	r := request("POST", "/") // even this: nothing had been sent
	r.Body, r.BodySize = strings.NewReader("x"), 1
	wantFetch(t, b, r, 200, "ok")
	if s := b.Stats(); s.Retried != 0 || s.Dialed != 2 {
		t.Errorf("%+v", s)
	}
}

func TestRetryOnce(t *testing.T) {
	for _, tc := range []struct {
		method, kind string
		again        bool
	}{
		{"GET", "", true}, {"HEAD", "", true}, {"DELETE", "", true}, {"PUT", "bytes", true}, {"PUT", "large", true},
		{"POST", "", false}, {"PATCH", "bytes", false}, {"PUT", "stream", false}, {"POST", "stream", false},
	} {
		b, asked := forgetful(t, 0)
		r := request(tc.method, "/")
		switch tc.kind {
		case "bytes":
			r.BodyBytes = []byte("hello")
		case "large":
			r.BodyBytes = make([]byte, 100<<10)
		case "stream":
			r.Body, r.BodySize = strings.NewReader("hello"), 5
		}
		wantFetch(t, b, get("/"), 200, "ok")
		status, _, err := fetch(b, r)
		s := b.Stats()
		if tc.again {
			if status != 200 || err != nil || s.Retried != 1 || s.Dialed != 2 || asked.Load() != 3 {
				t.Errorf("%s %s: %d %v asked %d %+v", tc.method, tc.kind, status, err, asked.Load(), s)
			}
			continue
		}
		wantKind(t, err, KindBadAnswer)
		if s.Retried != 0 || asked.Load() != 2 {
			t.Errorf("%s %s was sent twice: %+v", tc.method, tc.kind, s)
		}
	}
}

// bubble runs f in virtual time with an app that plays serve on every
// connection.
func bubble(t *testing.T, o Options, serve func(net.Conn), f func(*Backend)) {
	synctest.Test(t, func(t *testing.T) {
		l := fasthttputil.NewInmemoryListener()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() { defer c.Close(); serve(c) }()
			}
		}()
		if o.Dial == nil {
			o.Dial = func(context.Context, string, string) (net.Conn, error) { return l.Dial() }
		}
		o.URLs = []string{"http://app:1"}
		b := open(t, o)
		f(b)
		b.CloseIdle()
		if err := b.Check(); err != nil {
			t.Error(err)
		}
		l.Close()
		synctest.Wait()
	})
}

const okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func TestIdleConnectionsEnd(t *testing.T) {
	bubble(t, Options{IdleTimeout: 10 * time.Second}, answers(okAnswer), func(b *Backend) {
		wantFetch(t, b, get("/"), 200, "ok")
		time.Sleep(6 * time.Second)
		x, err := b.Exchange(get("/"))
		if err != nil {
			t.Fatal(err)
		}
		wantFetch(t, b, get("/"), 200, "ok") // a second connection
		time.Sleep(5 * time.Second)
		x.BufferedBody()
		x.Close()
		if s := b.Stats(); s.Idle != 2 || s.Dialed != 2 {
			t.Errorf("%+v", s)
		}
		time.Sleep(5*time.Second + time.Millisecond)
		if s := b.Stats(); s.Idle != 1 {
			t.Errorf("%+v", s)
		}
		time.Sleep(5 * time.Second)
		if s := b.Stats(); s.Idle != 0 {
			t.Errorf("%+v", s)
		}
	})
	bubble(t, Options{IdleTimeout: -1}, answers(okAnswer), func(b *Backend) {
		wantFetch(t, b, get("/"), 200, "ok")
		if s := b.Stats(); s.Idle != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestTimeouts(t *testing.T) {
	silent := func(c net.Conn) { io.Copy(io.Discard, c) }
	took := func(start time.Time, want time.Duration) {
		t.Helper()
		if d := time.Since(start); d < want || d > want+time.Second {
			t.Errorf("took %v, want %v", d, want)
		}
	}
	bubble(t, Options{AnswerTimeout: 7 * time.Second}, silent, func(b *Backend) {
		start := time.Now()
		_, _, err := fetch(b, get("/"))
		t.Log(wantKind(t, err, KindTimeout))
		took(start, 7*time.Second)

		// A slow upload is no slow answer.
		pr, pw := io.Pipe()
		go func() {
			for range 5 {
				time.Sleep(5 * time.Second)
				io.WriteString(pw, "x")
			}
			pw.Close()
		}()
		r := request("POST", "/")
		r.Body, r.BodySize = pr, -1
		start = time.Now()
		_, _, err = fetch(b, r)
		wantKind(t, err, KindTimeout)
		took(start, 32*time.Second)

		// While the upload goes on without end, only its interruption ends it.
		s := newStuck()
		cancel := make(chan struct{})
		r = request("POST", "/")
		r.Body, r.BodySize, r.Interrupt, r.Cancel = s, 100, s.interrupt, cancel
		time.AfterFunc(100*time.Second, func() { close(cancel) })
		start = time.Now()
		_, _, err = fetch(b, r)
		wantKind(t, err, KindCancelled)
		took(start, 100*time.Second)
	})
	bubble(t, Options{AnswerBodyTimeout: 3 * time.Second}, func(c net.Conn) {
		readHead(c)
		io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		for range 3 {
			time.Sleep(2 * time.Second)
			io.WriteString(c, ".")
		}
		io.Copy(io.Discard, c)
	}, func(b *Backend) {
		start := time.Now()
		_, body, err := fetch(b, get("/"))
		t.Log(wantKind(t, err, KindTimeout))
		if body != "..." {
			t.Error(body)
		}
		took(start, 9*time.Second)
		if s := b.Stats(); s.Errors[KindTimeout] != 1 {
			t.Errorf("%+v", s)
		}
	})
	never := func(ctx context.Context, _, _ string) (net.Conn, error) {
		time.Sleep(time.Minute) // and ctx is ignored
		return nil, errors.New("late")
	}
	bubble(t, Options{Dial: never}, silent, func(b *Backend) {
		start := time.Now()
		_, _, err := fetch(b, get("/"))
		t.Log(wantKind(t, err, KindConnect))
		took(start, 5*time.Second)
		cancel := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(cancel) })
		r := get("/")
		r.Cancel = cancel
		_, _, err = fetch(b, r)
		wantKind(t, err, KindCancelled)
		took(start, 6*time.Second)
		time.Sleep(time.Minute)
	})
}

// TestAppTakesNothing is over real sockets: their buffers have to fill.
func TestAppTakesNothing(t *testing.T) {
	b := script(t, Options{BodyTimeout: 100 * time.Millisecond}, func(c net.Conn) {
		readHead(c)
		time.Sleep(time.Second)
	})
	r := request("POST", "/")
	r.Body, r.BodySize = newNoise(50<<20), -1
	_, _, err := fetch(b, r)
	t.Log(wantKind(t, err, KindTimeout))
}

func TestSlowIsToldOnce(t *testing.T) {
	bubble(t, Options{}, func(c net.Conn) {
		for head := readHead(c); head != ""; head = readHead(c) {
			if strings.HasPrefix(head, "GET /slow") {
				time.Sleep(3 * time.Second)
			}
			io.WriteString(c, okAnswer)
		}
	}, func(b *Backend) {
		var told []time.Duration
		start := time.Now()
		for _, uri := range []string{"/", "/slow", "/"} {
			r := get(uri)
			r.SlowAfter = time.Second
			r.OnSlow = func() { told = append(told, time.Since(start)) }
			r.Cancel = make(chan struct{})
			wantFetch(t, b, r, 200, "ok")
		}
		if len(told) != 1 || told[0] < time.Second || told[0] > 1100*time.Millisecond {
			t.Errorf("told at %v", told)
		}
		if s := b.Stats(); s.Dialed != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// TestSlowUpload: nobody is told to watch the client while its body is read.
func TestSlowUpload(t *testing.T) {
	bubble(t, Options{}, func(c net.Conn) {
		head := readHead(c)
		io.ReadFull(c, make([]byte, 3))
		if !strings.Contains(head, "Content-Length: 3") {
			t.Errorf("%q", head)
		}
		time.Sleep(2 * time.Second)
		io.WriteString(c, okAnswer)
	}, func(b *Backend) {
		pr, pw := io.Pipe()
		go func() {
			for _, s := range []string{"a", "b", "c"} {
				time.Sleep(2 * time.Second)
				io.WriteString(pw, s)
			}
		}()
		start := time.Now()
		var told []time.Duration
		r := request("POST", "/")
		r.Body, r.BodySize = pr, 3
		r.SlowAfter, r.OnSlow = time.Second, func() { told = append(told, time.Since(start)) }
		wantFetch(t, b, r, 200, "ok")
		if len(told) != 1 || told[0] < 6*time.Second || told[0] > 7*time.Second {
			t.Errorf("told at %v", told)
		}
	})
}

func TestQueueOrderLimitsAndCancel(t *testing.T) {
	bubble(t, Options{MaxConns: 1, MaxQueue: 4, QueueTimeout: 5 * time.Second}, answers(okAnswer), func(b *Backend) {
		hold, err := b.Exchange(get("/"))
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var order []string
		note := func(s string, a ...any) {
			mu.Lock()
			order = append(order, fmt.Sprintf(s, a...))
			mu.Unlock()
		}
		var wg sync.WaitGroup
		cancel := make(chan struct{})
		for i := range 4 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				r := get("/")
				r.SlowAfter, r.OnSlow = time.Hour, func() { note("slow") }
				if i == 1 {
					r.Cancel = cancel
				}
				x, err := b.Exchange(r)
				if err != nil {
					note("%d %v", i, err.(*Error).Kind)
					return
				}
				note("%d ok", i)
				if i == 2 { // keeps the place until 3 has waited too long
					time.Sleep(5 * time.Second)
				}
				x.BufferedBody()
				x.Close()
			}()
			synctest.Wait()
		}
		_, err = b.Exchange(get("/"))
		t.Log(wantKind(t, err, KindBusy))
		close(cancel)
		synctest.Wait()
		if s := b.Stats(); s.Waiting != 3 || s.Active != 1 {
			t.Errorf("%+v", s)
		}
		if err := b.Check(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		hold.BufferedBody()
		hold.Close()
		wg.Wait()
		if got := strings.Join(order, ", "); got != "slow, slow, slow, slow, 1 cancelled, 0 ok, 2 ok, 3 busy" {
			t.Error(got)
		}
	})
}

func TestCancelFreesThePlace(t *testing.T) {
	bubble(t, Options{MaxConns: 1}, func(c net.Conn) {
		for head := readHead(c); head != ""; head = readHead(c) {
			if strings.HasPrefix(head, "GET /never") {
				io.Copy(io.Discard, c)
				return
			}
			io.WriteString(c, okAnswer)
		}
	}, func(b *Backend) {
		cancel := make(chan struct{})
		r := get("/never")
		r.Cancel, r.SlowAfter = cancel, time.Second
		start := time.Now()
		time.AfterFunc(2*time.Second, func() { close(cancel) })
		go func() {
			time.Sleep(1500 * time.Millisecond)
			wantFetch(t, b, get("/"), 200, "ok")
			if d := time.Since(start); d > 2100*time.Millisecond {
				t.Errorf("the place was free only after %v", d)
			}
		}()
		_, err := b.Exchange(r)
		wantKind(t, err, KindCancelled)
		time.Sleep(time.Second)
	})
	// And in the middle of a body, by both ways.
	for _, byChannel := range []bool{true, false} {
		bubble(t, Options{}, func(c net.Conn) {
			readHead(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\nevent")
			io.Copy(io.Discard, c)
		}, func(b *Backend) {
			cancel := make(chan struct{})
			r := get("/")
			r.Cancel, r.SlowAfter = cancel, time.Second
			x, err := b.Exchange(r)
			if err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(2*time.Minute, func() {
				if byChannel {
					close(cancel)
				} else {
					x.Cancel()
				}
			})
			got, err := io.ReadAll(x.Body())
			wantKind(t, err, KindCancelled)
			if string(got) != "event" {
				t.Error(string(got))
			}
			x.Close()
			x.Cancel()
		})
	}
}

func TestCloseTurnsTheQueueAway(t *testing.T) {
	bubble(t, Options{MaxConns: 1}, answers(okAnswer), func(b *Backend) {
		x, err := b.Exchange(get("/"))
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { _, err := b.Exchange(get("/")); done <- err }()
		synctest.Wait()
		b.Close()
		wantKind(t, <-done, KindBusy)
		_, err = b.Exchange(get("/"))
		wantKind(t, err, KindBusy)
		x.BufferedBody()
		x.Close()
		if s := b.Stats(); s.Idle != 0 || s.Active != 0 {
			t.Errorf("%+v", s)
		}
	})
}
