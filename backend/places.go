package backend

import (
	"fmt"
	"time"
)

// waiter is one exchange in the queue for a place.
type waiter struct {
	// decided gets nil when the place was handed over, an error when there will
	// be none. One value at most, by whoever took the waiter out of the queue
	// under Backend.mu; buffered, so that deciding never blocks.
	decided chan error
}

func (w *waiter) decide(err error) { w.decided <- err }

// enter takes a place for x or returns why there is none.
func (b *Backend) enter(x *Exchange) error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return b.fail(KindBusy, nil, errClosed)
	}
	if x.req.Upgrade != "" {
		defer b.mu.Unlock()
		if b.tunnels >= b.opt.MaxTunnels {
			return b.fail(KindBusy, nil, errTunnelsFull)
		}
		b.tunnels++
		return nil
	}
	if b.opt.MaxConns < 0 || b.active < b.opt.MaxConns {
		b.active++
		b.mu.Unlock()
		return nil
	}
	if b.queue.Len() >= max(b.opt.MaxQueue, 0) {
		b.mu.Unlock()
		return b.fail(KindBusy, nil, errQueueFull)
	}
	w := &waiter{decided: make(chan error, 1)}
	e := b.queue.PushBack(w)
	b.mu.Unlock()

	err := b.wait(x, w)
	if err == nil {
		return nil
	}
	// Out of the queue, unless somebody decided in the meantime.
	b.mu.Lock()
	select {
	case decided := <-w.decided:
		b.mu.Unlock()
		if decided == nil {
			b.leave(nil, false)
		}
	default:
		b.queue.Remove(e)
		b.mu.Unlock()
	}
	return err
}

// wait blocks until w is decided, or x need not wait any longer.
func (b *Backend) wait(x *Exchange, w *waiter) error {
	x.goSlow()
	var late <-chan time.Time
	if b.opt.QueueTimeout > 0 {
		t := time.NewTimer(b.opt.QueueTimeout)
		defer t.Stop()
		late = t.C
	}
	select {
	case err := <-w.decided:
		if err != nil {
			// Whoever decided so took w out of the queue; the second look in
			// enter finds nothing to remove.
			return b.fail(KindBusy, nil, err)
		}
		return nil
	case <-x.req.Cancel:
		return b.fail(KindCancelled, nil, errCancelled)
	case <-late:
		return b.fail(KindBusy, nil, fmt.Errorf(
			"%w %v, all %d are in use: the app is too slow for what it gets", errQueueLate, b.opt.QueueTimeout, b.opt.MaxConns))
	}
}

// leave gives a place back, to the first in the queue if there is one, and t too
// if it is not nil.
func (b *Backend) leave(t *target, tunnel bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t != nil {
		t.used--
	}
	if tunnel {
		b.tunnels--
		return
	}
	if e := b.queue.Front(); e != nil {
		b.queue.Remove(e)
		e.Value.(*waiter).decide(nil) // active stays: the place changes hands
		return
	}
	b.active--
}
