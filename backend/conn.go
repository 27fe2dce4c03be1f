package backend

import (
	"bufio"
	"net"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

// connState is where a connection is in its life; doc.go draws it.
type connState uint8

const (
	connActive connState = iota + 1 // one exchange has it; next: idle, closed
	connIdle                        // in its target's list; next: active, closed
	connTunnel                      // for an upgrade; next: closed
	connClosed                      // terminal
)

const (
	readerSize   = 4 << 10 // a larger head gets a larger reader for its time
	keptScratch  = 8 << 10 // a larger scratch buffer is not kept while idle
	inlineBody   = 32 << 10
	copyBuffer   = 32 << 10
	maxInterims  = 100
	sendingGrace = 20 * time.Millisecond
	lingerAnswer = time.Second // for the answer of an app that takes no more of the body
)

// conn is one connection to the app.
type conn struct {
	// Static after dial.
	target *target
	nc     net.Conn        // what is read and written: raw, or TLS over it
	raw    net.Conn        // what is closed: closing TLS may block
	sys    syscall.RawConn // nil when there is no descriptor to look at

	// Guarded by Backend.mu.
	state     connState
	idleSince time.Time

	// Owned by the exchange that has it; nobody's while idle.
	x       *Exchange
	br      *bufio.Reader // over the conn itself, so that reads get their deadlines
	pending []byte        // bytes of a smaller reader, to be read before the network's
	head    fasthttp.ResponseHeader
	scratch []byte // the request's head and small body
	got     int    // bytes read in this exchange
	used    bool   // came from the pool
}

func newConn(t *target, nc, raw net.Conn) *conn {
	c := &conn{target: t, nc: nc, raw: raw}
	c.br = bufio.NewReaderSize(c, readerSize)
	c.head.DisableNormalizing()
	c.head.SetNoDefaultContentType(true)
	if sc, ok := raw.(syscall.Conn); ok {
		c.sys, _ = sc.SyscallConn()
	}
	return c
}

// Read implements io.Reader for c.br. Only the goroutine that waits for the
// answer calls it.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.pending) > 0 {
		n := copy(p, c.pending)
		c.pending = c.pending[n:]
		return n, nil
	}
	n, err := c.x.readNet(c, p)
	c.got += n
	return n, err
}

// grow replaces the reader by a larger one with the same bytes in it.
func (c *conn) grow(size int) {
	have, _ := c.br.Peek(c.br.Buffered())
	c.pending = append([]byte(nil), have...)
	c.br = bufio.NewReaderSize(c, size)
	_, _ = c.br.Peek(len(have)) // takes all of pending at once: size is larger
}

// leftover is everything read and not yet consumed.
func (c *conn) leftover() []byte {
	b, _ := c.br.Peek(c.br.Buffered())
	return append(append([]byte(nil), b...), c.pending...)
}

// tidy prepares c for being idle: it must not keep what one large exchange
// needed.
func (c *conn) tidy() {
	c.x = nil
	c.used = true
	c.pending = nil
	if c.br.Size() > readerSize {
		c.br = bufio.NewReaderSize(c, readerSize)
		c.head = fasthttp.ResponseHeader{}
		c.head.DisableNormalizing()
		c.head.SetNoDefaultContentType(true)
	}
	if cap(c.scratch) > keptScratch {
		c.scratch = nil
	}
}

// shut closes the descriptor. Unlike everything else here it may be called by
// anybody, and twice.
func (c *conn) shut() { _ = c.raw.Close() }

// deadline is d from now, or none when d is negative.
func deadline(d time.Duration) time.Time {
	if d <= 0 {
		return time.Time{}
	}
	return time.Now().Add(d)
}
