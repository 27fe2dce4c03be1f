package park

import (
	"runtime"
	"sync"
	"time"
)

const (
	wheelLen   = 2048 // buckets; deadlines further away than 204.8 s are met once a round
	wheelSlice = 64   // nodes looked at under one hold of the lock
)

// wheel has at most one deadline for each slot of a table and calls fire for
// those that have passed: never early and, unless fire is slow, within one
// tick after. It costs a waiter a place and no runtime timer. One goroutine turns
// it.
//
// fire is called without the lock. A deadline may be changed or stopped between
// its expiry and the call, and the slot may have another connection by then:
// fire must look at the place's time again, under the lock that set and stop
// are called with.
type wheel struct {
	base  time.Time                // static: deadlines count from here
	place func(slot uint32) *place // static
	fire  func(slot uint32)        // static
	first func()                   // static: called when there is a first deadline

	mu      sync.Mutex
	hand    int64               // the last tick whose bucket was emptied
	heads   [wheelLen + 1]int32 // first slot + 1 of each bucket; the last is that of the ticks being worked off
	n       int                 // places linked
	scratch [wheelSlice]uint32  // owned by who turns it
}

const working = wheelLen // the bucket of the ticks being worked off

func newWheel(base time.Time, place func(uint32) *place, fire func(uint32), first func()) *wheel {
	return &wheel{base: base, place: place, fire: fire, first: first}
}

func (w *wheel) now() int64 { return int64(time.Since(w.base)) }

// due is a time as the wheel counts it; never 0.
func (w *wheel) due(at time.Time) int64 { return max(int64(at.Sub(w.base)), 1) }

// set gives a slot a deadline in place of any other.
func (w *wheel) set(slot uint32, until time.Time) {
	due := w.due(until)
	p := w.place(slot)
	w.mu.Lock()
	if p.prev != 0 {
		w.unlinkLocked(p)
	}
	first := w.n == 0
	if first { // nothing to miss: the hand may jump
		w.hand = max(w.hand, w.now()/int64(tick))
	}
	p.at = due
	w.linkLocked(slot, p)
	w.mu.Unlock()
	if first {
		w.first()
	}
}

// stop takes a slot's deadline away. The slot must be in no other list.
func (w *wheel) stop(slot uint32) {
	p := w.place(slot)
	w.mu.Lock()
	if p.prev != 0 {
		w.unlinkLocked(p)
	}
	p.at = 0
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

func (w *wheel) linkLocked(slot uint32, p *place) {
	w.pushLocked(int(max(tickOf(p.at), w.hand+1)%wheelLen), slot, p)
}

func (w *wheel) pushLocked(bucket int, slot uint32, p *place) {
	p.next = w.heads[bucket]
	p.prev = -int32(bucket + 1)
	if p.next != 0 {
		w.place(uint32(p.next - 1)).prev = int32(slot) + 1
	}
	w.heads[bucket] = int32(slot) + 1
	w.n++
}

func (w *wheel) unlinkLocked(p *place) {
	if p.prev < 0 {
		w.heads[-p.prev-1] = p.next
	} else {
		w.place(uint32(p.prev - 1)).next = p.next
	}
	if p.next != 0 {
		w.place(uint32(p.next - 1)).prev = p.prev
	}
	p.next, p.prev = 0, 0
	w.n--
}

func (w *wheel) empty() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.n == 0
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
		p := w.place(slot)
		w.unlinkLocked(p)
		if p.at <= now {
			due = append(due, slot)
		} else {
			w.linkLocked(slot, p)
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
	w.place(uint32(first - 1)).prev = -(working + 1)
}
