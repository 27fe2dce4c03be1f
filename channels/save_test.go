package channels

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSaveRestore: a hub that goes on from another one answers as that would have,
// whatever is asked; but for a gap that the other could rule out by a tombstone.
func TestSaveRestore(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		o := Options{Total: -1, Messages: 1 + r.IntN(5), Tombstones: 1 + r.IntN(20), Shards: 1 << r.IntN(4)}
		was := New(o)
		names := make([]string, 30)
		for i := range names {
			names[i] = fmt.Sprint("channel-", i)
		}
		disturb := func(h *Hub, n int) {
			for range n {
				name := names[r.IntN(len(names))]
				if r.IntN(8) == 0 {
					h.Delete(name)
					continue
				}
				h.Publish(Item{Channel: name, ID: fmt.Sprint(r.IntN(100)), Data: r.Int(), Size: r.IntN(200)})
			}
		}
		disturb(was, r.IntN(200))
		var kept []Kept
		saved, err := was.Save(func(k Kept) error {
			for i, m := range k.Messages { // as if read from a file
				c := *m
				c.size, c.at, k.Messages[i] = 0, 0, &c
			}
			kept = append(kept, k)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		o.Saved = &saved
		is := New(o)
		size := make(map[uint64]int)
		for _, name := range names {
			e := was.Look(&Query{Channels: []string{name}, Start: Earliest})
			for _, m := range e.Messages {
				size[m.Number] = m.Size()
			}
		}
		is.Restore(kept, func(m *Message) int { return size[m.Number] })
		if err := is.Check(); err != nil {
			t.Fatal(err)
		}
		for range 200 {
			q := Query{Channels: slices.Clone(names[r.IntN(len(names)-3):][:1+r.IntN(3)]), Cursor: was.Cursor(r.Uint64N(saved.Number + 2))}
			a, b := was.Look(&q), is.Look(&q)
			if fmt.Sprint(textOf(a.Messages)) != fmt.Sprint(textOf(b.Messages)) || a.Cursor != b.Cursor {
				t.Fatalf("seed %d: %+v: before %v %d, after %v %d", seed, q, textOf(a.Messages), a.Cursor, textOf(b.Messages), b.Cursor)
			}
			for _, gap := range a.Gaps {
				if !slices.Contains(b.Gaps, gap) {
					t.Fatalf("seed %d: %+v: the gap of %s is not told any more", seed, q, gap)
				}
			}
			for _, gap := range b.Gaps {
				if !slices.Contains(a.Gaps, gap) && q.Cursor.Number >= saved.Lost {
					t.Fatalf("seed %d: %+v: a gap of %s that was none, lost %d", seed, q, gap, saved.Lost)
				}
			}
		}
		disturb(is, 50)
		if err := is.Check(); err != nil {
			t.Fatal(err)
		}
	}
}

func textOf(ms []*Message) (all []string) {
	for _, m := range ms {
		all = append(all, fmt.Sprint(m.Number, m.Channel, m.ID, m.Data, m.Size()))
	}
	return all
}

// TestWaiting: each wait is named once, whatever its channels, and End ends it.
func TestWaiting(t *testing.T) {
	h := New(Options{})
	waiters := make([]Waiter, 50)
	for i := range waiters {
		q := Query{Channels: []string{fmt.Sprint("a", i%7), fmt.Sprint("b", i%3), "c"}[:1+i%3]}
		h.Prepare(&waiters[i], &q, 0)
		if !h.Park(&waiters[i], q.Channels) {
			t.Fatal("not parked")
		}
	}
	waits := h.Waiting()
	if len(waits) != len(waiters) {
		t.Errorf("%d waits of %d", len(waits), len(waiters))
	}
	h.End(&waiters[3], waiters[3].Generation(), ByGone)
	h.Free(&waiters[3])
	ended := 0
	for _, w := range waits {
		if h.End(w.Waiter, w.Gen, ByDrain) {
			ended++
			h.Free(w.Waiter)
		}
	}
	if ended != len(waiters)-1 || len(h.Waiting()) != 0 {
		t.Errorf("%d ended, %d left", ended, len(h.Waiting()))
	}
	if err := h.Check(); err != nil {
		t.Error(err)
	}
}
