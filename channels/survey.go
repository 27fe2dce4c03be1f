package channels

import (
	"cmp"
	"slices"
	"sort"
	"strings"
	"time"
)

// This file is for who looks at a running hub. Nothing here makes an entry, ends a
// wait or changes a window, but that messages over their age are let go.

// An Order says which channels come first in a survey; those that are alike come by
// their name.
type Order uint8

// The orders. All but ByName have the largest first.
const (
	ByName Order = iota
	ByWaiters
	ByOldestWaiter
	ByRate
	ByMessages
)

// A Survey asks for some of the channels.
type Survey struct {
	Contains string // only names that hold it, in whatever case
	Except   string // not this one; "" is none's name
	Order    Order
	Limit    int // at most so many; below 1 is taken for 1
}

// A Row is a channel in a survey.
type Row struct {
	Info
	Rate float64 // messages per second, of the last minute
}

// Survey returns the channels that come first in the order, and how many there are
// in all that the survey asks for. Like List it looks at every channel, a shard at a
// time.
func (h *Hub) Survey(q Survey) (rows []Row, all int) {
	q.Limit, q.Contains = max(1, q.Limit), strings.ToLower(q.Contains)
	t := tally{Survey: q}
	for i := range h.shards {
		h.shards[i].survey(&t, h.clock())
	}
	t.cut()
	return t.rows, t.all
}

// A tally is a survey under way. When it has rows enough, the last of those that are
// wanted is the bar for others: of many channels few get over it, and it rises.
type tally struct {
	Survey
	rows []Row
	all  int
	bar  *Row // nil: there are not enough yet
}

func (t *tally) add(r Row) {
	if t.bar != nil && t.compare(r, *t.bar) > 0 {
		return
	}
	t.rows = append(t.rows, r)
	if len(t.rows)-t.Limit > max(t.Limit, 100) { // no sum that could overflow
		t.cut()
		bar := t.rows[t.Limit-1]
		t.bar = &bar
	}
}

// cut puts the rows in order and keeps as many as are wanted.
func (t *tally) cut() {
	slices.SortFunc(t.rows, t.compare)
	t.rows = t.rows[:min(len(t.rows), t.Limit)]
}

func (q *Survey) compare(a, b Row) int {
	c := 0
	switch q.Order {
	case ByWaiters:
		c = cmp.Compare(b.Waiters, a.Waiters)
	case ByOldestWaiter:
		c = cmp.Compare(b.OldestWaiter, a.OldestWaiter)
	case ByRate:
		c = cmp.Compare(b.Rate, a.Rate)
	case ByMessages:
		c = cmp.Compare(b.Messages, a.Messages)
	}
	if c != 0 {
		return c
	}
	return strings.Compare(a.Name, b.Name)
}

func (s *shard) survey(t *tally, now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, e := range s.entries {
		if name == t.Except || t.Contains != "" && !strings.Contains(strings.ToLower(name), t.Contains) {
			continue
		}
		t.all++
		t.add(Row{e.info(now), e.rate(now)})
	}
}

// rateSpan is the time over which messages are counted, and fewRated how many there
// must be if the window does not go so far back: of two messages, published in one
// moment after a window was lost, nothing can be said.
const (
	rateSpan = time.Minute
	fewRated = 8
)

// rate is how many messages a second came lately, from what is kept. If the window
// has lost messages of the span, those that are left speak for all. The lock of the
// entry's shard is held.
func (e *entry) rate(now int64) float64 {
	if e.window.count == 0 || now-e.at > int64(rateSpan) {
		return 0 // most channels, without a look at their messages
	}
	first := sort.Search(e.window.count, func(i int) bool { return now-e.window.at(i).at <= int64(rateSpan) })
	n, span := e.window.count-first, rateSpan
	if first == 0 && e.dropped > 0 && n >= fewRated {
		span = max(time.Millisecond, time.Duration(now-e.window.at(0).at))
	}
	return float64(n) / span.Seconds()
}

// A Sighting is a waiter as it was when it was seen: it may have ended since.
type Sighting struct {
	Tag      uint64 // the waiter's
	Label    uint16
	Accepts  Forms
	Channels int // on how many it waits
	Waited   time.Duration
}

// Sightings tells who waits on a channel, those who wait longest first, at most
// limit of them, and how many do in all.
//
// It reads what belongs to the waiters' owners while it holds the shard's lock: a
// waiter that is linked is in a list, and who ends its wait takes this lock to unlink
// it before its memory is used for another wait.
func (h *Hub) Sightings(name string, limit int) (seen []Sighting, all int) {
	s, _ := h.shardOf(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[name]
	if e == nil {
		return nil, 0
	}
	now := uint32(h.clock() / int64(time.Millisecond))
	for l := e.waiters.next; l != &e.waiters && len(seen) < limit; l = l.next {
		w := l.waiter
		seen = append(seen, Sighting{Tag: w.Tag, Label: w.Label, Accepts: w.accepts, Channels: len(w.links()),
			Waited: time.Duration(now-w.parkedAt) * time.Millisecond})
	}
	return seen, e.waiting
}

// A Recent is a message with the time since it was published.
type Recent struct {
	*Message
	Age time.Duration
}

// Newest are the messages that are kept of a channel, the newest first, at most limit
// of them, and how many are kept in all, whatever forms they have.
func (h *Hub) Newest(name string, limit int) (kept []Recent, all int) {
	s, _ := h.shardOf(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[name]
	if e == nil {
		return nil, 0
	}
	now := h.clock()
	h.expireLocked(s, e, now)
	for i := e.window.count - 1; i >= 0 && len(kept) < limit; i-- {
		m := e.window.at(i)
		kept = append(kept, Recent{m, time.Duration(now - m.at)})
	}
	all = e.window.count
	s.settle(e)
	return kept, all
}
