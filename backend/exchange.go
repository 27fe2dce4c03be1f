package backend

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// Exchange is one request and its answer, whose head is there. One goroutine
// uses it; only Cancel, UploadDone and UploadFinished may be called by others.
type Exchange struct {
	// Header is the head of the answer, names as the app wrote them, with what
	// concerns only this connection still in it: Connection and the like, and
	// ConnectionClose, which says nothing about the client's. The trailers of a
	// chunked body appear in it at the body's end. It belongs to the connection:
	// Close takes it away. Copy it before it is changed.
	Header *fasthttp.ResponseHeader

	// Static after Exchange was called.
	b      *Backend
	req    Request
	slowAt time.Time // zero: nobody wants to know

	// Owned by the goroutine that uses the exchange.
	body    body
	noReuse bool // something about the answer forbids another exchange

	mu       sync.Mutex    // guards the following
	c        *conn         // nil before connect and after Close
	cause    *Error        // why it was broken off; once set, everything fails with it
	slow     bool          // goSlow has run
	unwatch  chan struct{} // closed to end the goroutine that watches Cancel; nil: none
	headDone bool          // the answer's head is there: the body's deadlines apply
	closed   bool
	tunneled bool // the connection was given away by Tunnel

	// Of the current attempt; also guarded by mu.
	upDone       chan struct{} // closed when the uploading goroutine ends; nil: none
	bodyRead     bool          // the request's body is not read any more, for it has ended
	uploaded     bool          // ... and was sent
	stopping     bool          // an error of Request.Body is of our own making
	sendErr      error         // of writing to the app
	headDeadline time.Time     // zero: the request is still being sent
}

// Exchange sends req and waits for the head of its answer. Informational
// answers but 101 are skipped. Every error is an *Error; then the exchange is
// over and nothing of req is touched any more. Otherwise Close has to be called.
func (b *Backend) Exchange(req Request) (*Exchange, error) {
	x := &Exchange{b: b, req: req}
	err := x.run()
	if err == nil {
		return x, nil
	}
	x.endWatch()
	e := err.(*Error)
	if e.Kind != KindConnect { // those are counted where they happen
		b.count(e.Kind)
	}
	return nil, e
}

// Address is where the app that answers is, as in Error.
func (x *Exchange) Address() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.c == nil {
		return ""
	}
	return x.c.target.address
}

func (x *Exchange) run() error {
	if err := x.req.checkTarget(); err != nil {
		return x.b.fail(KindBody, nil, err)
	}
	if x.req.OnSlow != nil || x.req.Cancel != nil {
		x.slowAt = time.Now().Add(x.req.SlowAfter)
		if x.req.SlowAfter <= 0 {
			x.goSlow()
		}
	}
	if err := x.b.enter(x); err != nil {
		return err
	}
	err := x.attempts()
	if err != nil {
		x.b.leave(nil, x.req.Upgrade != "")
		x.stopUpload() // last: it may have to wait for the client
	}
	return err
}

// attempts makes the one attempt, or a second one of a request that may be
// repeated when the first connection ended without a byte of an answer: over a new
// connection if it came from the pool, where it had ended unnoticed, and else of
// another address.
func (x *Exchange) attempts() error {
	var lost *conn
	var why error
	for {
		c, err := x.connect(lost, why)
		if err != nil {
			return err
		}
		err = x.attempt(c)
		if err == nil {
			x.b.noteSuccess(c.target)
			return nil
		}
		failed := x.explain(c, err)
		x.mu.Lock()
		x.c = nil
		x.mu.Unlock()
		x.b.discard(c)
		x.b.drop(c.target)
		early := failed.Err == errClosedEarly
		if (failed.Kind == KindTimeout || failed.Kind == KindBadAnswer) && !(c.used && early) {
			x.b.noteFailure(c.target, failed)
		}
		if lost != nil || !early || !x.req.repeatable() || !c.used && len(x.b.targets) == 1 {
			return failed
		}
		x.stopUpload()
		lost, why = c, failed
		x.b.mu.Lock()
		x.b.retried++
		x.b.mu.Unlock()
	}
}

// attempt sends the request over c and reads the head of the answer.
func (x *Exchange) attempt(c *conn) error {
	x.mu.Lock()
	x.c, c.x, c.got = c, x, 0
	x.upDone, x.bodyRead, x.uploaded, x.stopping, x.sendErr = nil, false, false, false, nil
	x.headDeadline = time.Time{}
	cause := x.cause
	x.mu.Unlock()
	if cause != nil {
		return cause
	}
	if err := x.send(c); err != nil {
		return err
	}
	if err := x.readAnswerHead(c); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.cause != nil {
		return x.cause
	}
	x.headDone = true
	x.Header = &c.head
	return nil
}

// explain turns what went wrong on c before the head was there into an Error.
func (x *Exchange) explain(c *conn, err error) *Error {
	x.mu.Lock()
	cause, sendErr := x.cause, x.sendErr
	x.mu.Unlock()
	b, t := x.b, c.target
	switch {
	case cause != nil:
		return cause
	case isTimeout(err) && sendErr == nil:
		return b.fail(KindTimeout, t, fmt.Errorf("%w %v: is the app stuck?", errAnswerLate, b.opt.AnswerTimeout))
	case isTimeout(err):
		return b.fail(KindBadAnswer, t, sendErr)
	case isAlert(err):
		return b.fail(KindBadAnswer, t, err)
	case c.got == 0:
		return b.fail(KindBadAnswer, t, errClosedEarly)
	case isEnd(err):
		return b.fail(KindBadAnswer, t, errHalfHead)
	}
	return b.fail(KindBadAnswer, t, err)
}

// readNet reads for c.br: with the deadlines of the head while it is waited
// for, then with the body's.
func (x *Exchange) readNet(c *conn, p []byte) (int, error) {
	x.mu.Lock()
	if x.headDone {
		x.mu.Unlock()
		x.watch()
		_ = c.nc.SetReadDeadline(deadline(x.b.opt.AnswerBodyTimeout))
		n, err := c.nc.Read(p)
		if err != nil {
			err = x.orCause(err)
		}
		return n, err
	}
	x.armLocked(c)
	x.mu.Unlock()
	for {
		n, err := c.nc.Read(p)
		if n > 0 || err == nil || !isTimeout(err) {
			return n, err
		}
		now := time.Now()
		x.mu.Lock()
		if x.cause != nil || !x.headDeadline.IsZero() && !now.Before(x.headDeadline) {
			x.mu.Unlock()
			return 0, err
		}
		at := x.slowPendingLocked()
		slow := !at.IsZero() && !now.Before(at)
		x.mu.Unlock()
		if slow {
			x.goSlow()
		}
		x.mu.Lock()
		x.armLocked(c)
		x.mu.Unlock()
	}
}

// orCause is err, unless the exchange was broken off from this side: closing a
// connection may look like its orderly end to who reads it.
func (x *Exchange) orCause(err error) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.cause != nil {
		return x.cause
	}
	return err
}

// armLocked sets the deadline of waiting for the head: the moment of being
// slow, or of having waited too long. The goroutine that reads and the one that
// uploads both call it.
func (x *Exchange) armLocked(c *conn) {
	d := x.headDeadline
	if at := x.slowPendingLocked(); !at.IsZero() && (d.IsZero() || at.Before(d)) {
		d = at
	}
	_ = c.nc.SetReadDeadline(d)
}

// slowPending is when goSlow is due, or zero.
func (x *Exchange) slowPending() time.Time {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.slowPendingLocked()
}

// slowPendingLocked: while the request's body has still to be read, reading it
// notices a client that hangs up, and nobody else may read from the client.
func (x *Exchange) slowPendingLocked() time.Time {
	if x.slow || x.req.Body != nil && x.req.BodySize != 0 && !x.bodyRead {
		return time.Time{}
	}
	return x.slowAt
}

// goSlow tells the caller that this takes longer, once and not while the
// request's body is to be read, and watches Cancel from now on. Only the goroutine in Exchange calls it.
func (x *Exchange) goSlow() {
	x.watch()
	x.mu.Lock()
	due := !x.slowPendingLocked().IsZero()
	x.slow = x.slow || due
	x.mu.Unlock()
	if due && x.req.OnSlow != nil {
		x.req.OnSlow()
	}
}

// watch starts the goroutine that waits for Request.Cancel, if there is none.
func (x *Exchange) watch() {
	if x.req.Cancel == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.unwatch != nil || x.closed {
		return
	}
	stop := make(chan struct{})
	x.unwatch = stop
	go func() {
		select {
		case <-x.req.Cancel:
			x.Cancel()
		case <-stop:
		}
	}()
}

func (x *Exchange) endWatch() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.closed = true
	if x.unwatch != nil {
		close(x.unwatch)
		x.unwatch = nil
	}
}

// Cancel breaks the exchange off: whoever reads the body gets an error of
// KindCancelled. It may be called by any goroutine at any time, and does nothing
// after Close or Tunnel. Close still has to be called.
func (x *Exchange) Cancel() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.abortLocked(KindCancelled, errCancelled)
}

// abortLocked ends the exchange with an error. Closing the connection wakes
// those who read and write.
func (x *Exchange) abortLocked(k Kind, err error) {
	if x.cause != nil || x.closed || x.tunneled {
		return
	}
	var t *target
	if x.c != nil {
		t = x.c.target
		x.c.shut()
	}
	x.cause = x.b.fail(k, t, err)
}

// awaitUpload gives the uploading goroutine the moment it needs to notice that
// its last write is over: the app may answer before.
func (x *Exchange) awaitUpload() {
	t := time.NewTimer(sendingGrace)
	defer t.Stop()
	select {
	case <-x.UploadDone():
	case <-t.C:
	}
}

// Close ends the exchange. The connection is kept for another one if nothing
// speaks against it. When the request's body is still being read, Interrupt is
// called and its Read waited for. Close may be called again.
func (x *Exchange) Close() {
	x.mu.Lock()
	if x.closed {
		x.mu.Unlock()
		return
	}
	c, tunneled, sending := x.c, x.tunneled, x.bodyRead && !x.uploaded
	x.mu.Unlock()
	x.endWatch()
	if tunneled {
		return
	}
	reuse := !x.noReuse && x.body.ended() && c.br.Buffered() == 0 && len(c.pending) == 0
	if reuse && sending {
		x.awaitUpload()
	}
	// From here on nothing of x may lead to c. A Cancel that came before the
	// exchange was marked closed has set cause.
	x.mu.Lock()
	reuse = reuse && x.uploaded && x.cause == nil && x.sendErr == nil
	x.c = nil
	x.mu.Unlock()
	x.Header = nil
	x.body.err = io.ErrClosedPipe
	x.body.kind = bodyClosed
	if reuse {
		x.b.putIdle(c)
	} else {
		x.b.discard(c)
	}
	x.b.leave(c.target, x.req.Upgrade != "")
	x.stopUpload()
}
