package parktest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"cometproxy/park"
)

func testFirstByte(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{})
	c := r.dial()
	r.untilIdle(1)
	if n := r.turns.Load(); n != 0 {
		t.Fatalf("%d turns before the first byte", n)
	}
	c.send("say hello\n")
	c.want("hello")
	if s := r.lot.Stats(); s.Accepted != 1 || s.Active != 1 || s.Idle != 0 {
		t.Errorf("got %+v", s)
	}
	c.send("quit\n")
	c.wantEOF()
	r.untilEmpty()
}

func testSplitRequest(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{})
	c := r.dial()
	c.send("s")
	r.until("a turn", func(s park.Stats) bool { return s.Active == 1 })
	c.send("ay he")
	c.send("llo\nidle x\n")
	c.want("hello")
	c.want("x")
	r.untilIdle(1)
	c.send("par")
	r.until("a turn", func(s park.Stats) bool { return s.Active == 1 })
	c.send("k\n")
	h := r.hold()
	if a := r.lot.Peer(h.id); a == nil || a.String() != c.LocalAddr().String() {
		t.Errorf("the client is %v; want %s", a, c.LocalAddr())
	}
	if a := r.lot.Peer(h.id + 1<<32); a != nil {
		t.Errorf("of a connection that there is not: %v", a)
	}
	r.lot.Answer(h.id, []byte("done\n"), false)
	c.want("done")
}

// testSplitPipelined: a request that comes in pieces while the one before it is
// held, before and after the answer.
func testSplitPipelined(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{})
	c := r.dial()
	request := "park again\n"
	c.send(request)
	for cut := range len(request) {
		h := r.hold()
		for _, b := range []byte(request[:cut]) {
			c.send(string(b))
		}
		r.lot.Answer(h.id, []byte("x\n"), false)
		c.want("x")
		for _, b := range []byte(request[cut:]) {
			c.send(string(b))
		}
	}
	if h := r.hold(); h.said != "again" {
		t.Errorf("got %q", h.said)
	}
}

func testRounds(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{})
	c := r.dial()
	for i := range 200 {
		c.send("park\n")
		h := r.hold()
		if s := r.lot.Stats(); s.Parked != 1 {
			t.Fatalf("round %d: %+v", i, s)
		}
		answer := fmt.Sprint("answer ", i)
		r.lot.Answer(h.id, []byte(answer+"\n"), false)
		c.want(answer)
		if len(h.events) > 0 {
			t.Fatalf("round %d: %+v", i, <-h.events)
		}
	}
	r.untilIdle(1)
}

func testAnswerEnd(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{})
	c := r.dial()
	c.send("park\n")
	h := r.hold()
	r.lot.Answer(h.id, []byte("bye\n"), true)
	r.untilEmpty()
	r.lot.Answer(h.id, []byte("again\n"), true)
	c.want("bye")
	c.wantEOF()
}

func testDeadline(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{})
	r.stay = 250 * time.Millisecond
	c := r.dial()
	c.send("park\n")
	start := time.Now() // the deadline is set after this
	r.ends(r.hold(), park.Deadline)
	if after := time.Since(start); after < r.stay {
		t.Errorf("fired after %v, want %v", after, r.stay)
	}
	r.until("parked", func(s park.Stats) bool { return s.Parked == 1 }) // still the owner's
}

func testManyDeadlines(t *testing.T, newLot func(park.Options) park.Lot) {
	const n = 200
	type told struct {
		ev park.Event
		at time.Time
	}
	tolds := make(chan told, n)
	turns := make(chan park.ID, n)
	untils := make(map[uint32]time.Time)
	lot := newLot(park.Options{Event: func(ev park.Event) {
		if ev.Kind == park.Serve {
			var b [1]byte
			_, _ = ev.Conn.Read(b[:])
			ev.Conn.Detach(ev.Conn)
			turns <- ev.ID
			return
		}
		tolds <- told{ev, time.Now()}
	}})
	r := &rig{T: t, lot: lot, ln: listenTCP(t)}
	r.listen(r.ln)
	for i := range n {
		c := r.dial()
		c.send("x")
		id := receive(t, turns, "a turn")
		until := time.Now().Add(time.Duration(i*3) * time.Millisecond)
		untils[uint32(i)] = until
		lot.Park(id, park.Stay{Owner: r, Gen: uint32(i), Until: until})
		for len(tolds) > 0 {
			told := <-tolds
			checkTold(t, untils, told.ev, told.at)
		}
	}
	for len(untils) > 0 {
		told := receive(t, tolds, "a deadline")
		checkTold(t, untils, told.ev, told.at)
	}
}

func checkTold(t *testing.T, untils map[uint32]time.Time, ev park.Event, at time.Time) {
	t.Helper()
	until, ok := untils[ev.Gen]
	if !ok || ev.Kind != park.Deadline || at.Before(until) {
		t.Errorf("%+v at %v, want a deadline at %v", ev, at, until)
	}
	delete(untils, ev.Gen)
}

func testIdleWithCarried(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{})
	c := r.dial()
	c.send("idle a\nidle b\nsay c\nidle d\n")
	for _, line := range []string{"a", "b", "c", "d"} {
		c.want(line)
	}
	r.untilIdle(1)
	if n := r.turns.Load(); n != 3 {
		t.Errorf("%d turns, want 3", n)
	}
}

func testReadPace(t *testing.T, newLot func(park.Options) park.Lot) {
	errs := make(chan error, 1)
	r := newRigServing(t, newLot, park.Options{}, func(_ *rig, c park.Conn) {
		defer c.Close()
		var b [1]byte
		_, _ = c.Read(b[:])
		c.SetReadPace(30 * time.Millisecond)
		_ = c.SetReadDeadline(time.Now().Add(-time.Hour)) // must not count now
		if _, err := c.Read(b[:]); err != nil {
			errs <- fmt.Errorf("paced read: %w", err)
			return
		}
		if _, err := c.Read(b[:]); !errors.Is(err, os.ErrDeadlineExceeded) {
			errs <- fmt.Errorf("paced read with nothing to read: %v", err)
			return
		}
		_ = c.SetReadDeadline(time.Time{})
		c.SetReadPace(0)
		_, _ = c.Write([]byte("go\n"))
		_, err := c.Read(b[:])
		errs <- err
	})
	c := r.dial()
	c.send("ab")
	c.want("go")
	c.send("c")
	if err := receive(t, errs, "the server"); err != nil {
		t.Error(err)
	}
	c.wantEOF()
}

func testDetached(t *testing.T, newLot func(park.Options) park.Lot) {
	long := make([]byte, 9000) // more than the reader and more than the first turn reads
	for i := range long {
		long[i] = 'a' + byte(i%26)
	}
	got := make(chan []byte, 1)
	r := newRigServing(t, newLot, park.Options{}, func(r *rig, c park.Conn) {
		br := bufio.NewReader(c)
		first, err := br.ReadByte()
		if err != nil {
			_ = c.Close()
			return
		}
		if first == 'x' { // the first turn: read some ahead, give all of it back
			_, _ = br.Peek(4000)
			carried := c.Detach(br)
			if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
				t.Errorf("Read after Detach: %d, %v", n, err)
			}
			if err := c.Close(); err != nil {
				t.Errorf("Close after Detach: %v", err)
			}
			c.Attach(r)
			if c.Attached() != any(r) || c.RemoteAddr() == nil || c.Raw().RemoteAddr() == nil {
				t.Error("nothing attached, or no address")
			}
			r.lot.Idle(c.ID(), carried)
			return
		}
		if first == 'a' { // the second turn: do not even read all of the prefix
			carried := append([]byte{'a'}, c.Detach(br)...)
			rest := make([]byte, len(long)-len(carried))
			_, _ = io.ReadFull(c.Raw(), rest)
			got <- append(carried, rest...)
			_ = c.Raw().Close()
		}
	})
	c := r.dial()
	c.send("x" + string(long))
	if b := receive(t, got, "the second turn"); string(b) != string(long) {
		t.Errorf("got %d bytes, other ones than the %d sent", len(b), len(long))
	}
	c.wantEOF()
	r.untilEmpty()
}

// keepAliveServer answers each byte with a line and waits for the next as
// fasthttp does.
func keepAliveServer(wait time.Duration, wrote func(park.Conn)) func(*rig, park.Conn) {
	return func(_ *rig, c park.Conn) {
		defer c.Close()
		var b [1]byte
		for {
			if _, err := c.Read(b[:]); err != nil {
				return
			}
			_, _ = c.Write([]byte("ok\n"))
			if wrote != nil {
				wrote(c)
			}
			_ = c.SetReadDeadline(time.Now().Add(wait))
		}
	}
}

func testBackToIdle(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRigServing(t, newLot, park.Options{}, keepAliveServer(20*time.Millisecond, nil))
	c := r.dial()
	for i := range 5 {
		c.send("x")
		c.want("ok")
		c.send("x")
		c.want("ok")
		r.untilIdle(1)
		if n := r.turns.Load(); n < int64(i+1) {
			t.Fatalf("%d turns", n)
		}
	}
}

// testNotBackToIdle: only the wait for a next request leads back to idle.
func testNotBackToIdle(t *testing.T, newLot func(park.Options) park.Lot) {
	soon := func() time.Time { return time.Now().Add(20 * time.Millisecond) }
	var b [1]byte
	for name, turn := range map[string]func(c park.Conn){
		"nothing written": func(c park.Conn) {
			_ = c.SetReadDeadline(soon())
			_, _ = c.Read(b[:])
		},
		"an error written": func(c park.Conn) {
			_, _ = c.Write([]byte("ok"))
			_ = c.SetReadDeadline(soon())
			_, _ = c.Read(b[:])
			_, _ = c.Write([]byte("408"))
		},
		"rest of a body": func(c park.Conn) { // the deadline is of the request
			_ = c.SetReadDeadline(soon())
			_, _ = c.Write([]byte("ok"))
			_, _ = c.Read(b[:])
		},
		"rest of a body, paced": func(c park.Conn) {
			c.SetReadPace(20 * time.Millisecond)
			_, _ = c.Write([]byte("ok"))
			_, _ = c.Read(b[:])
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRigServing(t, newLot, park.Options{}, func(_ *rig, c park.Conn) {
				_, _ = c.Read(make([]byte, 1))
				turn(c)
				_ = c.Close()
			})
			c := r.dial()
			c.send("x")
			_, _ = io.Copy(io.Discard, c)
			r.untilEmpty()
		})
	}
}
