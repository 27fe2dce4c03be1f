package channels

import (
	"sync"
)

// A shard is a part of the hub's channels under one lock.
type shard struct {
	mu sync.Mutex

	// Guarded by mu.
	entries  map[string]*entry
	most     int // entries that the map has held at one time
	tombs    tombstones
	draining bool
	bytes    int64 // of all windows, with overhead
	messages int
	watched  bool     // see Hub.Watch
	noted    []string // channels for Hub.Changes

	// Entries that keep messages, least recently published first: a ring
	// through its sentinel.
	recent entry
}

// An entry is a channel that somebody waits on or of which something is kept.
// Guarded by the lock of its shard.
type entry struct {
	name  string // static, as are hash and shard
	hash  uint64
	shard *shard

	waiters link // sentinel of the ring of links, in the order of parking
	waiting int  // its length
	window  window
	dropped uint64 // number of the last message lost; see I6
	at      int64  // of the last message published, hub clock ns
	dead    bool   // not in the shard's map any more
	noted   bool   // in shard.noted

	older, newer *entry // neighbours in shard.recent; nil when not in it
}

// entryOf returns the entry of a channel, made if need be. A new entry takes
// over what the channel's tombstone or the watermark remembers of it; the
// tombstone stays, and does no harm.
func (s *shard) entryOf(name string, hash uint64) *entry {
	if e := s.entries[name]; e != nil {
		return e
	}
	e := &entry{name: name, hash: hash, shard: s, dropped: s.tombs.of(hash)}
	e.waiters.prev, e.waiters.next = &e.waiters, &e.waiters
	s.entries[name] = e
	s.most = max(s.most, len(s.entries))
	return e
}

// settle removes an entry with which nothing is left to do.
func (s *shard) settle(e *entry) {
	if e.waiting > 0 || e.window.count > 0 || e.dead {
		return
	}
	e.dead = true
	delete(s.entries, e.name)
	s.tombs.put(e.hash, e.dropped)
	s.shrink()
}

// shrink makes the map anew when most of what it held is gone: a Go map never
// gets smaller by itself. Copying one entry is paid for by seven removed.
func (s *shard) shrink() {
	if s.most < 1024 || len(s.entries) > s.most/8 {
		return
	}
	s.most = len(s.entries)
	entries := make(map[string]*entry, s.most)
	for name, e := range s.entries {
		entries[name] = e
	}
	s.entries = entries
}

func (e *entry) link(l *link) {
	last := e.waiters.prev
	l.prev, l.next = last, &e.waiters
	last.next, e.waiters.prev = l, l
	e.waiting++
	if e.waiting == 1 && e.shard.watched {
		e.shard.note(e)
	}
}

func (e *entry) unlink(l *link) {
	l.prev.next, l.next.prev = l.next, l.prev
	l.prev, l.next = nil, nil
	e.waiting--
	if e.waiting == 0 && e.shard.watched {
		e.shard.note(e)
	}
}

// keep appends a message to the entry's window and makes the entry the most
// recent of its shard.
func (s *shard) keep(e *entry, m *Message) {
	if e.older == nil {
		s.bytes += int64(entryOverhead + len(e.name))
	} else {
		e.older.newer, e.newer.older = e.newer, e.older
	}
	newest := s.recent.older
	e.older, e.newer = newest, &s.recent
	newest.newer, s.recent.older = e, e

	before := e.window.bytes
	e.window.push(m)
	s.bytes += int64(e.window.bytes - before)
	s.messages++
	e.at = m.at
}

// lose drops the oldest message of an entry's window.
func (s *shard) lose(e *entry) {
	if e.window.count == 1 {
		s.loseAll(e)
		return
	}
	before := e.window.bytes
	m := e.window.pop()
	s.bytes -= int64(before - e.window.bytes)
	s.messages--
	e.dropped = m.Number
}

// loseAll drops the whole window of an entry, at one stroke however long it is.
func (s *shard) loseAll(e *entry) {
	m := e.window.newest()
	if m == nil {
		return
	}
	s.bytes -= int64(entryOverhead + len(e.name) + e.window.bytes)
	s.messages -= e.window.count
	e.dropped = m.Number
	e.window = window{}
	e.older.newer, e.newer.older = e.newer, e.older
	e.older, e.newer = nil, nil
}
