package backend

import (
	"slices"
	"time"
)

// trusted is how long a connection is taken to be alive after its last exchange by
// requests that may be repeated: looking takes a call of the system, and one that
// has ended in so short a time costs them the second attempt, no more.
const trusted = 5 * time.Millisecond

// takeIdle returns the connection to t used last that is still alive, or nil.
func (b *Backend) takeIdle(t *target, repeatable bool) *conn {
	for {
		b.mu.Lock()
		n := len(t.idle)
		if n == 0 {
			b.mu.Unlock()
			return nil
		}
		c := t.idle[n-1]
		t.idle[n-1] = nil
		t.idle = t.idle[:n-1]
		b.idleCount--
		if b.idleCount == 0 {
			b.stopSweepLocked()
		}
		c.state = connActive
		since := c.idleSince
		b.reused++
		b.mu.Unlock()
		if repeatable && time.Since(since) < trusted || !c.stale() {
			return c
		}
		b.discard(c)
		b.mu.Lock()
		b.reused--
		b.mu.Unlock()
	}
}

// adopt enters a new connection in the books.
func (b *Backend) adopt(c *conn, tunnel bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dialed++
	c.state = connActive
	if tunnel {
		c.state = connTunnel
	}
	b.conns[c] = struct{}{}
	if b.aborted {
		c.shut()
	}
}

// putIdle puts c in the pool, or closes it if the pool takes none.
func (b *Backend) putIdle(c *conn) {
	c.tidy()
	b.mu.Lock()
	if b.closed || b.retired || b.opt.IdleTimeout < 0 {
		b.mu.Unlock()
		b.discard(c)
		return
	}
	c.state = connIdle
	c.idleSince = time.Now()
	c.target.idle = append(c.target.idle, c)
	b.idleCount++
	if !b.sweepArmed {
		b.armSweepLocked(b.opt.IdleTimeout)
	}
	b.mu.Unlock()
}

// discard closes c for good.
func (b *Backend) discard(c *conn) {
	b.mu.Lock()
	b.forgetLocked(c)
	b.mu.Unlock()
	c.shut()
}

// forgetLocked takes c out of the books.
func (b *Backend) forgetLocked(c *conn) {
	c.state = connClosed
	delete(b.conns, c)
}

func (b *Backend) armSweepLocked(d time.Duration) {
	b.sweepArmed = true
	if b.sweep == nil {
		b.sweep = time.AfterFunc(d, b.sweepIdle)
		return
	}
	b.sweep.Reset(d)
}

func (b *Backend) stopSweepLocked() {
	b.sweepArmed = false
	if b.sweep != nil {
		b.sweep.Stop()
	}
}

// sweepIdle is what the timer runs: it closes what has been idle too long and
// arms the timer for the next that will be. A timer that was stopped too late
// finds nothing to do.
func (b *Backend) sweepIdle() {
	var doomed []*conn
	b.mu.Lock()
	now := time.Now()
	var first time.Time // of those that stay
	for _, t := range b.targets {
		n := 0
		for n < len(t.idle) && now.Sub(t.idle[n].idleSince) >= b.opt.IdleTimeout {
			n++
		}
		doomed = append(doomed, t.idle[:n]...)
		t.idle = slices.Delete(t.idle, 0, n)
		if len(t.idle) > 0 && (first.IsZero() || t.idle[0].idleSince.Before(first)) {
			first = t.idle[0].idleSince
		}
	}
	b.idleCount -= len(doomed)
	for _, c := range doomed {
		b.forgetLocked(c)
	}
	if b.idleCount > 0 {
		b.armSweepLocked(max(b.opt.IdleTimeout-now.Sub(first), time.Millisecond))
	} else {
		b.stopSweepLocked()
	}
	b.mu.Unlock()
	for _, c := range doomed {
		c.shut()
	}
}
