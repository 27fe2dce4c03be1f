package channels

import "math"

// Prepare makes a free waiter ready to be parked on the query's channels, of
// which everything up to the position after has been seen: the cursor of a look
// that found nothing. It returns the waiter's generation; from now on End may
// be called with it, also before Park.
func (h *Hub) Prepare(w *Waiter, q *Query, after uint64) uint32 {
	gen, _, state := unpack(w.word.Load())
	if state != free || len(q.Channels) == 0 {
		panic("channels: Prepare needs a free waiter and a channel")
	}
	w.names, w.after, w.accepts = q.Channels, after, q.accepts()
	w.maxMessages, w.maxBytes = bound32(q.MaxMessages), bound32(q.MaxBytes)
	w.parkedAt = h.clock()
	switch n := len(q.Channels); {
	case n == 1:
		w.links = w.one[:]
	case cap(w.links) >= n:
		w.links = w.links[:n]
	default:
		w.links = make([]link, n)
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

// Park parks a prepared waiter. True: it is parked, and somebody else ends it;
// the waiter may be somebody else's already. False: there is something to tell,
// or End or Drain came first; the waiter is claimed for the caller, in no list,
// and its Ending says what there is.
func (h *Hub) Park(w *Waiter) bool {
	gen := w.Generation()
	for i := range w.links {
		if !h.linkOne(w, i) {
			return h.unpark(w)
		}
		if h.afterLink != nil {
			h.afterLink(w, i)
		}
	}
	names := w.names
	w.names = nil // before the step: the waiter is not ours after it
	if w.word.CompareAndSwap(pack(gen, 0, parking), pack(gen, 0, parked)) {
		return true
	}
	w.names = names
	return h.unpark(w)
}

// linkOne links the waiter to one channel, if nothing came there since its
// cursor: a look and a link under one lock, so that whoever publishes after it
// finds the waiter in the list. It reports false when parking is over.
func (h *Hub) linkOne(w *Waiter, i int) bool {
	name := w.names[i]
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
	l := &w.links[i]
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
func (h *Hub) unpark(w *Waiter) bool {
	for {
		word := w.word.Load()
		gen, reason, _ := unpack(word)
		if reason == 0 {
			reason = ByMessage
		}
		if w.word.CompareAndSwap(word, pack(gen, reason, claimed)) {
			h.finish(w, reason, h.counter.Load(), nil, nil)
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
	h.finish(w, why, h.counter.Load(), nil, nil)
	h.stats.ended[why].Add(1)
	return true
}

// Free gives a claimed waiter's memory back to its owner, to be prepared again.
func (h *Hub) Free(w *Waiter) {
	gen, _, state := unpack(w.word.Load())
	if state != claimed {
		panic("channels: Free needs a claimed waiter")
	}
	for i := range w.links {
		if w.links[i].linked() { // unlinked under a lock that finish took after: no race
			panic("channels: a waiter that is still in a list was freed")
		}
		w.links[i].entry = nil
	}
	w.names, w.next, w.single, w.ending = nil, nil, nil, nil
	w.word.Store(pack(gen, 0, free))
}

// finish unlinks a claimed waiter and takes the look that every ending is. own
// is the entry whose publisher claimed the waiter and unlinked it there, if any,
// and m what was published; upTo is m's number, or the hub's counter read before
// the call. No lock is held.
func (h *Hub) finish(w *Waiter, why Reason, upTo uint64, own *entry, m *Message) {
	if m != nil && len(w.links) == 1 {
		w.single = m // I4: its one channel has nothing else above its cursor
		return
	}
	l := look{hub: h, accepts: w.accepts, after: w.after, upTo: upTo,
		maxMessages: int(w.maxMessages), maxBytes: int(w.maxBytes)}
	for i := range w.links {
		if e := w.links[i].entry; own == nil || e != own {
			h.leave(w, i, &l)
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
		l.gaps, l.lost = append(l.gaps, own.name), upTo
	}
	ending := l.done()
	ending.Reason = why
	if len(ending.Gaps) > 0 {
		h.stats.gaps.Add(1)
	}
	w.ending = &ending
}

// leave unlinks a claimed waiter from one of its channels and looks there. The
// entry may have been removed from the shard, and another have come in its
// place, if somebody else unlinked the waiter before.
func (h *Hub) leave(w *Waiter, i int, l *look) {
	e := w.links[i].entry
	if e == nil { // not linked yet when parking ended
		l.channel(w.names[i])
		return
	}
	s := e.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.links[i].linked() {
		e.unlink(&w.links[i])
	}
	now := e
	if e.dead {
		now = s.entries[e.name]
	}
	l.entryLocked(s, now, e.name, e.hash)
}
