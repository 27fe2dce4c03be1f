package parktest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cometproxy/park"
)

func listenTCP(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func testClose(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{})
	idle, parked := r.dial(), r.dial()
	r.untilIdle(2)
	parked.send("park\n")
	h := r.hold()
	_ = parked.Close()
	r.ends(h, park.EndOfInput)
	if s := r.lot.Stats(); s.Parked != 1 {
		t.Errorf("the lot closed it: %+v", s)
	}
	r.lot.Close(h.id)
	r.lot.Close(h.id)
	_ = idle.Close()
	r.untilEmpty()
}

func testHalfClose(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{})
	c := r.dial()
	c.send("park\n")
	h := r.hold()
	_ = c.CloseWrite()
	r.ends(h, park.EndOfInput)
	r.lot.Answer(h.id, []byte("still here\n"), false)
	c.want("still here")
	c.wantEOF()
	r.untilEmpty()
}

func testReset(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{})
	c := r.dial()
	c.send("park\n")
	h := r.hold()
	c.reset()
	r.ends(h, park.Reset)
	r.lot.Answer(h.id, []byte("nobody there\n"), false)
	r.untilEmpty()
}

func testHangUpBehindPipelined(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{})
	for _, how := range []park.Kind{park.EndOfInput, park.Reset} {
		c := r.dial()
		c.send("park\n")
		h := r.hold()
		c.send("say more\n")
		if how == park.Reset {
			c.reset()
		} else {
			_ = c.Close()
		}
		r.ends(h, how)
		r.lot.Close(h.id)
		r.untilEmpty()
	}
}

func testPipelined(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{})
	c := r.dial()
	for range 20 {
		c.send("park\n")
		h := r.hold()
		c.send("say a\n")
		c.send("park\nsay b\nidle c\n")
		if len(h.events) > 0 {
			t.Fatalf("readable is no claim: %+v", <-h.events)
		}
		r.lot.Answer(h.id, []byte("1\n"), false)
		c.want("1")
		c.want("a")
		h2 := r.hold()
		if h2.id != h.id {
			t.Fatalf("ID %x became %x", h.id, h2.id)
		}
		r.lot.Answer(h2.id, []byte("2\n"), false)
		for _, line := range []string{"2", "b", "c"} {
			c.want(line)
		}
	}
	r.untilIdle(1)
}

func testPipelinedHalfClose(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{})
	c := r.dial()
	c.send("park\nsay a\npark b\nidle c\nsay d\n")
	_ = c.CloseWrite()
	h := r.hold()
	r.ends(h, park.EndOfInput)
	r.lot.Answer(h.id, []byte("1\n"), false)
	for _, line := range []string{"1", "a", "late b", "c", "d"} {
		c.want(line)
	}
	c.wantEOF()
	r.untilEmpty()
}

// testPipelinedFlood: what nobody wants yet is kept up to a bound, and the rest
// is read later.
func testPipelinedFlood(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{})
	c := r.dial()
	c.send("park\n")
	h := r.hold()
	const lines = 20000
	go func() {
		for i := range lines {
			_, _ = fmt.Fprintf(c, "say %d\n", i)
		}
		_ = c.CloseWrite()
	}()
	r.lot.Answer(h.id, []byte("go\n"), false)
	c.want("go")
	for i := range lines {
		c.want(fmt.Sprint(i))
	}
	c.wantEOF()
	r.untilEmpty()

	// And when it is all there before the answer.
	c = r.dial()
	c.send("park\n")
	h = r.hold()
	c.send(strings.Repeat("say x\n", 4000))
	r.lot.Answer(h.id, []byte("go\n"), false)
	c.want("go")
	for range 4000 {
		c.want("x")
	}
}

// testTooMuchAhead: a client that sends on and on while it is parked is given up.
func testTooMuchAhead(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{})
	c := r.dial()
	c.send("park\n")
	h := r.hold()
	_ = c.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
	_, _ = c.Write(big)
	r.ends(h, park.Reset)
	r.lot.Answer(h.id, []byte("x\n"), false)
	r.untilEmpty()
}

func testCarried(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{})
	c := r.dial()
	c.send("park\npark\nsay x\npark\n")
	for i := range 3 {
		h := r.hold()
		if i == 2 {
			c.send("say y\n")
		}
		r.lot.Answer(h.id, []byte(fmt.Sprintln(i)), false)
	}
	for _, line := range []string{"0", "1", "x", "2", "y"} {
		c.want(line)
	}
}

func testWatchInput(t *testing.T, newLot func(park.Options) park.Lot) {
	stopped := make(chan error, 1)
	gone := make(chan bool, 4)
	r := newRigServing(t, newLot, park.Options{}, func(_ *rig, c park.Conn) {
		defer c.Close()
		_ = c.SetReadDeadline(time.Now().Add(time.Millisecond)) // must not end the watch
		br := bufio.NewReader(c)
		if _, err := br.ReadString('\n'); err != nil {
			return
		}
		seen := make(chan bool, 1)
		stop := c.WatchInput(func() { seen <- true; gone <- true })
		_, _ = c.Write([]byte("watching\n"))
		<-seen
		stop()
		stop()
		_, err := br.ReadByte()
		stopped <- err
	})
	c := r.dial()
	c.send("\n")
	c.want("watching")
	_ = c.CloseWrite()
	receive(t, gone, "the hang-up")
	if err := receive(t, stopped, "the server"); err != io.EOF {
		t.Errorf("Read after the watch: %v", err)
	}
	c.wantEOF()

	c = r.dial()
	c.send("\n")
	c.want("watching")
	c.reset()
	receive(t, gone, "the reset")
	if err := receive(t, stopped, "the server"); err == nil || err == io.EOF {
		t.Errorf("Read after the watch of a reset connection: %v", err)
	}
	r.untilEmpty()
	if len(gone) > 0 {
		t.Error("told twice")
	}
}

func testWatchInputKeepsBytes(t *testing.T, newLot func(park.Options) park.Lot) {
	var told atomic.Int32
	proceed := make(chan bool)
	r := newRigServing(t, newLot, park.Options{}, func(r *rig, c park.Conn) {
		br := bufio.NewReader(c)
		for {
			line, err := br.ReadString('\n')
			if err != nil {
				_ = c.Close()
				return
			}
			stop := c.WatchInput(func() { told.Add(1) })
			_, _ = fmt.Fprintf(c, "watching %s", line)
			if strings.HasPrefix(line, "wait") {
				<-proceed
			}
			stop()
			if line == "hold\n" {
				carried := c.Detach(br)
				_, _ = c.Raw().Write(append([]byte("carried "), carried...))
				r.lot.Idle(c.ID(), nil)
				return
			}
		}
	})
	c := r.dial()
	for i := range 50 {
		c.send(fmt.Sprintf("a%d\n", i))
		c.want(fmt.Sprintf("watching a%d", i))
	}
	c.send("wait\n")
	c.want("watching wait")
	want := ""
	for i := range 5000 { // more than is kept
		want += fmt.Sprintf("b%d\n", i)
	}
	c.send(want)
	proceed <- true
	for line := range strings.Lines(want) {
		c.want("watching " + strings.TrimSuffix(line, "\n"))
	}
	c.send("wait again\n")
	c.want("watching wait again")
	c.send("hold\n")
	proceed <- true
	c.want("watching hold")
	if told.Load() != 0 {
		t.Error("told of the end of an input that has not ended")
	}
}

// testMass: many hang-ups at once while parked, and the counts are exact.
func testMass(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{})
	const n = 500
	var clients []*client
	for range 2 * n {
		c := r.dial()
		c.send("park\n")
		clients = append(clients, c)
	}
	var holds []*hold
	for range 2 * n {
		holds = append(holds, r.hold())
	}
	if s := r.lot.Stats(); s.Parked != 2*n {
		t.Fatalf("%+v", s)
	}
	for i, c := range clients {
		if i%2 == 0 {
			_ = c.Close()
		} else {
			c.reset()
		}
	}
	count := map[park.Kind]int{}
	for _, h := range holds {
		ev := receive(t, h.events, "a hang-up")
		count[ev.Kind]++
		r.lot.Answer(ev.ID, []byte("x\n"), false)
	}
	if count[park.EndOfInput] != n || count[park.Reset] != n {
		t.Errorf("got %v", count)
	}
	r.untilEmpty()
}

// testOneTerminalEvent: deadline, hang-up and answer meet.
func testOneTerminalEvent(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{})
	r.stay = 100 * time.Millisecond
	var holds []*hold
	for i := range 200 {
		c := r.dial()
		c.send("park\n")
		h := r.hold()
		holds = append(holds, h)
		time.AfterFunc(r.stay+time.Duration(i%20)*5*time.Millisecond, func() {
			switch i % 3 {
			case 0:
				_ = c.Close()
			case 1:
				c.reset()
			default:
				r.lot.Answer(h.id, []byte("x\n"), i%2 == 0)
				_ = c.Close()
			}
		})
	}
	for i, h := range holds {
		if i%3 < 2 {
			receive(t, h.events, "an end")
			r.lot.Close(h.id)
		}
	}
	r.untilEmpty()
	for i, h := range holds {
		if n := len(h.events); n > 1 || i%3 < 2 && n > 0 {
			t.Errorf("hold %d: %d more events", i, n)
		}
	}
}

// testOneTerminalEventEach: a stay that has ended one way does not end another.
func testOneTerminalEventEach(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{})
	r.stay = 100 * time.Millisecond
	var holds []*hold
	for i := range 6 {
		c := r.dial()
		c.send("park\n")
		h := r.hold()
		holds = append(holds, h)
		switch i % 3 {
		case 0: // hangs up first
			_ = c.Close()
			r.ends(h, park.EndOfInput)
		case 1:
			r.ends(h, park.Deadline)
			_ = c.Close()
		default:
			r.ends(h, park.Deadline)
			c.reset()
		}
	}
	time.Sleep(r.stay + 150*time.Millisecond) // for what must not happen
	for i, h := range holds {
		if len(h.events) > 0 {
			t.Errorf("hold %d ended again: %+v", i, <-h.events)
		}
		r.lot.Answer(h.id, []byte("x\n"), false)
	}
	r.untilEmpty()
}

// testPipelinedBound: what a parked client sends is not kept without bound.
func testPipelinedBound(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{})
	c := r.dial()
	c.send("park\n")
	h := r.hold()
	_ = c.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
	if _, err := c.Write(append(big, big...)); !isTimeout(err) {
		t.Errorf("32 MB were taken while nobody wanted them: %v", err)
	}
	r.lot.Close(h.id)
	r.untilEmpty()
}
