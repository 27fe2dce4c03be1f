package parktest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"cometproxy/park"
)

// testNeverReadingATurn: a turn's writes have deadlines.
func testNeverReadingATurn(t *testing.T, newLot func(park.Options) park.Lot) {
	errs := make(chan error, 1)
	r := newRigServing(t, newLot, park.Options{}, func(_ *rig, c park.Conn) {
		_ = c.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		_, err := c.Write(big)
		errs <- err
		_ = c.Close()
	})
	r.dial().send("x")
	if err := receive(t, errs, "the server"); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	r.untilEmpty()
}

// testSlowReaderOfATurn: a turn's write waits for the client, while the client's
// bytes are read.
func testSlowReaderOfATurn(t *testing.T, newLot func(park.Options) park.Lot) {
	heard := make(chan string, 1)
	r := newRigServing(t, newLot, park.Options{}, func(r *rig, c park.Conn) {
		carried := c.Detach(c)
		go func() {
			b := make([]byte, 5)
			_, _ = io.ReadFull(c.Raw(), b[copy(b, carried):])
			heard <- string(b)
		}()
		_, err := c.Raw().Write(big)
		if err != nil {
			t.Errorf("server: %v", err)
		}
		r.lot.Idle(c.ID(), nil)
	})
	c := r.dial()
	c.send("x")
	time.Sleep(20 * time.Millisecond) // the sockets are full
	c.send("more")
	if got := receive(t, heard, "what was sent meanwhile"); got != "xmore" {
		t.Errorf("got %q", got)
	}
	got := make([]byte, len(big))
	if _, err := io.ReadFull(c.br, got); err != nil || !bytes.Equal(got, big) {
		t.Errorf("answer: %v, equal: %v", err, bytes.Equal(got, big))
	}
	r.untilIdle(1)
}

// testRaw: what a detached connection can do, from several goroutines.
func testRaw(t *testing.T, newLot func(park.Options) park.Lot) {
	conns := make(chan net.Conn)
	r := newRigServing(t, newLot, park.Options{}, func(_ *rig, c park.Conn) {
		_, _ = c.Read(make([]byte, 1))
		c.Detach(c)
		conns <- c.Raw()
	})
	blocked := func(c net.Conn) <-chan error {
		done := make(chan error, 1)
		go func() {
			_, err := c.Read(make([]byte, 10))
			done <- err
		}()
		time.Sleep(10 * time.Millisecond)
		return done
	}
	c := r.dial()
	c.send("x")
	raw := receive(t, conns, "a connection")
	if got, want := raw.RemoteAddr().String(), c.LocalAddr().String(); got != want {
		t.Errorf("RemoteAddr %s, want %s", got, want)
	}
	if got, want := raw.LocalAddr().String(), c.RemoteAddr().String(); got != want {
		t.Errorf("LocalAddr %s, want %s", got, want)
	}

	done := blocked(raw)
	_ = raw.SetReadDeadline(time.Unix(1, 0))
	if err := receive(t, done, "the Read"); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read, interrupted: %v", err)
	}
	c.send("y") // does not count: the deadline has passed
	if _, err := raw.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read behind the deadline: %v", err)
	}
	_ = raw.SetReadDeadline(time.Now().Add(patience))
	if n, err := raw.Read(make([]byte, 10)); n != 1 || err != nil {
		t.Errorf("Read: %d, %v", n, err)
	}

	_ = raw.(interface{ CloseWrite() error }).CloseWrite()
	c.wantEOF()
	if _, err := raw.Write([]byte("x")); err == nil {
		t.Error("written after CloseWrite")
	}
	c.send("z")
	if n, err := raw.Read(make([]byte, 10)); n != 1 || err != nil {
		t.Errorf("Read after CloseWrite: %d, %v", n, err)
	}
	done = blocked(raw)
	_ = raw.Close()
	if err := receive(t, done, "the Read"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read, closed: %v", err)
	}
	if _, err := raw.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write, closed: %v", err)
	}
	r.untilEmpty()
}

// testShutBlocked: Shut ends the turns that wait for their clients.
func testShutBlocked(t *testing.T, newLot func(park.Options) park.Lot) {
	errs := make(chan error, 3)
	r := newRigServing(t, newLot, park.Options{}, func(_ *rig, c park.Conn) {
		first := make([]byte, 1)
		_, _ = c.Read(first)
		var err error
		switch first[0] {
		case 'r':
			_, err = c.Read(first)
		case 'w':
			_, err = c.Write(big)
		case 'a':
			gone := make(chan bool)
			stop := c.WatchInput(func() { close(gone) })
			<-gone
			stop()
			_, err = c.Read(first)
		}
		errs <- err
		_ = c.Close()
	})
	for _, how := range []string{"r", "w", "a"} {
		r.dial().send(how)
	}
	r.until("3 turns", func(s park.Stats) bool { return s.Active == 3 })
	time.Sleep(20 * time.Millisecond)
	r.lot.Shut()
	for range 3 {
		if err := receive(t, errs, "a turn"); err == nil {
			t.Error("a turn was not ended")
		}
	}
}
