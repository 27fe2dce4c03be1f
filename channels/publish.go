package channels

// Publish gives an item its number, keeps it, and releases the waiters of its
// channel: they are handed to the Receiver before Publish returns.
func (h *Hub) Publish(it Item) Result {
	if it.Forms == 0 {
		it.Forms = Native
	}
	m := &Message{Channel: it.Channel, ID: it.ID, Forms: it.Forms, Data: it.Data, size: it.Size}
	s, hash := h.shardOf(it.Channel)
	e, first, n := h.appendAndClaim(s, hash, m)
	h.stats.published.Add(1)
	h.hand(Batch{Reason: ByMessage, Message: m, First: first, Len: n}, e, m.Number)
	return Result{Number: m.Number, Released: n}
}

// appendAndClaim is the critical section of I3. What it returns as a list are
// waiters that only this publisher has now, already unlinked from this channel.
//
// Were the claim made after the lock is given up, a waiter could be claimed, and
// told of a later message of the same channel, by a publisher who came second.
func (h *Hub) appendAndClaim(s *shard, hash uint64, m *Message) (e *entry, first *Waiter, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e = s.entryOf(m.Channel, hash)
	m.Channel = e.name // one string for all messages of the channel
	m.at = h.clock()
	h.expireLocked(s, e, m.at)
	m.Number = h.counter.Add(1)
	s.keep(e, m)
	h.boundLocked(s, e)
	first, n = e.claimAll(m.Forms, ByMessage)
	s.settle(e)
	return e, first, n
}

// claimAll claims the entry's waiters that accept one of the forms, in the order
// in which they came, and unlinks them as well as those that somebody else has
// claimed and not yet unlinked. The lock of the entry's shard is held.
func (e *entry) claimAll(forms Forms, why Reason) (first *Waiter, n int) {
	tail := &first
	for l := e.waiters.next; l != &e.waiters; {
		w, next := l.waiter, l.next
		if w.accepts&forms != 0 {
			if w.claim(0, why) {
				e.unlink(l)
				*tail, tail = w, &w.next
				n++
			} else if _, _, state := unpack(w.word.Load()); state == claimed {
				e.unlink(l)
			}
		}
		l = next
	}
	*tail = nil
	return first, n
}

// hand finishes claimed waiters and gives them to the receiver. No lock is held.
func (h *Hub) hand(b Batch, own *entry, upTo uint64) {
	if b.Len == 0 {
		return
	}
	f := finishing{why: b.Reason, upTo: upTo, own: own, m: b.Message}
	for w := b.First; w != nil; w = w.next {
		h.finish(w, f)
	}
	h.stats.ended[b.Reason].Add(uint64(b.Len))
	h.options.Load().Receiver.Released(b)
}

// Delete forgets what is kept of a channel, so that every older cursor is a gap,
// and ends its waits with that gap. It takes a number, as a message does.
func (h *Hub) Delete(name string) Result {
	s, hash := h.shardOf(name)
	e, number, first, n := h.forget(s, name, hash)
	h.hand(Batch{Reason: ByDelete, First: first, Len: n}, e, number)
	return Result{Number: number, Released: n}
}

func (h *Hub) forget(s *shard, name string, hash uint64) (e *entry, number uint64, first *Waiter, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e = s.entryOf(name, hash)
	s.loseAll(e)
	number = h.counter.Add(1)
	e.dropped = number
	first, n = e.claimAll(^Forms(0), ByDelete)
	s.settle(e)
	return e, number, first, n
}

// Drain ends every wait with ByDrain, now and from now on: whoever parks later
// is turned away at once. Publishing and looking go on.
func (h *Hub) Drain() {
	for i := range h.shards {
		first, n := h.shards[i].drain()
		h.hand(Batch{Reason: ByDrain, First: first, Len: n}, nil, h.counter.Load())
	}
}

// drain sets draining first: a parker that does not see it has linked before,
// and so is found here.
func (s *shard) drain() (first *Waiter, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
	tail := &first
	for _, e := range s.entries {
		f, k := e.claimAll(^Forms(0), ByDrain)
		if k == 0 {
			continue
		}
		*tail = f
		for n += k; *tail != nil; {
			tail = &(*tail).next
		}
	}
	return first, n
}

// A Wait names a waiter and one of its waits, for End.
type Wait struct {
	Waiter *Waiter
	Gen    uint32
}

// Waiting lists the waits of this moment, in no order. Each may have ended by the
// time it is looked at, and its memory be used again: End tells.
func (h *Hub) Waiting() (waits []Wait) {
	for i := range h.shards {
		waits = h.shards[i].waiting(waits)
	}
	return waits
}

func (s *shard) waiting(waits []Wait) []Wait {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.entries {
		for l := e.waiters.next; l != &e.waiters; l = l.next {
			if w := l.waiter; l == &w.links()[0] { // of several channels: met once
				waits = append(waits, Wait{w, w.Generation()})
			}
		}
	}
	return waits
}
