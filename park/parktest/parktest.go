// Package parktest is what every implementation of park.Lot must pass. It drives
// a lot over real loopback sockets with a small protocol of lines, and with
// fasthttp.
package parktest

import (
	"bufio"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cometproxy/park"
)

// Run runs the suite.
func Run(t *testing.T, newLot func(park.Options) park.Lot) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, func(park.Options) park.Lot)
	}{
		{"FirstByte", testFirstByte},
		{"SplitRequest", testSplitRequest},
		{"SplitPipelined", testSplitPipelined},
		{"Rounds", testRounds},
		{"AnswerEnd", testAnswerEnd},
		{"Deadline", testDeadline},
		{"ManyDeadlines", testManyDeadlines},
		{"IdleWithCarried", testIdleWithCarried},
		{"ReadPace", testReadPace},
		{"Detached", testDetached},
		{"BackToIdle", testBackToIdle},
		{"NotBackToIdle", testNotBackToIdle},
		{"Close", testClose},
		{"HalfClose", testHalfClose},
		{"Reset", testReset},
		{"HangUpBehindPipelined", testHangUpBehindPipelined},
		{"Pipelined", testPipelined},
		{"PipelinedHalfClose", testPipelinedHalfClose},
		{"PipelinedFlood", testPipelinedFlood},
		{"PipelinedBound", testPipelinedBound},
		{"TooMuchAhead", testTooMuchAhead},
		{"Carried", testCarried},
		{"WatchInput", testWatchInput},
		{"WatchInputKeepsBytes", testWatchInputKeepsBytes},
		{"Mass", testMass},
		{"OneTerminalEvent", testOneTerminalEvent},
		{"OneTerminalEventEach", testOneTerminalEventEach},
		{"NeverReading", testNeverReading},
		{"NeverReadingATurn", testNeverReadingATurn},
		{"SlowReaderOfATurn", testSlowReaderOfATurn},
		{"Raw", testRaw},
		{"SlowReader", testSlowReader},
		{"TooManyFinishers", testTooManyFinishers},
		{"IdleTimeout", testIdleTimeout},
		{"Evict", testEvict},
		{"Refuse", testRefuse},
		{"Drain", testDrain},
		{"Shut", testShut},
		{"ShutUnderLoad", testShutUnderLoad},
		{"ShutBlocked", testShutBlocked},
		{"AcceptFails", testAcceptFails},
		{"NoDescriptors", testNoDescriptors},
		{"StaleID", testStaleID},
		{"Storm", testStorm},
		{"Reuse", testReuse},
		{"HTTP", testHTTP},
		{"HTTPKeepAlive", testHTTPKeepAlive},
		{"HTTPPipelined", testHTTPPipelined},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, newLot) })
	}
}

// rig is a lot with a server of lines behind it. A client sends
//
//	say X    and is answered X
//	park X   and is held until the test answers
//	idle X   and is answered X, and its connection goes back by Lot.Idle
//	quit     and its connection is closed by the server
type rig struct {
	*testing.T
	lot    park.Lot
	ln     net.Listener
	holds  chan *hold      // those parked
	events chan park.Event // Refused, Evicted, AcceptFailed
	turns  atomic.Int64    // Serve events
	stay   time.Duration   // deadline of each hold
}

// hold is one parking.
type hold struct {
	id     park.ID
	gen    uint32
	said   string          // by the client, with its request
	events chan park.Event // terminal ones; more than one is a fault
}

const patience = 10 * time.Second // for what must happen

func newRig(t *testing.T, newLot func(park.Options) park.Lot, o park.Options) *rig {
	return newRigServing(t, newLot, o, nil)
}

// newRigServing has serve in place of the server of lines.
func newRigServing(t *testing.T, newLot func(park.Options) park.Lot, o park.Options, serve func(*rig, park.Conn)) *rig {
	t.Helper()
	if serve == nil {
		serve = (*rig).serveLines
	}
	r := &rig{T: t, holds: make(chan *hold, 2000), events: make(chan park.Event, 2000), stay: time.Minute}
	o.Event = func(ev park.Event) {
		switch ev.Kind {
		case park.Serve:
			r.turns.Add(1)
			serve(r, ev.Conn)
		case park.EndOfInput, park.Reset, park.Deadline:
			h := ev.Owner.(*hold)
			if h.id != ev.ID || h.gen != ev.Gen {
				t.Errorf("event of %x/%d says %x/%d", h.id, h.gen, ev.ID, ev.Gen)
			}
			h.events <- ev
		default:
			r.events <- ev
		}
	}
	r.lot = newLot(o)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.ln = ln
	r.listen(ln)
	return r
}

// listen serves ln, and makes sure that at the end of the test all is in order.
func (r *rig) listen(ln net.Listener) {
	served := make(chan error, 1)
	go func() { served <- r.lot.Serve(ln) }()
	r.Cleanup(func() {
		r.check()
		r.lot.Shut()
		r.check()
		if err := <-served; err != nil {
			r.Errorf("Serve: %v", err)
		}
		if s := r.lot.Stats(); s.Idle+s.Active+s.Parked+s.Finishing != 0 {
			r.Errorf("after Shut: %+v", s)
		}
		noGoroutines(r.T)
	})
}

func (r *rig) check() {
	r.Helper()
	if err := r.lot.Check(); err != nil {
		r.Errorf("Check: %v", err)
	}
}

// noGoroutines fails if one of package park is left. Shut has waited for them, but
// the last steps of a goroutine cannot be waited for.
func noGoroutines(t *testing.T) {
	t.Helper()
	buf := make([]byte, 1<<20)
	var left []string
	for range 200 {
		left = nil
		for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(g, "cometproxy/park.") && !strings.Contains(g, "testing.tRunner") {
				left = append(left, g)
			}
		}
		if left == nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("%d goroutines left, one is\n%s", len(left), left[0])
}

var gens atomic.Uint32

func (r *rig) serveLines(c park.Conn) {
	br := bufio.NewReader(c)
	for {
		line, err := br.ReadString('\n')
		if err != nil {
			_ = c.Close()
			return
		}
		verb, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch verb {
		case "say":
			_, _ = fmt.Fprintf(c, "%s\n", rest)
		case "park":
			if c.InputEnded() { // must not be held
				_, _ = fmt.Fprintf(c, "late %s\n", rest)
				continue
			}
			h := &hold{id: c.ID(), gen: gens.Add(1), said: rest, events: make(chan park.Event, 4)}
			r.lot.Park(c.ID(), park.Stay{Owner: h, Gen: h.gen, Until: time.Now().Add(r.stay), Carried: c.Detach(br)})
			r.holds <- h
			return
		case "idle":
			carried := c.Detach(br)
			_, _ = fmt.Fprintf(c.Raw(), "%s\n", rest)
			r.lot.Idle(c.ID(), carried)
			return
		default:
			_ = c.Close()
			return
		}
	}
}

// hold is the next one.
func (r *rig) hold() *hold {
	r.Helper()
	return receive(r.T, r.holds, "a hold")
}

// ends waits for the terminal event of a hold.
func (r *rig) ends(h *hold, want park.Kind) {
	r.Helper()
	if ev := receive(r.T, h.events, "a terminal event"); ev.Kind != want {
		r.Fatalf("event %d, want %d", ev.Kind, want)
	}
}

func receive[E any](t *testing.T, ch <-chan E, what string) E {
	t.Helper()
	select {
	case e := <-ch:
		return e
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

// until waits until the lot's counts are as wanted.
func (r *rig) until(what string, ok func(park.Stats) bool) {
	r.Helper()
	for end := time.Now().Add(patience); !ok(r.lot.Stats()); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			r.Fatalf("waited in vain for %s: %+v", what, r.lot.Stats())
		}
	}
}

func (r *rig) untilIdle(n int64) {
	r.Helper()
	r.until(fmt.Sprintf("%d idle", n), func(s park.Stats) bool { return s.Idle == n && s.Active == 0 && s.Parked == 0 && s.Finishing == 0 })
}

func (r *rig) untilEmpty() {
	r.Helper()
	r.until("no connections", func(s park.Stats) bool { return s.Idle+s.Active+s.Parked+s.Finishing == 0 })
}

// client is one connection's other end.
type client struct {
	*net.TCPConn
	t  *testing.T
	br *bufio.Reader
}

func (r *rig) dial() *client {
	r.Helper()
	c, err := net.Dial("tcp", r.ln.Addr().String())
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { _ = c.Close() })
	_ = c.SetReadDeadline(time.Now().Add(3 * patience))
	return &client{TCPConn: c.(*net.TCPConn), t: r.T, br: bufio.NewReader(c)}
}

func (c *client) send(s string) {
	c.t.Helper()
	if _, err := c.Write([]byte(s)); err != nil {
		c.t.Fatalf("client: %v", err)
	}
}

func (c *client) want(line string) {
	c.t.Helper()
	got, err := c.br.ReadString('\n')
	if err != nil || got != line+"\n" {
		c.t.Fatalf("client got %q, %v; want %q", got, err, line)
	}
}

func (c *client) wantEOF() {
	c.t.Helper()
	if b, err := c.br.ReadByte(); err == nil || isTimeout(err) {
		c.t.Fatalf("client got %q, %v; want the end", b, err)
	}
}

func (c *client) reset() {
	_ = c.SetLinger(0)
	_ = c.Close()
}

func isTimeout(err error) bool {
	ne, ok := err.(net.Error)
	return ok && ne.Timeout()
}
