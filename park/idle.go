package park

import "sync"

// idleList has the idle connections in the order in which they became idle, so
// that the one idle for longest is at hand when room must be made.
type idleList struct {
	node func(slot uint32) *idleNode // static

	mu         sync.Mutex
	head, tail int32 // slot + 1, 0 when empty
	n          int
}

// idleNode is the part of a table's entry that belongs to the list, guarded by
// the list's lock.
type idleNode struct {
	next, prev int32 // slot + 1; 0 at the ends
	linked     bool
}

// push appends a slot that is not in the list.
func (l *idleList) push(slot uint32) {
	nd, me := l.node(slot), int32(slot)+1
	l.mu.Lock()
	defer l.mu.Unlock()
	nd.next, nd.prev, nd.linked = 0, l.tail, true
	if l.tail != 0 {
		l.node(uint32(l.tail - 1)).next = me
	} else {
		l.head = me
	}
	l.tail = me
	l.n++
}

// remove takes a slot out; nothing happens if it is not in the list.
func (l *idleList) remove(slot uint32) {
	nd := l.node(slot)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !nd.linked {
		return
	}
	if nd.prev != 0 {
		l.node(uint32(nd.prev - 1)).next = nd.next
	} else {
		l.head = nd.next
	}
	if nd.next != 0 {
		l.node(uint32(nd.next - 1)).prev = nd.prev
	} else {
		l.tail = nd.prev
	}
	*nd = idleNode{}
	l.n--
}

// oldest is the slot that is in the list for longest.
func (l *idleList) oldest() (slot uint32, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint32(l.head - 1), l.head != 0
}
