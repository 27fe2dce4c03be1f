package channels

import "slices"

// Start says from where a query looks.
type Start uint8

// The starts.
const (
	After    Start = iota // after Query.Cursor
	Now                   // what is published from now on
	Earliest              // all that is kept; never a gap
)

// A Query asks for the messages of some channels after a position.
type Query struct {
	Channels    []string // each once
	Accepts     Forms    // 0 means Native
	Start       Start
	Cursor      Cursor   // for After
	From        []uint64 // for After: a position of this hub for each channel, in place of Cursor; nil for none
	MaxMessages int      // at most so many, 0 for no bound
	MaxBytes    int      // of their sizes together, but one message at least; 0 for no bound
}

// Look returns what there is. A cursor that is not of this hub's epoch, or from
// its future, is a gap on every channel, with all that is kept; so is a position
// of From from its future, on its channel.
//
// The cursor of the answer is one for all channels, also after a look From
// several positions. If the answer was cut at a limit it may lie below some of
// them: a look after it repeats what these channels had up to their position,
// and may tell of a gap there. Who wants neither looks next From the larger of
// the two, channel by channel.
func (h *Hub) Look(q *Query) Ending {
	l := look{hub: h, accepts: q.accepts(), upTo: h.counter.Load(), maxMessages: q.MaxMessages, maxBytes: q.MaxBytes}
	switch {
	case q.Start == Now:
		return Ending{Cursor: l.upTo}
	case q.Start == Earliest:
		l.noGaps = true
	case q.Cursor.Epoch != h.epoch:
		l.foreign = true
	default:
		l.from(q.Cursor.Number)
	}
	for i, name := range q.Channels {
		if q.Start == After && q.From != nil {
			l.from(q.From[i])
		}
		l.channel(name)
	}
	e := l.done()
	if len(e.Gaps) > 0 {
		h.stats.gaps.Add(1)
	}
	return e
}

func (q *Query) accepts() Forms {
	if q.Accepts == 0 {
		return Native
	}
	return q.Accepts
}

// look collects what is in (after, upTo] of one channel after the other.
type look struct {
	hub         *Hub
	accepts     Forms
	after, upTo uint64
	maxMessages int
	maxBytes    int
	noGaps      bool
	foreign     bool // the position proves nothing: a gap, whatever was lost

	found    []*Message
	gaps     []string
	lost     uint64 // the highest number that channels with gaps have lost
	channels int
}

// from sets the position from which the next channels are looked at.
func (l *look) from(number uint64) {
	l.after, l.foreign = number, number > l.upTo
	if l.foreign {
		l.after = 0
	}
}

// channel looks at one channel, under its shard's lock. It makes no entry.
func (l *look) channel(name string) {
	s, hash := l.hub.shardOf(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	l.entryLocked(s, s.entries[name], name, hash)
}

// entryLocked is channel for who holds the lock and has found the entry, or nil.
func (l *look) entryLocked(s *shard, e *entry, name string, hash uint64) {
	l.channels++
	if e == nil {
		l.gapIf(s.tombs.of(hash), name)
		return
	}
	l.hub.expireLocked(s, e, l.hub.clock())
	l.gapIf(e.dropped, name)
	taken := 0
	for i := e.window.after(l.after); i < e.window.count; i++ {
		m := e.window.at(i)
		if m.Number > l.upTo || l.maxMessages > 0 && taken == l.maxMessages {
			break
		}
		if m.Forms&l.accepts != 0 {
			l.found = append(l.found, m)
			taken++
		}
	}
	s.settle(e)
}

// gapIf tells of a gap if a channel has lost a number above the position.
func (l *look) gapIf(dropped uint64, name string) {
	if (dropped > l.after || l.foreign) && !l.noGaps {
		l.gaps = append(l.gaps, name)
		l.lost = max(l.lost, dropped)
	}
}

// done puts the messages in order and cuts them at the limits. What is cut off
// comes with the next look: the cursor is then that of the last one taken.
func (l *look) done() Ending {
	e := Ending{Messages: l.found, Gaps: l.gaps, Lost: l.lost, Cursor: l.upTo}
	if l.channels > 1 {
		slices.SortFunc(e.Messages, func(a, b *Message) int {
			if a.Number < b.Number {
				return -1
			}
			return 1
		})
	}
	n, bytes := 0, 0
	for n < len(e.Messages) {
		bytes += e.Messages[n].size
		if n > 0 && l.maxBytes > 0 && bytes > l.maxBytes || l.maxMessages > 0 && n == l.maxMessages {
			break
		}
		n++
	}
	if n < len(e.Messages) || n > 0 && l.maxMessages > 0 && n == l.maxMessages {
		e.Messages = e.Messages[:n]
		e.Cursor = e.Messages[n-1].Number
	}
	return e
}
