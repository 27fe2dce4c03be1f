package channels

import (
	"slices"
	"strings"
	"time"
)

// Info describes one channel.
type Info struct {
	Name         string
	Waiters      int
	Messages     int           // kept
	Last         uint64        // number of the newest kept, 0 if none is
	OldestWaiter time.Duration // how long it has waited, 0 if nobody waits
}

// Info describes a channel; not ok if nobody waits on it and nothing is kept.
func (h *Hub) Info(name string) (i Info, ok bool) {
	s, _ := h.shardOf(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := h.clock()
	e := s.entries[name]
	if e == nil {
		return Info{}, false
	}
	h.expireLocked(s, e, now)
	i = e.info(now)
	s.settle(e)
	return i, i.Waiters > 0 || i.Messages > 0
}

// The lock of the entry's shard is held.
func (e *entry) info(now int64) Info {
	i := Info{Name: e.name, Waiters: e.waiting, Messages: e.window.count}
	if m := e.window.newest(); m != nil {
		i.Last = m.Number
	}
	if e.waiting > 0 {
		i.OldestWaiter = time.Duration(uint32(now/int64(time.Millisecond))-e.waiters.next.waiter.parkedAt) * time.Millisecond
	}
	return i
}

// List describes the channels whose names begin with prefix and come after the
// name after, sorted by name, at most limit of them; more says that there are
// others behind. It looks at every channel, a shard at a time. A limit below 1
// is taken for 1.
func (h *Hub) List(prefix, after string, limit int) (page []Info, more bool) {
	byName := func(a, b Info) int { return strings.Compare(a.Name, b.Name) }
	limit = max(1, limit)
	for i := range h.shards {
		page = h.shards[i].list(page, prefix, after, h.clock())
		if len(page)-limit > max(limit, 100) { // no sum that could overflow
			slices.SortFunc(page, byName)
			page = page[:limit+1]
		}
	}
	slices.SortFunc(page, byName)
	if len(page) > limit {
		return page[:limit], true
	}
	return page, false
}

func (s *shard) list(page []Info, prefix, after string, now int64) []Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, e := range s.entries {
		if name > after && strings.HasPrefix(name, prefix) {
			page = append(page, e.info(now))
		}
	}
	return page
}
