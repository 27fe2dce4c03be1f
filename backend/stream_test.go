package backend

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// noise is n reproducible random bytes as a stream that notes its hash.
type noise struct {
	r    *rand.ChaCha8
	left int
	sum  hash.Hash
}

func newNoise(n int) *noise {
	return &noise{rand.NewChaCha8([32]byte{1}), n, sha256.New()}
}

func (s *noise) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), s.left, 50_000)
	s.r.Read(p[:n])
	s.sum.Write(p[:n])
	s.left -= n
	return n, nil
}

func TestLargeBothWays(t *testing.T) {
	const size = 50 << 20
	var appSum [2]string
	b := app(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "GET" {
			down := newNoise(size)
			io.Copy(w, down)
			appSum[1] = string(down.sum.Sum(nil))
			return
		}
		h := sha256.New()
		n, _ := io.Copy(h, r.Body)
		appSum[0] = string(h.Sum(nil))
		fmt.Fprint(w, n)
	})
	for _, bodySize := range []int64{size, -1} {
		up := newNoise(size)
		r := request("POST", "/")
		r.Body, r.BodySize = up, bodySize
		wantFetch(t, b, r, 200, fmt.Sprint(size))
		if appSum[0] != string(up.sum.Sum(nil)) {
			t.Errorf("upload of size %d arrived changed", bodySize)
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	x, err := b.Exchange(get("/"))
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	n, err := io.CopyBuffer(h, onlyReader{x.Body()}, make([]byte, 32<<10))
	runtime.ReadMemStats(&after)
	x.Close()
	eventually(t, "the app's sum", func() bool { return b.Stats().Active == 0 })
	if n != size || err != nil || string(h.Sum(nil)) != appSum[1] {
		t.Errorf("download: %d %v", n, err)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
		t.Errorf("a download of %d MB allocated %d KB", size>>20, grown>>10)
	}
	if s := b.Stats(); s.Dialed != 1 {
		t.Errorf("%+v", s)
	}
}

type onlyReader struct{ io.Reader }

func TestLargeBodyInMemory(t *testing.T) {
	b := app(t, Options{}, func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) })
	p := make([]byte, 5<<20)
	newNoise(len(p)).Read(p)
	for range 3 {
		r := request("PUT", "/")
		r.BodyBytes = p
		wantFetch(t, b, r, 200, string(p))
	}
}

// TestEcho needs both directions at once: the app writes what it reads.
func TestEcho(t *testing.T) {
	const size = 20 << 20
	b := app(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		io.Copy(w, r.Body)
	})
	up := newNoise(size)
	r := request("POST", "/")
	r.Body, r.BodySize = up, -1
	x, err := b.Exchange(r)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	n, err := io.Copy(h, x.Body())
	if n != size || err != nil || !bytes.Equal(h.Sum(nil), up.sum.Sum(nil)) {
		t.Errorf("%d %v", n, err)
	}
	if !x.UploadFinished() {
		t.Error("echoed but not finished")
	}
	x.Close()
}

func TestTrickles(t *testing.T) {
	for _, size := range []int64{6, -1} {
		came := make(chan string, 10)
		more := make(chan string)
		b := app(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
			p := make([]byte, 100)
			for {
				n, err := r.Body.Read(p)
				if n > 0 {
					came <- string(p[:n])
				}
				if err != nil {
					break
				}
			}
			for s := range more {
				io.WriteString(w, s)
				w.(http.Flusher).Flush()
			}
		})
		pr, pw := io.Pipe()
		go func() {
			for _, s := range []string{"ab", "cd", "ef"} {
				io.WriteString(pw, s)
				if got := <-came; got != s {
					t.Errorf("the app got %q, want %q", got, s)
				}
			}
			pw.Close()
			more <- "1"
		}()
		r := request("POST", "/")
		r.Body, r.BodySize = pr, size
		x, err := b.Exchange(r)
		if err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 100)
		for i := 1; i < 5; i++ {
			if n, err := x.Body().Read(p); string(p[:n]) != fmt.Sprint(i) || err != nil {
				t.Errorf("got %q %v", p[:n], err)
			}
			more <- fmt.Sprint(i + 1)
		}
		close(more)
		rest, err := io.ReadAll(x.Body())
		if string(rest) != "5" || err != nil {
			t.Errorf("%q %v", rest, err)
		}
		x.Close()
		if s := b.Stats(); s.Idle != 1 {
			t.Errorf("size %d: not kept: %+v", size, s)
		}
	}
}

// stuckBody is a client that sends a little and then nothing.
type stuckBody struct {
	first       io.Reader
	interrupted chan struct{}
	calls       atomic.Int32
	reading     atomic.Bool
}

func (s *stuckBody) Read(p []byte) (int, error) {
	s.reading.Store(true)
	defer s.reading.Store(false)
	if n, err := s.first.Read(p); err == nil {
		return n, nil
	}
	<-s.interrupted
	return 0, errors.New("interrupted")
}

func (s *stuckBody) interrupt() { s.calls.Add(1); close(s.interrupted) }

func newStuck() *stuckBody {
	return &stuckBody{first: strings.NewReader("some"), interrupted: make(chan struct{})}
}

func TestEarlyAnswer(t *testing.T) {
	b := script(t, Options{}, func(c net.Conn) {
		if readHead(c) != "" {
			io.ReadFull(c, make([]byte, len("some"))) // then the next read is on its way, or stuck
			io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
			io.Copy(io.Discard, c)
		}
	})
	s := newStuck()
	r := request("POST", "/")
	r.Body, r.BodySize, r.Interrupt = s, 1000, s.interrupt
	x, err := b.Exchange(r)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := io.ReadAll(x.Body()); string(p) != "no" || err != nil || x.Header.StatusCode() != 413 {
		t.Errorf("%q %v", p, err)
	}
	if x.UploadFinished() {
		t.Error("finished?")
	}
	x.Close()
	if s.calls.Load() != 1 || s.reading.Load() {
		t.Errorf("interrupted %d times, still reading: %v", s.calls.Load(), s.reading.Load())
	}
	if st := b.Stats(); st.Idle != 0 || st.Active != 0 {
		t.Errorf("%+v", st)
	}
}

// TestAnswerAndReset answers and closes while megabytes are still to come.
func TestAnswerAndReset(t *testing.T) {
	for _, mem := range []bool{true, false} {
		b := script(t, Options{}, func(c net.Conn) {
			br := bufio.NewReader(c)
			br.ReadString('\n')
			io.WriteString(c, "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
			c.(*net.TCPConn).CloseWrite()
			io.CopyN(io.Discard, br, 1<<20)
			time.Sleep(20 * time.Millisecond)
		})
		r := request("POST", "/")
		if mem {
			r.BodyBytes = make([]byte, 20<<20)
		} else {
			r.Body, r.BodySize = newNoise(20<<20), 20<<20
		}
		wantFetch(t, b, r, 413, "no")
	}
}

func TestRequestBodyFails(t *testing.T) {
	for _, body := range []io.Reader{
		io.MultiReader(strings.NewReader("some"), brokenReader{}),
		strings.NewReader("too short"),
	} {
		b := app(t, Options{}, func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) })
		r := request("PUT", "/")
		r.Body, r.BodySize = body, 1000
		_, _, err := fetch(b, r)
		e := wantKind(t, err, KindBody)
		if e.Kind.Status() != 400 {
			t.Error(e.Kind.Status())
		}
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("broken") }

func TestUpgrade(t *testing.T) {
	b := script(t, Options{MaxTunnels: 1}, func(c net.Conn) {
		head := readHead(c)
		if !strings.Contains(head, "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n") {
			t.Errorf("head: %q", head)
			return
		}
		if strings.HasPrefix(head, "GET /no") {
			io.WriteString(c, "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")
			readHead(c)
			return
		}
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nright behind")
		io.Copy(c, c)
		c.(*net.TCPConn).CloseWrite()
	})
	r := get("/")
	r.Upgrade = "websocket"
	x, err := b.Exchange(r)
	if err != nil {
		t.Fatal(err)
	}
	if x.Body() != nil || x.Header.StatusCode() != 101 {
		t.Error("what is this", x.Header)
	}
	c, first := x.Tunnel()
	if string(first) != "right behind" {
		// It may come in a second packet; here it never does.
		t.Errorf("behind the head: %q", first)
	}
	_, err = b.Exchange(r)
	wantKind(t, err, KindBusy)
	x.Cancel()
	x.Close()
	if string(x.Header.Peek("Upgrade")) != "websocket" {
		t.Error("the header is gone")
	}
	for i := range 100 {
		fmt.Fprintf(c, "%04d", i)
		p := make([]byte, 4)
		if _, err := io.ReadFull(c, p); err != nil || string(p) != fmt.Sprintf("%04d", i) {
			t.Fatalf("%q %v", p, err)
		}
	}
	if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Error(err)
	}
	if n, err := c.Read(make([]byte, 4)); n != 0 || err != io.EOF {
		t.Error("no end of input", n, err)
	}
	if s := b.Stats(); s.Tunnels != 1 || s.Active != 0 {
		t.Errorf("%+v", s)
	}
	c.Close()
	c.Close()
	if s := b.Stats(); s.Tunnels != 0 {
		t.Errorf("%+v", s)
	}
	r = get("/no")
	r.Upgrade = "websocket"
	wantFetch(t, b, r, 403, "no")
	if s := b.Stats(); s.Tunnels != 0 || s.Idle != 0 {
		t.Errorf("%+v", s)
	}
}

func TestTLSAndUnix(t *testing.T) {
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body); io.WriteString(w, "!") })
	s := newTLSServer(t, hello)
	b := open(t, Options{URLs: []string{s.URL}})
	_, _, err := fetch(b, get("/"))
	wantKind(t, err, KindConnect)
	b = open(t, Options{URLs: []string{s.URL}, TLS: &TLS{Roots: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}})
	for range 3 {
		r := request("POST", "/")
		r.Body, r.BodySize = strings.NewReader("secret"), -1
		r.SlowAfter, r.OnSlow = time.Millisecond, func() {}
		wantFetch(t, b, r, 200, "secret!")
	}
	if st := b.Stats(); st.Dialed != 1 || st.Reused != 2 {
		t.Errorf("%+v", st)
	}

	path := newUnixServer(t, hello)
	b = open(t, Options{URLs: []string{"unix:" + path}})
	wantFetch(t, b, get("/"), 200, "!")
	wantFetch(t, b, get("/"), 200, "!")
	if st := b.Stats(); st.Dialed != 1 || st.Reused != 1 {
		t.Errorf("%+v", st)
	}
}
