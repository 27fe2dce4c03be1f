package park

import (
	"runtime"
	"sync"
	"time"
)

const (
	tick       = 100 * time.Millisecond
	wheelLen   = 2048 // buckets; deadlines further away than 204.8 s are met once a round
	wheelSlice = 64   // nodes looked at under one hold of the lock
)

// wheel has at most one deadline for each slot of a table and calls fire for
// those that have passed: never early and, unless fire is slow, within one
// tick after. It costs a waiter 16 bytes and no runtime timer. One goroutine,
// run, turns it; it sleeps while there are no deadlines.
//
// fire is called without the lock. A deadline may be changed or stopped between
// its expiry and the call, and the slot may have another connection by then:
// fire must look at the node's due time again, under the lock that set and stop
// are called with.
type wheel struct {
	base time.Time                    // static: due times count from here
	node func(slot uint32) *wheelNode // static
	fire func(slot uint32)            // static
	wake chan struct{}                // cap 1: there is a first deadline

	mu      sync.Mutex
	hand    int64               // the last tick whose bucket was emptied
	heads   [wheelLen + 1]int32 // first node + 1 of each bucket; the last is that of the ticks being worked off
	n       int                 // nodes linked
	scratch [wheelSlice]uint32  // owned by run
}

// wheelNode is the part of a table's entry that belongs to the wheel.
type wheelNode struct {
	// due is the deadline in ns from the wheel's base, 0 when there is none. It
	// is written under the entry's lock and the wheel's; either is enough to read it.
	due int64

	// Guarded by the wheel's lock. next is a slot + 1, 0 at the end. prev is a slot + 1,
	// or -(bucket + 1) in the first node of a bucket, or 0 when not linked.
	next, prev int32
}

const working = wheelLen // the bucket of the ticks being worked off

func newWheel(node func(uint32) *wheelNode, fire func(uint32)) *wheel {
	return &wheel{base: time.Now(), node: node, fire: fire, wake: make(chan struct{}, 1)}
}

func (w *wheel) now() int64 { return int64(time.Since(w.base)) }

// due is a time as the wheel counts it; never 0.
func (w *wheel) due(at time.Time) int64 { return max(int64(at.Sub(w.base)), 1) }

// set gives a slot a deadline in place of any other.
func (w *wheel) set(slot uint32, until time.Time) {
	due := w.due(until)
	nd := w.node(slot)
	w.mu.Lock()
	if nd.prev != 0 {
		w.unlinkLocked(nd)
	}
	first := w.n == 0
	if first { // nothing to miss: the hand may jump
		w.hand = max(w.hand, w.now()/int64(tick))
	}
	nd.due = due
	w.linkLocked(slot, nd)
	w.mu.Unlock()
	if first {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// stop takes a slot's deadline away.
func (w *wheel) stop(slot uint32) {
	nd := w.node(slot)
	w.mu.Lock()
	if nd.prev != 0 {
		w.unlinkLocked(nd)
	}
	nd.due = 0
	w.mu.Unlock()
}

// tickOf is the first tick that begins at or after due.
func tickOf(due int64) int64 {
	t := due / int64(tick)
	if due%int64(tick) != 0 {
		t++
	}
	return t
}

func (w *wheel) linkLocked(slot uint32, nd *wheelNode) {
	w.pushLocked(int(max(tickOf(nd.due), w.hand+1)%wheelLen), slot, nd)
}

func (w *wheel) pushLocked(bucket int, slot uint32, nd *wheelNode) {
	nd.next = w.heads[bucket]
	nd.prev = -int32(bucket + 1)
	if nd.next != 0 {
		w.node(uint32(nd.next - 1)).prev = int32(slot) + 1
	}
	w.heads[bucket] = int32(slot) + 1
	w.n++
}

func (w *wheel) unlinkLocked(nd *wheelNode) {
	if nd.prev < 0 {
		w.heads[-nd.prev-1] = nd.next
	} else {
		w.node(uint32(nd.prev - 1)).next = nd.next
	}
	if nd.next != 0 {
		w.node(uint32(nd.next - 1)).prev = nd.prev
	}
	nd.next, nd.prev = 0, 0
	w.n--
}

// turnTo works off the ticks up to now. The lock is never held for more than
// wheelSlice nodes.
func (w *wheel) turnTo(now int64) {
	for {
		due, more := w.slice(now)
		for _, slot := range due {
			w.fire(slot)
		}
		if !more {
			return
		}
		runtime.Gosched()
	}
}

// slice unlinks some of the nodes that are due. Nodes of a later round go back
// into the bucket they came from.
func (w *wheel) slice(now int64) (due []uint32, more bool) {
	due = w.scratch[:0]
	last := now / int64(tick)
	w.mu.Lock()
	defer w.mu.Unlock()
	for looked := 0; looked < wheelSlice; looked++ {
		for w.heads[working] == 0 {
			if w.n == 0 {
				w.hand = max(w.hand, last)
			}
			if w.hand >= last {
				return due, false
			}
			w.hand++
			w.takeBucketLocked(int(w.hand % wheelLen))
		}
		slot := uint32(w.heads[working] - 1)
		nd := w.node(slot)
		w.unlinkLocked(nd)
		if nd.due <= now {
			due = append(due, slot)
		} else {
			w.linkLocked(slot, nd)
		}
	}
	return due, true
}

// takeBucketLocked moves a whole bucket to the empty working one.
func (w *wheel) takeBucketLocked(bucket int) {
	first := w.heads[bucket]
	if first == 0 {
		return
	}
	w.heads[bucket] = 0
	w.heads[working] = first
	w.node(uint32(first - 1)).prev = -(working + 1)
}

// run turns the wheel until done is closed.
func (w *wheel) run(done <-chan struct{}) {
	timer := time.NewTimer(tick)
	defer timer.Stop()
	for {
		w.mu.Lock()
		empty := w.n == 0
		w.mu.Unlock()
		if empty {
			select {
			case <-w.wake:
			case <-done:
				return
			}
		}
		now := w.now()
		timer.Reset(tick - time.Duration(now%int64(tick)))
		select {
		case <-timer.C:
			w.turnTo(w.now())
		case <-done:
			return
		}
	}
}
