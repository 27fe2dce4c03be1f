package channels_test

import (
	"testing"

	"cometproxy/channels"
)

// TestLost: Ending.Lost is where who passes over the messages of an ending with
// gaps goes on: the next look has no gap, and all that is kept.
func TestLost(t *testing.T) {
	h := channels.New(channels.Options{Messages: 2, Receiver: ignore{}})
	for range 4 {
		h.Publish(channels.Item{Channel: "a"})
		h.Publish(channels.Item{Channel: "b"})
	}
	for _, start := range []channels.Cursor{h.Cursor(0), {Epoch: 1, Number: 3}, h.Cursor(1000)} {
		q := channels.Query{Channels: []string{"a", "b"}, Cursor: start, MaxMessages: 1}
		e := h.Look(&q)
		if len(e.Gaps) != 2 || e.Lost != 4 {
			t.Errorf("from %v: gaps %v, lost %d; want 4", start, e.Gaps, e.Lost)
		}
		q.Cursor, q.MaxMessages = h.Cursor(e.Lost), 0
		if e = h.Look(&q); len(e.Gaps) != 0 || len(e.Messages) != 4 {
			t.Errorf("from there: gaps %v, %d messages", e.Gaps, len(e.Messages))
		}
	}
	number := h.Delete("a").Number
	q := channels.Query{Channels: []string{"a"}, Cursor: h.Cursor(2)}
	if e := h.Look(&q); e.Lost != number {
		t.Errorf("after a delete: lost %d; want %d", e.Lost, number)
	}
}
