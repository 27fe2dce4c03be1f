package channels

import (
	"fmt"
	"testing"
	"time"
)

// TestLimit: new bounds count at once, and who missed what they took is told.
func TestLimit(t *testing.T) {
	h := New(Options{Shards: 2})
	for range 20 {
		for c := range 30 {
			h.Publish(Item{Channel: fmt.Sprint(c), Size: 1})
		}
	}
	begin := h.Cursor(0)
	kept := func() int {
		t.Helper()
		if err := h.Check(); err != nil {
			t.Fatal(err)
		}
		return h.Stats().Messages
	}
	if n := kept(); n != 600 {
		t.Fatalf("%d kept", n)
	}
	h.Limit(Options{Messages: 5, Tombstones: 4})
	if n := kept(); n != 150 {
		t.Errorf("%d kept with 5 of each channel", n)
	}
	q := Query{Channels: []string{"7"}, Cursor: begin, Accepts: Native}
	if e := h.Look(&q); len(e.Gaps) != 1 || len(e.Messages) != 5 {
		t.Errorf("%d messages, gaps %v", len(e.Messages), e.Gaps)
	}
	h.Limit(Options{Messages: -1, Tombstones: 4})
	if n := kept(); n != 0 {
		t.Errorf("%d kept with none", n)
	}
	if st := h.Stats(); st.Channels != 0 || st.Tombstones > 4 {
		t.Errorf("%+v", st)
	}
	for c := range 30 {
		q.Channels[0] = fmt.Sprint(c)
		if e := h.Look(&q); len(e.Gaps) != 1 {
			t.Errorf("channel %d has no gap", c)
		}
	}
	h.Limit(Options{Age: time.Hour})
	h.Publish(Item{Channel: "7", Size: 1})
	if n := kept(); n != 1 {
		t.Errorf("%d kept", n)
	}
}
