package channels

import (
	"math"
	"time"
)

// Prepare makes a free waiter ready to be parked on the query's channels, of
// which everything up to the position after has been seen: the cursor of a look
// that found nothing. It returns the waiter's generation; from now on End may
// be called with it, also before Park.
func (h *Hub) Prepare(w *Waiter, q *Query, after uint64) uint32 {
	gen, _, state := unpack(w.word.Load())
	if state != free || len(q.Channels) == 0 {
		panic("channels: Prepare needs a free waiter and a channel")
	}
	w.after, w.accepts = after, q.accepts()
	w.maxMessages, w.maxBytes = bound32(q.MaxMessages), bound32(q.MaxBytes)
	w.parkedAt = uint32(h.clock() / int64(time.Millisecond))
	switch n := len(q.Channels); {
	case n == 1:
		w.several = nil
	case w.several != nil && cap(*w.several) >= n: // of its last wait
		*w.several = (*w.several)[:n]
	default:
		several := make([]link, n)
		w.several = &several
	}
	gen = max(1, gen+1)
	h.stats.accepted.Add(1)
	w.word.Store(pack(gen, 0, parking))
	return gen
}

// bound32 is a bound of a query; one too large to tell is as good as none.
func bound32(n int) int32 {
	if n > math.MaxInt32 {
		return 0
	}
	return int32(max(0, n))
}

// Park parks a prepared waiter on the channels that it was prepared for. True: it
// is parked, and somebody else ends it; the waiter may be somebody else's already.
// False: there is something to tell, or End or Drain came first; the waiter is
// claimed for the caller, in no list, and its Ending says what there is.
func (h *Hub) Park(w *Waiter, names []string) bool {
	gen := w.Generation()
	for i := range w.links() {
		if !h.linkOne(w, i, names[i]) {
			return h.unpark(w, names)
		}
		if h.afterLink != nil {
			h.afterLink(w, i)
		}
	}
	if w.word.CompareAndSwap(pack(gen, 0, parking), pack(gen, 0, parked)) {
		return true
	}
	return h.unpark(w, names)
}

// linkOne links the waiter to one channel, if nothing came there since its
// cursor: a look and a link under one lock, so that whoever publishes after it
// finds the waiter in the list. It reports false when parking is over.
func (h *Hub) linkOne(w *Waiter, i int, name string) bool {
	s, hash := h.shardOf(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		w.claim(0, ByDrain)
		return false
	}
	e := s.entryOf(name, hash)
	if e.dropped > w.after || h.newsLocked(e, w) {
		s.settle(e)
		return false
	}
	l := &w.links()[i]
	l.waiter, l.entry = w, e
	e.link(l)
	return true
}

// newsLocked reports that the window has something for the waiter. The lock of
// the entry's shard is held.
func (h *Hub) newsLocked(e *entry, w *Waiter) bool {
	for i := e.window.after(w.after); i < e.window.count; i++ {
		if e.window.at(i).Forms&w.accepts != 0 {
			return true
		}
	}
	return false
}

// unpark ends a parking that did not come to be: the parker claims its own
// waiter, whether it was woken or not, unlinks it and looks again.
func (h *Hub) unpark(w *Waiter, names []string) bool {
	for {
		word := w.word.Load()
		gen, reason, _ := unpack(word)
		if reason == 0 {
			reason = ByMessage
		}
		if w.word.CompareAndSwap(word, pack(gen, reason, claimed)) {
			h.finish(w, finishing{why: reason, upTo: h.counter.Load(), names: names})
			h.stats.ended[reason].Add(1)
			return false
		}
	}
}

// End ends the wait that began with Prepare and that generation, for a reason of
// the caller's. True: the caller is the claimant, the waiter is in no list, and
// its Ending says what a last look found. False: somebody else ended it, or the
// parker will when it finds out.
func (h *Hub) End(w *Waiter, gen uint32, why Reason) bool {
	if gen == 0 || !w.claim(gen, why) {
		return false
	}
	h.finish(w, finishing{why: why, upTo: h.counter.Load()})
	h.stats.ended[why].Add(1)
	return true
}

// Free gives a claimed waiter's memory back to its owner, to be prepared again.
func (h *Hub) Free(w *Waiter) {
	gen, _, state := unpack(w.word.Load())
	if state != claimed {
		panic("channels: Free needs a claimed waiter")
	}
	links := w.links()
	for i := range links {
		if links[i].linked() { // unlinked under a lock that finish took after: no race
			panic("channels: a waiter that is still in a list was freed")
		}
		links[i].entry = nil
	}
	w.next, w.single, w.ending = nil, nil, nil
	w.word.Store(pack(gen, 0, free))
}

// A finishing says how claimed waiters came to their end.
type finishing struct {
	why   Reason
	upTo  uint64   // number of message, or the hub's counter read before
	own   *entry   // whose publisher claimed the waiters and unlinked them there; nil: nobody's
	m     *Message // what was published; nil: nothing
	names []string // of the channels, of which parking has not linked all; nil: it has
}

// finish unlinks a claimed waiter and takes the look that every ending is. No lock
// is held.
func (h *Hub) finish(w *Waiter, f finishing) {
	m, own := f.m, f.own
	if m != nil && w.several == nil {
		w.single = m // I4: its one channel has nothing else above its cursor
		return
	}
	l := look{hub: h, accepts: w.accepts, after: w.after, upTo: f.upTo,
		maxMessages: int(w.maxMessages), maxBytes: int(w.maxBytes)}
	links := w.links()
	for i := range links {
		switch e := links[i].entry; {
		case e == nil: // not linked yet when parking ended
			l.channel(f.names[i])
		case e != own:
			leave(&links[i], &l)
		}
	}
	if m != nil && l.found == nil && l.gaps == nil {
		w.single = m
		return
	}
	if m != nil {
		l.found = append(l.found, m)
		l.channels++
	} else if own != nil { // deleted
		l.gaps, l.lost = append(l.gaps, own.name), f.upTo
	}
	ending := l.done()
	ending.Reason = f.why
	if len(ending.Gaps) > 0 {
		h.stats.gaps.Add(1)
	}
	w.ending = &ending
}

// leave unlinks a claimed waiter from one of its channels and looks there. The
// entry may have been removed from the shard, and another have come in its
// place, if somebody else unlinked the waiter before.
func leave(k *link, l *look) {
	e := k.entry
	s := e.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	if k.linked() {
		e.unlink(k)
	}
	now := e
	if e.dead {
		now = s.entries[e.name]
	}
	l.entryLocked(s, now, e.name, e.hash)
}
