package parktest

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"cometproxy/park"
)

var big = bytes.Repeat([]byte("0123456789abcde\n"), 1<<20) // 16 MB: more than sockets take

func testNeverReading(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{FinishTimeout: 100 * time.Millisecond})
	c := r.dial()
	c.send("park\n")
	h := r.hold()
	start := time.Now()
	r.lot.Answer(h.id, big, false)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("Answer blocked for %v", took)
	}
	r.until("Unwritten", func(s park.Stats) bool { return s.Unwritten == 1 })
	r.untilEmpty()
}

func testSlowReader(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{})
	for _, end := range []bool{false, true} {
		c := r.dial()
		c.send("park\n")
		h := r.hold()
		answer := bytes.Clone(big)
		r.lot.Answer(h.id, answer, end)
		clear(answer) // the lot must not keep it
		r.until("a finisher", func(s park.Stats) bool { return s.Finishing == 1 })
		r.check()
		c.send("say next\n") // must wait for the whole answer
		got := make([]byte, len(big))
		if _, err := io.ReadFull(c.br, got); err != nil || !bytes.Equal(got, big) {
			t.Fatalf("answer: %v, equal: %v", err, bytes.Equal(got, big))
		}
		if end {
			c.wantEOF()
		} else {
			c.want("next")
			c.send("quit\n")
		}
		r.untilEmpty()
	}
	if s := r.lot.Stats(); s.Unwritten != 0 {
		t.Errorf("%+v", s)
	}
}

func testTooManyFinishers(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{MaxFinishers: 2, FinishTimeout: time.Minute})
	for range 5 {
		r.dial().send("park\n")
		r.lot.Answer(r.hold().id, big, false)
	}
	if s := r.lot.Stats(); s.Finishing != 2 || s.Unwritten != 3 || s.Parked+s.Idle+s.Active != 0 {
		t.Errorf("got %+v", s)
	}
}

func testIdleTimeout(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{IdleTimeout: 200 * time.Millisecond})
	start := time.Now()
	c := r.dial()
	busy := r.dial()
	busy.send("park\n")
	h := r.hold()
	c.wantEOF()
	if after := time.Since(start); after < 200*time.Millisecond {
		t.Errorf("closed after %v", after)
	}
	start = time.Now()
	r.lot.Answer(h.id, []byte("x\n"), false)
	busy.want("x")
	busy.wantEOF()
	if after := time.Since(start); after < 200*time.Millisecond {
		t.Errorf("closed after %v", after)
	}
	if n := r.turns.Load(); n != 1 {
		t.Errorf("%d turns", n)
	}
}

func testEvict(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{MaxConns: 3, EvictAfter: -1})
	a := r.dial()
	r.untilIdle(1)
	b := r.dial()
	r.untilIdle(2)
	a.send("idle x\n") // now b is idle for longest
	a.want("x")
	r.untilIdle(2)
	p := r.dial()
	p.send("park\n")
	h := r.hold()
	c := r.dial()
	if ev := receive(t, r.events, "an eviction"); ev.Kind != park.Evicted || ev.ID == 0 {
		t.Fatalf("got %+v", ev)
	}
	b.wantEOF()
	d := r.dial()
	receive(t, r.events, "an eviction")
	a.wantEOF()
	c.send("say c\n")
	c.want("c")
	d.send("say d\n")
	d.want("d")
	r.lot.Answer(h.id, []byte("p\n"), false)
	p.want("p")
	if s := r.lot.Stats(); s.Evicted != 2 || s.Refused != 0 || s.Accepted != 5 {
		t.Errorf("got %+v", s)
	}
}

func testRefuse(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{MaxConns: 2, Refusal: []byte("full\n")})
	for range 2 {
		r.dial().send("park\n")
	}
	h := r.hold()
	r.hold()
	for range 20 {
		c := r.dial()
		c.send("say something\n")
		c.want("full")
		c.wantEOF()
		if ev := receive(t, r.events, "a refusal"); ev.Kind != park.Refused {
			t.Fatalf("got %+v", ev)
		}
	}
	if s := r.lot.Stats(); s.Refused != 20 || s.Accepted != 2 || s.Parked != 2 {
		t.Errorf("got %+v", s)
	}
	r.lot.Close(h.id)
	c := r.dial()
	c.send("say hello\n")
	c.want("hello")
}

func testDrain(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{})
	idle, fresh, parked, pipelined, active := r.dial(), r.dial(), r.dial(), r.dial(), r.dial()
	idle.send("idle w\n")
	idle.want("w")
	parked.send("park\n")
	h := r.hold()
	pipelined.send("park\nsay next\nidle x\n")
	hp := r.hold()
	active.send("say y\n")
	active.want("y")
	r.until("2 idle", func(s park.Stats) bool { return s.Idle == 2 && s.Parked == 2 && s.Active == 1 })
	r.lot.Drain()
	idle.wantEOF()
	r.lot.Answer(h.id, []byte("p\n"), false)
	parked.want("p")
	parked.wantEOF()
	r.lot.Answer(hp.id, []byte("q\n"), false)
	for _, line := range []string{"q", "next", "x"} {
		pipelined.want(line)
	}
	pipelined.wantEOF()
	active.send("idle z\n")
	active.want("z")
	active.wantEOF()
	for _, first := range []*client{fresh, r.dial()} {
		first.send("idle v\n")
		first.want("v")
		first.wantEOF()
	}
	r.untilEmpty()
}

func testShut(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{})
	var clients []*client
	for i := range 100 {
		c := r.dial()
		clients = append(clients, c)
		switch i % 3 {
		case 0:
			c.send("park\n")
			r.hold()
		case 1:
			c.send("say x\n")
			c.want("x")
		}
	}
	h := func() *hold { clients[1].send("park\n"); return r.hold() }()
	r.lot.Shut()
	turns := r.turns.Load()
	for _, c := range clients {
		c.wantEOF()
	}
	r.lot.Answer(h.id, []byte("x\n"), false)
	r.lot.Park(h.id, park.Stay{Owner: h})
	r.lot.Idle(h.id, []byte("say x\n"))
	r.lot.Close(h.id)
	r.lot.Drain()
	if n := r.turns.Load(); n != turns || len(h.events) > 0 {
		t.Error("events after Shut")
	}
	if err := r.lot.Serve(listenTCP(t)); err != nil {
		t.Errorf("Serve after Shut: %v", err)
	}
}

// testShutUnderLoad: Shut while everything is on the move.
func testShutUnderLoad(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{})
	r.stay = 100 * time.Millisecond
	var wg sync.WaitGroup
	for i := range 50 {
		c := r.dial()
		wg.Go(func() {
			for {
				if _, err := c.Write([]byte("park\nsay x\n")); err != nil {
					return
				}
				for range 2 {
					if _, err := c.br.ReadString('\n'); err != nil {
						return
					}
				}
				if i%7 == 0 {
					_ = c.CloseWrite()
				}
			}
		})
	}
	var answered atomic.Int64
	end := make(chan bool)
	wg.Go(func() {
		for {
			select {
			case h := <-r.holds:
				r.lot.Answer(h.id, []byte("a\n"), false)
				answered.Add(1)
			case <-end:
				return
			}
		}
	})
	for answered.Load() < 500 {
		time.Sleep(time.Millisecond)
	}
	r.check()
	r.lot.Shut()
	close(end)
	wg.Wait()
}

// failing is a listener that fails a few times first.
type failing struct {
	net.Listener
	errs []error
}

func (f *failing) Accept() (net.Conn, error) {
	if len(f.errs) > 0 {
		err := f.errs[0]
		f.errs = f.errs[1:]
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", err)}
	}
	return f.Listener.Accept()
}

func testAcceptFails(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{})
	ln := &failing{Listener: listenTCP(t), errs: []error{syscall.EMFILE, syscall.ENFILE, syscall.ECONNABORTED}}
	r.ln = ln
	r.listen(ln)
	for range 3 {
		if ev := receive(t, r.events, "a failure"); ev.Kind != park.AcceptFailed || ev.Err == nil {
			t.Errorf("got %+v", ev)
		}
	}
	c := r.dial()
	c.send("say x\n")
	c.want("x")

	bad := &failing{Listener: listenTCP(t), errs: []error{syscall.EINVAL}}
	defer bad.Close()
	if err := r.lot.Serve(bad); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("Serve: %v", err)
	}
}

func testStaleID(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{})
	var stale []park.ID
	for range 100 {
		c := r.dial()
		c.send("park\n")
		h := r.hold()
		for _, old := range stale {
			if old == h.id {
				t.Fatalf("ID %x used again", old)
			}
			r.lot.Answer(old, []byte("wrong\n"), true)
			r.lot.Park(old, park.Stay{Owner: h, Until: time.Now()})
			r.lot.Idle(old, []byte("say wrong\n"))
			r.lot.Close(old)
		}
		r.lot.Answer(0, []byte("wrong\n"), true)
		r.lot.Close(0)
		r.lot.Answer(h.id, []byte("right\n"), true)
		c.want("right")
		c.wantEOF()
		stale = append(stale, h.id)
	}
}

// testStorm: clients come and go, claimants answer, close and are late, and
// others use IDs they should not have.
func testStorm(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{MaxConns: 60, EvictAfter: -1})
	r.stay = 50 * time.Millisecond
	var recent [64]atomic.Uint64
	end := make(chan bool)
	var claimants, clients sync.WaitGroup
	claimants.Go(func() { // the only claimant of every hold
		for n := 0; ; n++ {
			select {
			case h := <-r.holds:
				if n%5 == 0 {
					r.lot.Close(h.id)
				} else {
					r.lot.Answer(h.id, []byte("a\n"), n%3 == 0)
				}
				recent[n%len(recent)].Store(uint64(h.id))
			case <-end:
				return
			}
		}
	})
	claimants.Go(func() { // takes IDs of holds that are over
		for n := 0; ; n++ {
			select {
			case <-end:
				return
			default:
			}
			r.lot.Answer(park.ID(recent[n%len(recent)].Load())-1<<32, []byte("wrong\n"), true)
			r.lot.Close(park.ID(recent[n%len(recent)].Load()) - 1<<32)
			if n%64 == 0 {
				_ = r.lot.Stats()
				r.check()
			}
		}
	})
	for range 20 {
		clients.Go(func() {
			for range 40 {
				stormClient(r.ln.Addr().String())
			}
		})
	}
	go func() {
		for range r.events {
		}
	}()
	clients.Wait()
	close(end)
	claimants.Wait()
}

func stormClient(addr string) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(500 * time.Millisecond))
	b := make([]byte, 64)
	for range 1 + rand.IntN(4) {
		_, _ = c.Write([]byte([]string{"park\n", "park\npark\n", "say x\n", "pa", "idle x\n", "park\nsay x\n"}[rand.IntN(6)]))
		switch rand.IntN(6) {
		case 0:
			_ = c.(*net.TCPConn).CloseWrite()
		case 1:
			_ = c.(*net.TCPConn).SetLinger(0)
			return
		case 2:
			return
		}
		_ = c.SetReadDeadline(time.Now().Add(time.Duration(rand.IntN(30)) * time.Millisecond))
		if _, err := c.Read(b); err != nil && !isTimeout(err) {
			return
		}
	}
}
