package backend

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain fails the run when goroutines are left over.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if left := leaked(); left != "" {
			fmt.Fprintln(os.Stderr, "goroutines left over:\n"+left)
			code = 1
		}
	}
	os.Exit(code)
}

func leaked() string {
	var left string
	for range 40 {
		buf := make([]byte, 1<<20)
		left = ""
		for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(g, "cometproxy/backend.") && !strings.Contains(g, "TestMain") {
				left += g + "\n\n"
			}
		}
		if left == "" {
			return ""
		}
		time.Sleep(50 * time.Millisecond)
	}
	return left
}

// open makes a Backend and checks its books at the end of the test.
func open(t testing.TB, o Options) *Backend {
	t.Helper()
	b, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Check(); err != nil {
			t.Error(err)
		}
		b.Close()
		if s := b.Stats(); s.Active != 0 || s.Idle != 0 || s.Waiting != 0 || s.Tunnels != 0 {
			t.Errorf("left over at the end: %+v", s)
		}
		if err := b.Check(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// app runs a real HTTP server and a Backend on it.
func app(t testing.TB, o Options, h http.HandlerFunc) *Backend {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	o.URLs = []string{s.URL}
	return open(t, o)
}

// script runs a server that plays f on every connection.
func script(t testing.TB, o Options, f func(net.Conn)) *Backend {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				f(c)
			}()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	o.URLs = []string{"http://" + l.Addr().String()}
	return open(t, o)
}

// readHead reads a request's head from a raw connection, byte for byte.
func readHead(c net.Conn) string {
	var head []byte
	one := make([]byte, 1)
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		if _, err := c.Read(one); err != nil {
			return ""
		}
		head = append(head, one[0])
	}
	return string(head)
}

// answers plays the same bytes for every request without a body.
func answers(s string) func(net.Conn) {
	return func(c net.Conn) {
		for readHead(c) != "" {
			if _, err := io.WriteString(c, s); err != nil {
				return
			}
		}
	}
}

func request(method, uri string) Request {
	return Request{Method: []byte(method), Target: []byte(uri), Lines: []byte("Host: app.example\r\n")}
}

func get(uri string) Request { return request("GET", uri) }

// fetch makes an exchange and reads its answer to the end.
func fetch(b *Backend, r Request) (status int, body string, err error) {
	x, err := b.Exchange(r)
	if err != nil {
		return 0, "", err
	}
	defer x.Close()
	if x.Body() == nil {
		return x.Header.StatusCode(), "", nil
	}
	p, err := io.ReadAll(x.Body())
	return x.Header.StatusCode(), string(p), err
}

func wantFetch(t *testing.T, b *Backend, r Request, status int, body string) {
	t.Helper()
	s, got, err := fetch(b, r)
	if err != nil || s != status || got != body {
		t.Fatalf("%s: got %d %.80q %v, want %d %.80q", r.Target, s, got, err, status, body)
	}
}

func wantKind(t *testing.T, err error, k Kind) *Error {
	t.Helper()
	e, ok := err.(*Error)
	if !ok || e.Kind != k {
		t.Fatalf("got %v (%T), want kind %q", err, err, k)
	}
	return e
}

// eventually waits for something that another goroutine is about to do.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain: " + what)
		}
	}
}

func newTLSServer(t *testing.T, h http.Handler) *httptest.Server {
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func newUnixServer(t *testing.T, h http.Handler) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "b") // a socket's path has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := dir + "/s"
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Skip(err)
	}
	s := &http.Server{Handler: h}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return path
}
