package channels

import (
	"errors"
	"fmt"
)

// Check verifies the invariants of the package comment as far as they show, a
// shard at a time and under its lock, while everything goes on. It returns what
// does not hold, nil if all does.
func (h *Hub) Check() error {
	var bad []error
	for i := range h.shards {
		bad = append(bad, h.checkShard(&h.shards[i])...)
	}
	return errors.Join(bad...)
}

func (h *Hub) checkShard(s *shard) (bad []error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var bytes int64
	messages, recent := 0, 0
	for name, e := range s.entries {
		if e.name != name || e.dead || e.shard != s {
			bad = append(bad, fmt.Errorf("channel %q: entry is filed wrongly", name))
		}
		if e.waiting == 0 && e.window.count == 0 {
			bad = append(bad, fmt.Errorf("channel %q: entry without waiters and messages", name))
		}
		if (e.older != nil) != (e.window.count > 0) {
			bad = append(bad, fmt.Errorf("channel %q: its place among the recent does not fit its %d messages", name, e.window.count))
		}
		if e.window.count > 0 {
			bytes += int64(entryOverhead + len(name) + e.window.bytes)
			messages += e.window.count
		}
		bad = append(bad, h.checkWindow(e)...)
		bad = append(bad, h.checkWaiters(e)...)
	}
	for e := s.recent.newer; e != &s.recent; e = e.newer {
		recent++
	}
	if kept := s.kept(); recent != kept {
		bad = append(bad, fmt.Errorf("recent list has %d channels, %d keep messages", recent, kept))
	}
	if bytes != s.bytes || messages != s.messages {
		bad = append(bad, fmt.Errorf("shard counts %d messages, %d bytes; it has %d, %d", s.messages, s.bytes, messages, bytes))
	}
	if n := len(s.tombs.dropped); s.tombs.limit > 0 && n > s.tombs.limit {
		bad = append(bad, fmt.Errorf("%d tombstones, at most %d allowed", n, s.tombs.limit))
	}
	return bad
}

func (s *shard) kept() (n int) {
	for _, e := range s.entries {
		if e.window.count > 0 {
			n++
		}
	}
	return n
}

// The lock of the entry's shard is held.
func (h *Hub) checkWindow(e *entry) (bad []error) {
	last, bytes := e.dropped, 0
	for i := range e.window.count {
		m := e.window.at(i)
		if m.Number <= last || m.Number > h.counter.Load() {
			bad = append(bad, fmt.Errorf("channel %q: message %d follows %d", e.name, m.Number, last))
		}
		last = m.Number
		bytes += m.size + messageOverhead
	}
	if bytes != e.window.bytes {
		bad = append(bad, fmt.Errorf("channel %q: window counts %d bytes, has %d", e.name, e.window.bytes, bytes))
	}
	return bad
}

// The lock of the entry's shard is held.
func (h *Hub) checkWaiters(e *entry) (bad []error) {
	n := 0
	for l := e.waiters.next; l != &e.waiters; l = l.next {
		n++
		w := l.waiter
		if l.entry != e || l.next.prev != l {
			bad = append(bad, fmt.Errorf("channel %q: a waiter's link is not its own", e.name))
		}
		_, _, state := unpack(w.word.Load())
		if state == free {
			bad = append(bad, fmt.Errorf("channel %q: a free waiter is in its list", e.name))
		}
		// I4. A waiter that is parked now was so since before this lock was
		// taken or has linked everything; either way nothing may be above.
		if state == parked && h.newsLocked(e, w) {
			bad = append(bad, fmt.Errorf("channel %q: a waiter parked at %d has news", e.name, w.after))
		}
	}
	if n != e.waiting {
		bad = append(bad, fmt.Errorf("channel %q: counts %d waiters, has %d", e.name, e.waiting, n))
	}
	return bad
}
