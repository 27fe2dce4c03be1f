package channelstest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cometproxy/channels"
)

// Run runs every scenario of the suite against engines made by new. Those that
// speak of age run in a bubble of virtual time.
func Run(t *testing.T, new New) {
	for _, group := range [][]scenario{looks, positions, parks, endings, deletes, windows, tombstones, totals, once, ids, drains, lists, memory} {
		for _, sc := range group {
			t.Run(sc.name, func(t *testing.T) {
				if sc.virtual {
					synctest.Test(t, func(t *testing.T) { sc.play(t, new) })
					return
				}
				sc.play(t, new)
			})
		}
	}
}

// A scenario plays one story on an engine of its own.
type scenario struct {
	name    string
	virtual bool // time is virtual
	options channels.Options
	run     func(*stage)
}

func (sc *scenario) play(t *testing.T, new New) {
	s := &stage{T: t}
	o := sc.options
	o.Receiver = s
	s.Engine = new(o)
	sc.run(s)
	if t.Failed() {
		return
	}
	s.noneReleased()
	if err := s.Check(); err != nil {
		t.Error("at the end: ", err)
	}
	st := s.Stats()
	sum := uint64(0)
	for _, n := range st.Ended {
		sum += n
	}
	if st.Waiting != 0 || st.Accepted != sum {
		t.Errorf("at the end: %d waiting, %d accepted, ended %v", st.Waiting, st.Accepted, st.Ended)
	}
}

// A stage is an engine with what scenarios are told in. It is the engine's
// Receiver and keeps what it gets until the scenario asks for it.
type stage struct {
	*testing.T
	Engine

	slow time.Duration // that Released takes; set before use

	mu      sync.Mutex
	batches []batch
}

// A hold is a waiter of a scenario.
type hold struct {
	channels.Waiter
	gen   uint32
	names []string // of its channels
}

// A batch is what one call of Released brought.
type batch struct {
	channels.Batch
	holds []*hold
}

// Released implements channels.Receiver.
func (s *stage) Released(b channels.Batch) {
	time.Sleep(s.slow)
	got := batch{Batch: b}
	for w := b.First; w != nil; w = w.Next() {
		got.holds = append(got.holds, w.Owner.(*hold))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches = append(s.batches, got)
}

// taken returns the batches received since it was last called.
func (s *stage) taken() []batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.batches
	s.batches = nil
	return b
}

func (s *stage) noneReleased() {
	s.Helper()
	for _, b := range s.taken() {
		s.Errorf("%d waiters were released by %v, none was to be", b.Len, b.Reason)
	}
}

// released checks that exactly these holds have been released for a reason, in
// this order, in one batch or several.
func (s *stage) released(why channels.Reason, want ...*hold) {
	s.Helper()
	var got []*hold
	for _, b := range s.taken() {
		if b.Reason != why || b.Len != len(b.holds) {
			s.Fatalf("batch by %v of %d with %d waiters, want by %v", b.Reason, b.Len, len(b.holds), why)
		}
		got = append(got, b.holds...)
	}
	if !slices.Equal(got, want) {
		s.Fatalf("%d waiters released in some order, want %d in theirs", len(got), len(want))
	}
	for _, w := range got {
		if e := w.Ending(); e.Reason != why {
			s.Fatalf("ending by %v, want %v", e.Reason, why)
		}
	}
}

// publish publishes a small native message and returns its number.
func (s *stage) publish(name string) uint64 {
	return s.Publish(channels.Item{Channel: name, Size: 10}).Number
}

func after(number uint64, e Engine, names ...string) *channels.Query {
	return &channels.Query{Channels: names, Cursor: e.Cursor(number)}
}

// look looks after a position.
func (s *stage) look(number uint64, names ...string) channels.Ending {
	return s.Look(after(number, s.Engine, names...))
}

func (s *stage) prepare(q *channels.Query, number uint64) *hold {
	w := &hold{}
	w.Owner = w
	s.prepareFree(w, q, number)
	return w
}

// prepareFree prepares a waiter that was freed, or is new.
func (s *stage) prepareFree(w *hold, q *channels.Query, number uint64) {
	w.names = q.Channels
	w.gen = s.Engine.Prepare(&w.Waiter, q, number)
}

// park parks a new waiter, which must find nothing.
func (s *stage) park(number uint64, names ...string) *hold {
	s.Helper()
	return s.parkQuery(after(number, s.Engine, names...), number)
}

func (s *stage) parkQuery(q *channels.Query, number uint64) *hold {
	s.Helper()
	w := s.prepare(q, number)
	if !s.Park(&w.Waiter, w.names) {
		s.Fatalf("not parked after %d on %q: %+v", number, q.Channels, w.Ending())
	}
	return w
}

// turnedAway is park for a waiter that must not be parked.
func (s *stage) turnedAway(number uint64, names ...string) *hold {
	s.Helper()
	w := s.prepare(after(number, s.Engine, names...), number)
	if s.Park(&w.Waiter, w.names) {
		s.Fatalf("parked after %d on %q", number, names)
	}
	return w
}

// end ends waits, each of which must be there to be ended.
func (s *stage) end(why channels.Reason, holds ...*hold) {
	s.Helper()
	for _, w := range holds {
		if !s.End(&w.Waiter, w.gen, why) {
			s.Fatalf("End by %v failed", why)
		}
		if e := w.Ending(); e.Reason != why {
			s.Fatalf("ending by %v, want %v", e.Reason, why)
		}
	}
}

// is checks an ending: its cursor, its gaps, and the numbers of its messages.
func (s *stage) is(e channels.Ending, cursor uint64, gaps []string, numbers ...uint64) {
	s.Helper()
	var got []uint64
	for _, m := range e.Messages {
		got = append(got, m.Number)
	}
	lost := slices.Sorted(slices.Values(e.Gaps))
	if e.Cursor != cursor || !slices.Equal(lost, gaps) || !slices.Equal(got, numbers) {
		s.Fatalf("got messages %d, gaps %q, cursor %d; want %d, %q, %d", got, lost, e.Cursor, numbers, gaps, cursor)
	}
	if e.Empty() != (len(numbers) == 0 && len(gaps) == 0) {
		s.Fatalf("Empty is %v", e.Empty())
	}
}

// waits checks how many wait on a channel, by Info.
func (s *stage) waits(name string, n int) {
	s.Helper()
	if i, ok := s.Info(name); i.Waiters != n || ok && i.Name != name {
		s.Fatalf("%s: info %+v, want %d waiters", name, i, n)
	}
}

func names(prefix string, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("%s%04d", prefix, i))
	}
	return all
}

// tick is the smallest step of virtual time.
const tick = time.Nanosecond
