package park

import (
	"sync"
	"time"
)

// idleList has the idle connections in the order in which they became idle, so
// that the one idle for longest is at hand when room must be made.
type idleList struct {
	node func(slot uint32) *idleNode // static

	mu         sync.Mutex
	head, tail int32 // slot + 1, 0 when empty
	n          int
	start      time.Time // static: idleNode.since counts from it
}

// idleNode is the part of a table's entry that belongs to the list, guarded by
// the list's lock.
type idleNode struct {
	next  int32  // slot + 1; 0 at the end
	prev  int32  // likewise; atHead in the first one, 0 when not linked
	since uint32 // ms; wraps around after 49 days, when nothing is idle for that long
}

const atHead = -1

// push appends a slot that is not in the list.
func (l *idleList) push(slot uint32) {
	nd, me := l.node(slot), int32(slot)+1
	l.mu.Lock()
	defer l.mu.Unlock()
	*nd = idleNode{prev: l.tail, since: l.now()}
	if l.tail != 0 {
		l.node(uint32(l.tail - 1)).next = me
	} else {
		nd.prev, l.head = atHead, me
	}
	l.tail = me
	l.n++
}

// remove takes a slot out; nothing happens if it is not in the list.
func (l *idleList) remove(slot uint32) {
	nd := l.node(slot)
	l.mu.Lock()
	defer l.mu.Unlock()
	if nd.prev == 0 {
		return
	}
	if nd.prev != atHead {
		l.node(uint32(nd.prev - 1)).next = nd.next
	} else {
		l.head = nd.next
	}
	if nd.next != 0 {
		l.node(uint32(nd.next - 1)).prev = nd.prev
	} else {
		l.tail = max(nd.prev, 0)
	}
	*nd = idleNode{}
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
	return slot, int64(l.now()-l.node(slot).since) >= age.Milliseconds()
}

func (l *idleList) now() uint32 { return uint32(time.Since(l.start).Milliseconds()) }
