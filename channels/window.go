package channels

import "sort"

// A window holds the recent messages of one channel, oldest first, in a ring.
// Guarded by the lock of the channel's shard.
type window struct {
	ring  []*Message // length 0 or a power of two
	first int        // index in ring of the oldest
	count int
	bytes int // sizes and overhead of all
}

func (w *window) at(i int) *Message { return w.ring[(w.first+i)&(len(w.ring)-1)] }

func (w *window) newest() *Message {
	if w.count == 0 {
		return nil
	}
	return w.at(w.count - 1)
}

func (w *window) push(m *Message) {
	if w.count == len(w.ring) {
		w.grow()
	}
	w.ring[(w.first+w.count)&(len(w.ring)-1)] = m
	w.count++
	w.bytes += m.size + messageOverhead
}

func (w *window) grow() {
	ring := make([]*Message, max(1, 2*len(w.ring)))
	for i := range w.count {
		ring[i] = w.at(i)
	}
	w.ring, w.first = ring, 0
}

// pop removes the oldest message. There must be one. The ring stays as it is; who
// takes the last message drops the window.
func (w *window) pop() *Message {
	m := w.ring[w.first]
	w.ring[w.first] = nil
	w.first = (w.first + 1) & (len(w.ring) - 1)
	w.count--
	w.bytes -= m.size + messageOverhead
	return m
}

// after is the index of the first message numbered above n: by bisection, so
// that coming back costs the same however much is kept.
func (w *window) after(n uint64) int {
	if w.count == 0 || w.newest().Number <= n {
		return w.count
	}
	return sort.Search(w.count, func(i int) bool { return w.at(i).Number > n })
}
