package channels

import (
	"slices"
	"testing"
)

// The schedule of the package comment: the message on b has the smaller number,
// the one on a claims the waiter before b's publisher walks its list.
func TestReleaseLooksAtTheOtherChannels(t *testing.T) {
	r := &receiver{}
	h := New(Options{Receiver: r})
	a, b := apart(h)
	w, _ := parkOn(t, h, a, b)

	sb, hashB := h.shardOf(b)
	sb.mu.Lock() // Q numbers and appends
	e := sb.entryOf(b, hashB)
	h.counter.Add(1)
	sb.keep(e, &Message{Number: 1, Channel: b, Forms: Native, at: h.clock()})

	sa, hashA := h.shardOf(a)
	m := &Message{Channel: a, Forms: Native}
	own, first, n := h.appendAndClaim(sa, hashA, m) // P

	if _, n := e.claimAll(Native, ByMessage); n != 0 {
		t.Fatalf("claimed %d that were claimed", n)
	}
	sb.mu.Unlock()
	h.hand(Batch{Reason: ByMessage, Message: m, First: first, Len: n}, own, m.Number)
	if len(r.waiters) != 1 {
		t.Fatalf("%d released", len(r.waiters))
	}
	if w.Single() != nil {
		t.Error("single, but there are two")
	}
	wantEnding(t, h, w, ByMessage, 2, nil, 1, 2)
}

// A later message on b does not get into the answer, though it unlinks the
// waiter there, and with no history removes the entry too.
func TestReleaseTellsOnlyUpToItsMessage(t *testing.T) {
	r := &receiver{}
	h := New(Options{Receiver: r})
	a, b := apart(h)
	w, gen := parkOn(t, h, a, b)
	sa, hashA := h.shardOf(a)
	m := &Message{Channel: a, Forms: Native}
	own, first, n := h.appendAndClaim(sa, hashA, m)
	if res := h.Publish(Item{Channel: b}); res.Released != 0 {
		t.Errorf("released %d that were claimed", res.Released)
	}
	if h.End(w, gen, ByDeadline) {
		t.Error("ended a claimed waiter")
	}
	h.Drain()
	h.Delete(a)
	if len(r.waiters) != 0 {
		t.Fatal("released before its claimant did")
	}
	h.hand(Batch{Reason: ByMessage, Message: m, First: first, Len: n}, own, m.Number)
	if w.Single() != m {
		t.Error("not single")
	}
	wantEnding(t, h, w, ByMessage, 1, nil, 1)
	if e := h.Look(&Query{Channels: []string{b}, Cursor: h.Cursor(1)}); !slices.Equal(numbers(e), []uint64{2}) {
		t.Errorf("the later message: %+v", e)
	}
}

// Between claim and unlinking the waiter's entry goes, and another comes.
func TestLeaveAnEntryThatIsGone(t *testing.T) {
	for _, again := range []bool{false, true} {
		r := &receiver{}
		h := New(Options{Receiver: r, Messages: -1})
		a, b := apart(h)
		w, _ := parkOn(t, h, a, b)
		sa, hashA := h.shardOf(a)
		m := &Message{Channel: a, Forms: Native}
		own, first, n := h.appendAndClaim(sa, hashA, m) // 1
		h.Publish(Item{Channel: b})                     // 2: unlinks w; nobody is left, the entry goes
		if i, ok := h.Info(b); ok {
			t.Fatalf("the entry is there still: %+v", i)
		}
		var w2 *Waiter
		if again {
			w2 = &Waiter{}
			q2 := &Query{Channels: []string{b}}
			h.Prepare(w2, q2, 2)
			if !h.Park(w2, q2.Channels) {
				t.Fatal("not parked")
			}
		}
		h.hand(Batch{Reason: ByMessage, Message: m, First: first, Len: n}, own, m.Number)
		if e := w.Ending(); !slices.Equal(numbers(e), []uint64{1}) || !slices.Equal(e.Gaps, []string{b}) || e.Cursor != 1 {
			t.Errorf("ending %+v", e)
		}
		h.Free(w)
		if i, _ := h.Info(b); again && i.Waiters != 1 {
			t.Errorf("the new entry: %+v", i)
		}
		h.Drain()
		if err := h.Check(); err != nil {
			t.Error(err)
		}
		if st := h.Stats(); st.Channels != 0 || st.Waiting != 0 {
			t.Errorf("stats %+v", st)
		}
	}
}

// The same for a waiter that its deadline ended: it is told of what its channel's
// next entry has.
func TestLeaveForTheNextEntry(t *testing.T) {
	h := New(Options{Receiver: &receiver{}})
	w, gen := parkOn(t, h, "a", "b")
	if !w.claim(gen, ByDeadline) { // the first half of End
		t.Fatal("not claimed")
	}
	h.Publish(Item{Channel: "b"}) // 1: unlinks w
	h.Delete("b")                 // 2: and the entry goes
	h.Publish(Item{Channel: "b"}) // 3: in another one
	h.finish(w, finishing{why: ByDeadline, upTo: h.counter.Load()})
	h.stats.ended[ByDeadline].Add(1)
	wantEnding(t, h, w, ByDeadline, 3, []string{"b"}, 3)
}
