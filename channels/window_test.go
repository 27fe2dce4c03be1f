package channels

import (
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
)

// TestWindow compares the ring with a slice.
func TestWindow(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		var w window
		var naive []*Message
		number, bias := uint64(0), 20+rnd.IntN(60)
		for range 500 {
			if rnd.IntN(100) < bias {
				number += 1 + rnd.Uint64N(3)
				m := &Message{Number: number, size: rnd.IntN(100)}
				w.push(m)
				naive = append(naive, m)
			} else if len(naive) > 0 {
				if m := w.pop(); m != naive[0] {
					t.Fatalf("popped %d, want %d", m.Number, naive[0].Number)
				}
				naive = naive[1:]
			}
			bytes := 0
			for i, m := range naive {
				bytes += m.size + messageOverhead
				if w.at(i) != m {
					t.Fatalf("at %d is %d, want %d", i, w.at(i).Number, m.Number)
				}
			}
			if w.count != len(naive) || w.bytes != bytes || len(naive) > 0 && w.newest() != naive[len(naive)-1] || len(naive) == 0 && w.newest() != nil {
				t.Fatalf("count %d, bytes %d; want %d, %d", w.count, w.bytes, len(naive), bytes)
			}
			n := rnd.Uint64N(number + 3)
			want := slices.IndexFunc(naive, func(m *Message) bool { return m.Number > n })
			if want < 0 {
				want = len(naive)
			}
			if got := w.after(n); got != want {
				t.Fatalf("after %d is %d, want %d", n, got, want)
			}
			kept := 0 // nothing popped is kept alive
			for _, m := range w.ring {
				if m != nil {
					kept++
				}
			}
			if kept != w.count || len(w.ring) > 2*max(1, 500) {
				t.Fatalf("ring of %d holds %d, count %d", len(w.ring), kept, w.count)
			}
		}
	}
}

// TestResumeIsByIndex: coming back to a channel that keeps a million messages
// touches about twenty of them and those it returns. All others are taken out
// of the window, so that to read one is a nil dereference.
//
// Which ones bisection reads is taken from sort.Search; a window that bisects
// in another way needs its probes here.
func TestResumeIsByIndex(t *testing.T) {
	const kept = 1_000_000
	h := New(Options{Messages: 2 * kept, Bytes: -1, Total: -1, Receiver: &receiver{}})
	for range kept {
		h.Publish(Item{Channel: "a"})
	}
	s, _ := h.shardOf("a")
	w := &s.entries["a"].window
	whole := slices.Clone(w.ring)
	for _, cursor := range []uint64{kept, kept - 1, kept - 10, kept / 2, 12_345, 1, 0} {
		const limit = 10
		q := &Query{Channels: []string{"a", "b"}, Cursor: h.Cursor(cursor), MaxMessages: limit}
		touched := map[int]bool{0: true, kept - 1: true} // for the age, and the newest
		first := sort.Search(kept, func(i int) bool {
			touched[i] = true
			return w.at(i).Number > cursor
		})
		for i := first; i < min(first+limit+1, kept); i++ {
			touched[i] = true
		}
		clear(w.ring)
		for i := range touched {
			w.ring[i] = whole[i] // first is 0: nothing was popped
		}
		if len(touched) > 20+2+limit+1 {
			t.Errorf("%d messages touched", len(touched))
		}
		e := h.Look(q)
		if want := min(limit, kept-int(cursor)); len(e.Messages) != want || want > 0 && e.Messages[0].Number != cursor+1 || len(e.Gaps) > 0 {
			t.Errorf("after %d: %d messages, gaps %q", cursor, len(e.Messages), e.Gaps)
		}
		if cursor == kept { // and so does parking
			x := &Waiter{}
			gen := h.Prepare(x, q, cursor)
			if !h.Park(x, q.Channels) || !h.End(x, gen, ByDeadline) {
				t.Error("not parked and ended")
			}
		}
		copy(w.ring, whole)
	}
	if err := h.Check(); err != nil {
		t.Error(err)
	}
}
