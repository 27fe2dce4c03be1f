package park

import (
	"sync"
	"time"
)

// idleList has the idle connections in the order in which they became idle. So the
// one idle for longest is at hand, when room must be made and when its time is up:
// that needs no deadline for each.
type idleList struct {
	base  time.Time                // static: place.at counts from it
	place func(slot uint32) *place // static
	first func()                   // static: called when the list is not empty any more

	mu         sync.Mutex
	head, tail int32 // slot + 1, 0 when empty
	n          int
}

const atHead = -1 // place.prev of the first one

// push appends a slot that is not in the list.
func (l *idleList) push(slot uint32) {
	p, me := l.place(slot), int32(slot)+1
	l.mu.Lock()
	*p = place{prev: l.tail, at: l.now()}
	if l.tail != 0 {
		l.place(uint32(l.tail - 1)).next = me
	} else {
		p.prev, l.head = atHead, me
	}
	l.tail = me
	l.n++
	first := l.n == 1
	l.mu.Unlock()
	if first {
		l.first()
	}
}

// remove takes out a slot that is in the list.
func (l *idleList) remove(slot uint32) {
	p := l.place(slot)
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.prev != atHead {
		l.place(uint32(p.prev - 1)).next = p.next
	} else {
		l.head = p.next
	}
	if p.next != 0 {
		l.place(uint32(p.next - 1)).prev = p.prev
	} else {
		l.tail = max(p.prev, 0)
	}
	*p = place{}
	l.n--
}

// oldest is the slot that is in the list for longest, if that is as long as age.
func (l *idleList) oldest(age time.Duration) (slot uint32, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.head == 0 {
		return 0, false
	}
	slot = uint32(l.head - 1)
	return slot, l.old(l.place(slot), age)
}

func (l *idleList) old(p *place, age time.Duration) bool { return l.now()-p.at >= int64(age) }

func (l *idleList) empty() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n == 0
}

func (l *idleList) now() int64 { return int64(time.Since(l.base)) }
