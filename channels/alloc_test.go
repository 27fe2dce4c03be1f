//go:build !race

package channels_test

import (
	"testing"

	"cometproxy/channels"
)

// A waiter that is used again costs no allocation, parked on a channel and
// released: a publish allocates its message, and that for all waiters together.
func TestNoAllocationPerWaiter(t *testing.T) {
	for _, waiters := range []int{0, 1, 1000} {
		h := freeingHub(channels.Options{})
		ws := make([]channels.Waiter, waiters)
		q := channels.Query{Channels: []string{"a"}}
		for range 200 { // until the window is full
			h.Publish(channels.Item{Channel: "a"})
		}
		n := testing.AllocsPerRun(50, func() {
			at := h.Position()
			for i := range ws {
				h.Prepare(&ws[i], &q, at)
				if !h.Park(&ws[i], q.Channels) {
					t.Fatal("not parked")
				}
			}
			if r := h.Publish(channels.Item{Channel: "a"}); r.Released != waiters {
				t.Fatalf("released %d", r.Released)
			}
		})
		if n > 1 {
			t.Errorf("%d waiters: %v allocations, want the message only", waiters, n)
		}
	}
}

// Neither does a wait on several channels, nor one that ends with nothing but
// its Ending, nor a look that finds nothing.
func TestAllocations(t *testing.T) {
	h := freeingHub(channels.Options{})
	var w channels.Waiter
	for _, name := range []string{"a", "b", "c"} {
		for range 200 {
			h.Publish(channels.Item{Channel: name})
		}
	}
	q := channels.Query{Channels: []string{"a", "b", "c"}, Cursor: h.Cursor(h.Position())}
	for what, test := range map[string]struct {
		most float64
		do   func()
	}{
		"park on three, publish": {1, func() {
			h.Prepare(&w, &q, h.Position())
			h.Park(&w, q.Channels)
			h.Publish(channels.Item{Channel: "b"})
		}},
		"park on three, deadline": {1, func() {
			gen := h.Prepare(&w, &q, h.Position())
			h.Park(&w, q.Channels)
			h.End(&w, gen, channels.ByDeadline)
			h.Free(&w)
		}},
		"look at three, nothing there": {0, func() {
			q.Cursor = h.Cursor(h.Position())
			h.Look(&q)
		}},
	} {
		if n := testing.AllocsPerRun(50, test.do); n > test.most {
			t.Errorf("%s: %v allocations, at most %v", what, n, test.most)
		}
	}
}
