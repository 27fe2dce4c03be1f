package proxy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"

	"cometproxy/channels"
)

// TestMaxConns: beyond the limit idle connections make room; when none is idle the
// new one is told so, and probes are told to send no more for a while.
func TestMaxConns(t *testing.T) {
	virtual(t, Options{MaxConns: 2}, func(t *testing.T, s *site) {
		s.dial().get("/events/1?wait=60")
		idle := s.dial()
		idle.poll("/events/1?wait=0")
		time.Sleep(3 * linger) // until the HTTP server has given it back, and it may be evicted
		s.quiet()
		held := s.dial()
		held.get("/events/2?wait=60")
		idle.closedByServer()
		s.quiet()
		if r := s.request("GET", "/health/ready", ""); r.status != 200 {
			t.Error(r.raw)
		}
		c := s.dial()
		if r := c.answer(); r.status != 503 || r.field("Retry-After") == "" || r.field("Connection") != "close" || !strings.HasPrefix(r.body, "{") {
			t.Error(r.raw)
		}
		c.closedByServer()
		if r := s.request("GET", "/health/ready", ""); r.status != 503 || !strings.Contains(r.body, "limits.connections") {
			t.Error(r.raw)
		}
		time.Sleep(6 * time.Second)
		if r := s.request("GET", "/health/ready", ""); r.status != 200 {
			t.Error(r.raw)
		}
		if n := s.publish("room:2", `1`); n != 1 {
			t.Errorf("%d released", n)
		}
		if r := held.answer(); r.status != 200 {
			t.Error(r.raw)
		}
	})
}

// failing fails to accept for a while.
type failing struct {
	net.Listener
	err   error
	until time.Time
}

func (l *failing) Accept() (net.Conn, error) {
	if time.Now().Before(l.until) {
		return nil, l.err
	}
	return l.Listener.Accept()
}

func TestAcceptFails(t *testing.T) {
	virtual(t, Options{}, func(t *testing.T, s *site) {
		ln := fasthttputil.NewInmemoryListener()
		s.Serve([]net.Listener{&failing{ln, &net.OpError{Op: "accept", Err: syscall.EMFILE}, time.Now().Add(20 * time.Second)}}, nil)
		time.Sleep(10 * time.Second)
		if r := s.request("GET", "/health/ready", ""); r.status != 503 || !strings.Contains(r.body, "accepted") {
			t.Error(r.raw)
		}
		if r := s.dial().poll("/events/1?wait=0"); r.status != 204 { // the other listener is as good as ever
			t.Error(r.raw)
		}
		time.Sleep(20 * time.Second)
		if r := s.request("GET", "/health/ready", ""); r.status != 200 {
			t.Error(r.raw)
		}
		if r := s.dialFrom(ln, nil).poll("/events/1?wait=0"); r.status != 204 {
			t.Error(r.raw)
		}
	})
}

// TestServeAfterTheEnd: listeners that come too late are closed, not forgotten.
func TestServeAfterTheEnd(t *testing.T) {
	s := open(t, Options{})
	s.close()
	late := []net.Listener{&closable{}, &closable{}}
	s.Serve(late[:1], late[1:])
	for _, ln := range late {
		if !ln.(*closable).closed.Load() {
			t.Error("a listener was left open")
		}
	}
}

type closable struct{ closed atomic.Bool }

func (l *closable) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (l *closable) Addr() net.Addr            { return &net.TCPAddr{} }
func (l *closable) Close() error {
	l.closed.Store(true)
	return nil
}

// overTCP is a site's client over a real socket: pipes in memory know no half-close.
func (s *site) overTCP(t *testing.T) (*client, *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Serve([]net.Listener{ln}, nil)
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	return &client{Conn: c, t: t, br: bufio.NewReader(c)}, c.(*net.TCPConn)
}

// TestHalfClosed: a client that sends no more is answered: what is held ends, and
// what it had pipelined is answered in order without being held.
func TestHalfClosed(t *testing.T) {
	const poll = "GET /events/1?wait=60 HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, polls := range []int{1, 2, 5} {
		for _, first := range []bool{false, true} { // it ends while the first is held, or before
			s := open(t, Options{})
			c, tcp := s.overTCP(t)
			if first {
				c.send(poll)
				s.wantHolds(1)
				c.send(strings.Repeat(poll, polls-1))
			} else {
				c.send(strings.Repeat(poll, polls))
			}
			tcp.CloseWrite()
			for range polls {
				if r := c.answer(); r.status != 204 || r.cursor(t) != at0 {
					t.Error(r.raw)
				}
			}
			c.closedByServer()
			s.wantHolds(0)
			s.close()
		}
	}
}

func TestResetWhileHeld(t *testing.T) {
	s := open(t, Options{})
	c, tcp := s.overTCP(t)
	c.get("/both/1")
	s.wantHolds(1)
	tcp.SetLinger(0)
	tcp.Close()
	s.wantHolds(0)
	s.eventually("no connection", func() bool { return s.lot.Stats().Active+s.lot.Stats().Idle == 0 })
	if n := s.publish("everyone", `1`); n != 0 {
		t.Errorf("%d released", n)
	}
	if n := s.hub.Stats().Ended[channels.ByGone]; n != 1 {
		t.Errorf("%d gone", n)
	}
}

// TestDrainUnderLoad: clients poll as fast as they can and messages come as fast as
// they can when the end begins. Each client sees a beginning of what was published,
// without hole or repetition, and each answer that it gets is whole.
func TestDrainUnderLoad(t *testing.T) {
	const clients = 40
	s := open(t, Options{Hold: HoldOptions{Timeout: 50 * time.Millisecond, MaxTimeout: time.Second}})
	var all sync.WaitGroup
	var stop atomic.Bool
	all.Go(func() { // straight into the hub: the internal listener ends too
		for n := 0; !stop.Load(); n++ {
			load, _ := newPayload("application/json", fmt.Append(nil, n))
			s.hub.Publish(channels.Item{Channel: []string{"room:1", "everyone"}[n%2], Data: load, Size: 10})
			if n%50 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
	})
	errs := make(chan error, clients)
	for i := range clients {
		c := s.dial()
		all.Go(func() { errs <- readUntilTheEnd(c, i%2 == 0) })
	}
	time.Sleep(300 * time.Millisecond)
	start := time.Now()
	if cut := s.shutdown(nil); cut != 0 {
		t.Errorf("%d cut off", cut)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	stop.Store(true)
	all.Wait()
	s.atRest()
	for range clients {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// readUntilTheEnd polls over one connection until the site closes it.
func readUntilTheEnd(c *client, pipelining bool) error {
	cursor, next, last := "now", -1, false
	for {
		request := "GET /both/1?cursor=" + cursor + " HTTP/1.1\r\nHost: x\r\n\r\n"
		if pipelining {
			request = "GET /events/2?wait=0 HTTP/1.1\r\nHost: x\r\n\r\n" + request
		}
		if _, err := io.WriteString(c, request); err != nil {
			return nil // closed between two answers
		}
		if pipelining {
			if r, err := readReply(c.br, false); err != nil || r.field("Connection") == "close" {
				return ended(err)
			}
		}
		r, err := readReply(c.br, false)
		if err != nil {
			return ended(err)
		}
		if last || r.status != 200 && r.status != 204 {
			return fmt.Errorf("after the last answer: %s", r.raw)
		}
		last = r.field("Connection") == "close"
		cursor = r.field("Comet-Cursor")
		gap := strings.Contains(r.body, `"gap":true`) // it was slow: no fault
		if gap {
			next = -1
		}
		for part := range strings.SplitSeq(r.body, `"data":`) {
			var n int
			if _, err := fmt.Sscanf(part, "%d}", &n); err != nil {
				continue
			}
			if next >= 0 && n != next && !gap {
				return fmt.Errorf("%d came, not %d", n, next)
			}
			next = n + 1
		}
		if gap { // what it lost may reach up to its cursor, beyond the last it got
			next = -1
		}
		if last {
			if _, err := c.br.ReadByte(); err != io.EOF {
				return fmt.Errorf("after the last answer: %v", err)
			}
			return nil
		}
	}
}

// ended is fine between two answers, and only there.
func ended(err error) error {
	if err == nil || err == io.EOF || errors.Is(err, fasthttputil.ErrConnectionClosed) {
		return nil
	}
	return err
}

// TestMaxAnswer: an answer is cut at its limits, and the next poll goes on there.
func TestMaxAnswer(t *testing.T) {
	virtual(t, Options{Hold: HoldOptions{MaxAnswer: 1000}}, func(t *testing.T, s *site) {
		for n := range 30 {
			s.publish([]string{"room:1", "everyone"}[n%2], fmt.Sprintf("%q", fmt.Sprintf("%04d%s", n, strings.Repeat("x", 50*(n%4)))))
		}
		s.publish("room:1", `"`+strings.Repeat("y", 5000)+`"`)
		c := s.dial()
		cursor, got, rounds := at0, "", 0
		for {
			r := c.poll("/both/1?wait=0&cursor=" + cursor)
			if r.status == 204 {
				break
			}
			rounds++
			cursor = r.cursor(t)
			if len(r.body) > 3000 && strings.Count(r.body, `"id"`) > 1 {
				t.Errorf("an answer of %d bytes", len(r.body))
			}
			for part := range strings.SplitSeq(r.body, `"data":"`) {
				if len(part) > 4 && part[0] == '0' {
					got += part[:4]
				}
			}
			if strings.Contains(r.body, "gap") {
				t.Fatal(r.body)
			}
		}
		want := ""
		for n := range 30 {
			want += fmt.Sprintf("%04d", n)
		}
		if got != want || rounds < 5 {
			t.Errorf("%d rounds: %s", rounds, got)
		}
		synctest.Wait()
	})
}
