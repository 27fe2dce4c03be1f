package proxy

import (
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"cometproxy/channels"
)

const (
	// drainRate is how many holds a second are ended at least: who has few of them
	// need not wait for the whole of Options.Drain.
	drainRate = 100

	drainTick = 10 * time.Millisecond
)

// Drain ends every hold with its ordinary answer and the end of its connection,
// spread evenly over Options.Drain or less, and stops accepting clients after that.
// It returns when all are answered as far as their sockets take it. Requests that
// are being worked on go on. hurry, closed, ends it at once.
//
// # When the clients come back
//
// All are told the same Retry-After: a window and a second. Who was answered at t
// of the window comes back at window + 1 s + t: after its end, and spread over the
// next one as evenly as the answers were. Who polls meanwhile is answered at once,
// with the same hint and so with the same effect.
func (p *Proxy) Drain(hurry <-chan struct{}) {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	window := p.drainWindow(p.lot.Stats().Parked)
	if window > 0 {
		p.retryAfter.Store(int64((window+time.Second-1)/time.Second) + 1)
	}
	p.endPresence()
	p.state.Store(stateDraining) // after the hint, which its readers look for; before the list, so that few come after it
	p.thin(p.hub.Waiting(), window, hurry)
	p.mu.Lock()
	for _, ln := range p.accept {
		ln.Close()
	}
	p.mu.Unlock()
	p.lot.Drain()
	p.hub.Drain() // who was on the way to being parked when the list was made
	p.releaser.flush()
}

// drainWindow is the time over which so many holds are ended.
func (p *Proxy) drainWindow(holds int64) time.Duration {
	return max(0, min(p.set().Drain, time.Duration(holds)*time.Second/drainRate))
}

// thin ends the waits one after the other, spread over the window.
func (p *Proxy) thin(waits []channels.Wait, window time.Duration, hurry <-chan struct{}) {
	if window == 0 || len(waits) == 0 {
		return
	}
	p.log.Info("draining", zap.Int("parked_polls", len(waits)), zap.Duration("over", window), zap.Int64("retry_after_seconds", p.retryAfter.Load()))
	// The list has one channel's clients together; they are not to come back together.
	rand.Shuffle(len(waits), func(i, j int) { waits[i], waits[j] = waits[j], waits[i] })
	begin := time.Now()
	tick := time.NewTicker(drainTick)
	defer tick.Stop()
	for done := 0; done < len(waits); {
		select {
		case <-tick.C:
		case <-hurry:
			return
		}
		due := len(waits)
		if since := time.Since(begin); since < window {
			due = int(float64(due) * since.Seconds() / window.Seconds())
		}
		for ; done < due; done++ {
			p.endWait(waits[done])
		}
	}
}

// endWait is one of the recovery boundaries. The hold is the caller's, and may be
// looked at, only if End says so.
func (p *Proxy) endWait(w channels.Wait) {
	if !p.hub.End(w.Waiter, w.Gen, channels.ByDrain) {
		return
	}
	h := w.Waiter.Owner.(*hold)
	defer p.recoverConn(h.conn)
	p.finish(h, nil)
}

// retryHint is the Retry-After, in seconds, of the answers of a drain; 0: none.
func (p *Proxy) retryHint() int64 {
	if !p.draining() {
		return 0
	}
	return p.retryAfter.Load()
}
