package channels

import "sync/atomic"

// Reason says why a wait ended.
type Reason uint8

// The reasons. Of several that come together the first one counts.
const (
	ByMessage  Reason = iota + 1 // there is something (or a gap)
	ByDelete                     // a channel's window was deleted
	ByDeadline                   // its time was up
	ByGone                       // its client went away
	ByDrain                      // the hub is draining
	reasons    = iota + 1
)

func (r Reason) String() string {
	return [...]string{"none", "message", "delete", "deadline", "gone", "drain"}[r]
}

// A Waiter is one claim on 1..n channels. Its zero value is free. The memory is
// the caller's, who may use it again after Hub.Free.
type Waiter struct {
	// Owner is for who owns the memory, to find the rest of a hold by. Set
	// before the first Prepare and never changed.
	Owner any

	// Tag and Label are for the owner, too: what Sightings tells of the waiter. They
	// may be set while it is free, and stay from Prepare to Free.
	Tag uint64

	word atomic.Uint64 // generation<<32 | reason<<8 | state

	// Static from Prepare to Free; the links themselves are guarded by their
	// shards' locks.
	after       uint64  // cursor
	one         [1]link // to its channel, if that is the only one
	several     *[]link // one for each channel, else nil
	parkedAt    uint32  // hub clock, ms; wraps around after 49 days
	maxBytes    int32
	maxMessages int32
	Label       uint16
	accepts     Forms

	// Owned by the claimant.
	next   *Waiter  // its private list
	single *Message // the one message that ended the wait, and nothing else
	ending *Ending  // else how it ended
}

// links are the waiter's, one for each channel.
func (w *Waiter) links() []link {
	if w.several != nil {
		return *w.several
	}
	return w.one[:]
}

// A link is a waiter's place in the list of one channel. Guarded by the lock of
// the entry's shard; but entry is written by the parker only, before the waiter's
// word says parked, and so may be read by the claimant without it.
type link struct {
	prev, next *link // nil when in no list
	waiter     *Waiter
	entry      *entry
}

func (l *link) linked() bool { return l.next != nil }

// States of a waiter; see the package comment for who may do which step.
const (
	free uint64 = iota
	parking
	parked
	claimed
	woken
)

func pack(gen uint32, r Reason, state uint64) uint64 {
	return uint64(gen)<<32 | uint64(r)<<8 | state
}

func unpack(word uint64) (gen uint32, r Reason, state uint64) {
	return uint32(word >> 32), Reason(word >> 8), word & 0xff
}

// Generation is the waiter's, from Prepare to Free.
func (w *Waiter) Generation() uint32 { return uint32(w.word.Load() >> 32) }

// Next is the next waiter of a Batch. Read it before the waiter is freed.
func (w *Waiter) Next() *Waiter { return w.next }

// Single is the message that ended the wait if it is all there is to tell: no
// second one, no gap, and its number is the new cursor. Nil otherwise.
func (w *Waiter) Single() *Message { return w.single }

// Ending says how the wait ended. For its claimant only.
func (w *Waiter) Ending() Ending {
	if w.ending != nil {
		return *w.ending
	}
	return Ending{Reason: ByMessage, Messages: []*Message{w.single}, Cursor: w.single.Number}
}

// claim makes the caller the claimant, or wakes a waiter that is still being
// parked. gen 0 means whatever generation it has: for those who found it in a
// list, where no freed waiter is.
func (w *Waiter) claim(gen uint32, r Reason) (won bool) {
	for {
		word := w.word.Load()
		g, _, state := unpack(word)
		if gen != 0 && gen != g {
			return false
		}
		switch state {
		case parked:
			if w.word.CompareAndSwap(word, pack(g, r, claimed)) {
				return true
			}
		case parking:
			if w.word.CompareAndSwap(word, pack(g, r, woken)) {
				return false
			}
		default:
			return false
		}
	}
}

// An Ending is what a look found: nothing, messages, or gaps and what is left.
type Ending struct {
	Reason   Reason     // of the wait; 0 for a look of its own
	Messages []*Message // in the order of their numbers
	Gaps     []string   // channels of which something may have been missed
	Lost     uint64     // with Gaps: from here on nothing is missed, whoever passes over Messages
	Cursor   uint64     // position to go on from
}

// Empty reports that there is nothing to tell.
func (e *Ending) Empty() bool { return len(e.Messages) == 0 && len(e.Gaps) == 0 }
