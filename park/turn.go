package park

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// errTooMuch is what a turn's Read says behind maxKept bytes that a watch has read.
var errTooMuch = errors.New("park: the client sent too much ahead")

// errDetached is what a turn's Read says once the connection is taken away from
// the HTTP server.
var errDetached = errors.New("park: connection is detached")

// maxKept is how many bytes of a client's next requests are kept for it while
// nobody wants them. To read no further is not to notice any more that it hangs
// up; so a client that sends more while it is parked is taken for broken, and
// while it is watched after some time. No HTTP server's read-ahead (Stay.Carried)
// may be as large.
const maxKept = 32 << 10

// turnHome is the lot a turn goes back to.
type turnHome interface {
	Close(id ID)
	again(id ID)     // the turn ended with the connection waiting for its next request
	lend(id ID) bool // count a goroutine of the turn; false when the connection is gone
	returned()       // that goroutine has ended
}

// A turn is the Conn of one turn: a wrapper that is thrown away. Being fresh,
// it is a new key in the HTTP server's table of connections, and a late Close
// of it does nothing to the connection's next turn.
type turn struct {
	net.Conn          // static: the socket
	home     turnHome // static
	id       ID       // static
	attached any      // owned by the HTTP server's goroutine

	life  atomic.Uint32 // live -> taken or shut
	phase atomic.Uint32 // what happened last; see Close
	ended atomic.Bool   // the client's input has ended

	metEnd atomic.Bool // ... and a Read wanted more

	// Owned by the reader: the one goroutine in Read or Detach, and from
	// WatchInput to the return of its stop the watch.
	prefix []byte   // bytes to be read before the socket's
	kept   error    // what follows them, found by the watch
	room   [32]byte // of the first byte; of Detach; of the watch

	mu       sync.Mutex
	readBy   time.Time     // the deadline asked for, guarded by mu
	pace     time.Duration // guarded by mu
	watched  bool          // the watch is on: leave the socket's deadline alone; guarded by mu
	readSet  bool          // the socket has a read deadline; guarded by mu
	writeSet bool          // the socket has a write deadline; guarded by mu
}

const (
	live  = iota
	taken // detached
	shut
)

// The phases that matter to Close, in the only order that makes it a return to
// idle. Any other step leads back to other or wrote.
const (
	other    = iota
	wrote    // an answer was written
	waiting  // then, nothing having been read, a read deadline was set
	timedOut // then a Read met it with no byte read
)

// newTurn makes a turn whose first bytes are prefix or, if that is empty, first.
func newTurn(home turnHome, id ID, conn net.Conn, prefix []byte, first byte, ended bool) Conn {
	var t *turn
	var c Conn
	if tc, ok := conn.(*tls.Conn); ok {
		tt := &tlsTurn{tls: tc}
		t, c = &tt.turn, tt
	} else {
		t = new(turn)
		c = t
	}
	t.init(home, id, conn, prefix, ended)
	if len(prefix) == 0 {
		t.room[0] = first
		t.prefix = t.room[:1]
	}
	return c
}

func (t *turn) init(home turnHome, id ID, conn net.Conn, prefix []byte, ended bool) {
	t.Conn, t.home, t.id, t.prefix = conn, home, id, prefix
	t.ended.Store(ended)
}

// tlsTurn shows the HTTP server that the connection is TLS.
type tlsTurn struct {
	turn
	tls *tls.Conn
}

func (t *tlsTurn) Handshake() error                     { return t.tls.Handshake() }
func (t *tlsTurn) ConnectionState() tls.ConnectionState { return t.tls.ConnectionState() }

func (t *turn) ID() ID           { return t.id }
func (t *turn) Attach(v any)     { t.attached = v }
func (t *turn) Attached() any    { return t.attached }
func (t *turn) InputEnded() bool { return t.ended.Load() }
func (t *turn) MetEnd() bool     { return t.metEnd.Load() }

func (t *turn) Read(p []byte) (int, error) {
	switch t.life.Load() {
	case taken:
		return 0, errDetached
	case shut:
		return 0, net.ErrClosed
	}
	if len(p) == 0 {
		return 0, nil
	}
	if len(t.prefix) > 0 {
		n := copy(p, t.prefix)
		t.prefix = t.prefix[n:]
		t.phase.Store(other)
		return n, nil
	}
	if t.kept != nil {
		t.phase.Store(other)
		t.metEnd.Store(t.kept == io.EOF)
		return 0, t.kept
	}
	if err := t.paceRead(); err != nil {
		return 0, err
	}
	n, err := t.Conn.Read(p)
	switch {
	case n == 0 && err != nil && isTimeout(err):
		t.phase.CompareAndSwap(waiting, timedOut)
	case n > 0 || err != nil:
		t.phase.Store(other)
	}
	if err == io.EOF {
		t.metEnd.Store(true)
		t.ended.Store(true)
	}
	return n, err
}

func (t *turn) paceRead() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pace <= 0 {
		return nil
	}
	t.readSet = true
	return t.Conn.SetReadDeadline(time.Now().Add(t.pace))
}

func (t *turn) Write(p []byte) (int, error) {
	if t.life.Load() != live {
		return 0, net.ErrClosed
	}
	t.phase.Store(wrote)
	return t.Conn.Write(p)
}

// Close closes the connection, or gives it back as idle when the HTTP server
// closes it because no next request came in time: after it wrote its last
// answer it set a deadline, the one for its keep-alive wait, and the first Read
// from then on met it with no byte.
//
// All three are needed. An HTTP server that gives up reading the rest of a
// request's body has also met a deadline without a byte and has also written
// its answer, but set no deadline in between. Taken for idle, that connection's
// next bytes, the body, would be served as a request.
func (t *turn) Close() error {
	if !t.life.CompareAndSwap(live, shut) {
		return nil
	}
	if t.phase.Load() == timedOut {
		t.clearDeadlines()
		t.home.again(t.id)
	} else {
		t.home.Close(t.id)
	}
	return nil
}

func (t *turn) Detach(buffered io.Reader) (carried []byte) {
	if !t.life.CompareAndSwap(live, taken) {
		return nil
	}
	// Read returns errDetached from here on, so reading buffered gives what
	// it has and then that error, without touching the socket.
	var room []byte
	if len(t.prefix) == 0 {
		room = t.room[:]
	} else {
		room = make([]byte, 512) // the prefix may be in t.room; rare
	}
	for empty := 0; empty < 8; {
		n, err := buffered.Read(room)
		carried = append(carried, room[:n]...)
		if err != nil {
			break
		}
		if n == 0 {
			empty++
		}
	}
	carried = append(carried, t.prefix...)
	t.prefix = nil
	t.clearDeadlines()
	return carried
}

func (t *turn) clearDeadlines() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.readSet {
		_ = t.Conn.SetReadDeadline(time.Time{})
	}
	if t.writeSet {
		_ = t.Conn.SetWriteDeadline(time.Time{})
	}
	t.readSet, t.writeSet = false, false
}

func (t *turn) Raw() net.Conn { return &rawConn{Conn: t.Conn, home: t.home, id: t.id} }

// rawConn is the connection for who detached it.
type rawConn struct {
	net.Conn
	home turnHome
	id   ID
}

func (c *rawConn) Close() error {
	c.home.Close(c.id)
	return nil
}

// CloseWrite ends what is sent to the client, who may go on sending.
func (c *rawConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

func (t *turn) SetDeadline(at time.Time) error {
	if err := t.SetReadDeadline(at); err != nil {
		return err
	}
	return t.SetWriteDeadline(at)
}

func (t *turn) SetReadDeadline(at time.Time) error {
	if t.life.Load() != live {
		return nil
	}
	if !at.IsZero() {
		t.phase.CompareAndSwap(wrote, waiting)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.readBy = at
	return t.applyReadDeadlineLocked()
}

// applyReadDeadlineLocked gives the socket the deadline asked for, unless
// something else has it. HTTP servers often take away a deadline that is not
// there; that costs nothing.
func (t *turn) applyReadDeadlineLocked() error {
	if t.pace > 0 || t.watched || t.readBy.IsZero() && !t.readSet {
		return nil
	}
	t.readSet = !t.readBy.IsZero()
	return t.Conn.SetReadDeadline(t.readBy)
}

// SetWriteDeadline does not fail: that a connection is closed shows when it is
// written to. The HTTP server sets this deadline between a handler's return and
// what follows, and if it fails gives memory back that whoever the handler has
// left the connection to still reads the request's body from.
func (t *turn) SetWriteDeadline(at time.Time) error {
	if t.life.Load() != live {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if at.IsZero() && !t.writeSet {
		return nil
	}
	t.writeSet = !at.IsZero()
	_ = t.Conn.SetWriteDeadline(at)
	return nil
}

func (t *turn) SetReadPace(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pace = d
	_ = t.applyReadDeadlineLocked()
}
