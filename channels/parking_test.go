package channels

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// receiver keeps what was released.
type receiver struct {
	waiters []*Waiter
	reasons []Reason
}

func (r *receiver) Released(b Batch) {
	for w := b.First; w != nil; w = w.Next() {
		r.waiters = append(r.waiters, w)
		r.reasons = append(r.reasons, b.Reason)
	}
}

func numbers(e Ending) (n []uint64) {
	for _, m := range e.Messages {
		n = append(n, m.Number)
	}
	return n
}

// wantEnding checks an ending and that the waiter is in no list any more.
func wantEnding(t *testing.T, h *Hub, w *Waiter, why Reason, cursor uint64, gaps []string, want ...uint64) {
	t.Helper()
	e := w.Ending()
	if e.Reason != why || e.Cursor != cursor || !slices.Equal(e.Gaps, gaps) || !slices.Equal(numbers(e), want) {
		t.Errorf("ended by %v with %d, gaps %q, cursor %d; want %v, %d, %q, %d",
			e.Reason, numbers(e), e.Gaps, e.Cursor, why, want, gaps, cursor)
	}
	if err := h.Check(); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"a", "b", "c"} {
		if i, _ := h.Info(name); i.Waiters != 0 {
			t.Errorf("%d waiters left on %s", i.Waiters, name)
		}
	}
	h.Free(w) // panics if it is in a list
	if st := h.Stats(); st.Waiting != 0 {
		t.Errorf("%d waiting", st.Waiting)
	}
}

// Everything that others may do, at every moment of a parking. What comes first
// decides the reason, and nothing is lost or told twice.
func TestInTheMiddleOfParking(t *testing.T) {
	channels := []string{"a", "b", "c"}
	type act struct {
		name    string
		options Options
		do      func(h *Hub, w *Waiter, gen uint32, name string)
		why     Reason
		cursor  uint64
		message bool
		gap     bool
	}
	publish := func(h *Hub, _ *Waiter, _ uint32, name string) { h.Publish(Item{Channel: name}) }
	acts := []act{
		{name: "publish", do: publish, why: ByMessage, cursor: 1, message: true},
		{name: "publish, no history", options: Options{Messages: -1}, do: publish, why: ByMessage, cursor: 1, gap: true},
		{name: "publish, no memory", options: Options{Messages: -1, Tombstones: -1, Shards: 1}, do: publish, why: ByMessage, cursor: 1, gap: true},
		{name: "delete", do: func(h *Hub, _ *Waiter, _ uint32, name string) { h.Delete(name) }, cursor: 1, gap: true},
		{name: "deadline", do: func(h *Hub, w *Waiter, gen uint32, _ string) {
			if h.End(w, gen, ByDeadline) {
				panic("ended a waiter that is being parked")
			}
		}, why: ByDeadline},
		{name: "drain", do: func(h *Hub, _ *Waiter, _ uint32, _ string) { h.Drain() }, why: ByDrain},
		{name: "deadline, then publish", do: func(h *Hub, w *Waiter, gen uint32, name string) {
			h.End(w, gen, ByDeadline)
			publish(h, w, gen, name)
		}, why: ByDeadline, cursor: 1, message: true},
		{name: "drain, then deadline", do: func(h *Hub, w *Waiter, gen uint32, _ string) {
			h.Drain()
			h.End(w, gen, ByDeadline)
		}, why: ByDrain},
	}
	for _, a := range acts {
		for step := range channels {
			for i, name := range channels {
				t.Run(fmt.Sprintf("%s/after link %d on %s", a.name, step, name), func(t *testing.T) {
					r := &receiver{}
					a.options.Receiver = r
					h := New(a.options)
					w := &Waiter{}
					gen := h.Prepare(w, &Query{Channels: channels}, 0)
					links := 0
					h.OnLink(func() {
						if links == step {
							a.do(h, w, gen, name)
						}
						links++
					})
					if h.Park(w, channels) {
						t.Fatal("parked")
					}
					why := a.why
					if a.name == "delete" { // before it is linked there it finds a loss
						why = ByMessage
						if i <= step {
							why = ByDelete
						}
					}
					var gaps []string
					var want []uint64
					if a.gap {
						gaps = []string{name}
						if a.options.Shards == 1 {
							if e := w.Ending(); !slices.Contains(e.Gaps, name) {
								t.Errorf("gaps %q lack %s", e.Gaps, name)
							}
							gaps = w.Ending().Gaps // which of the others have an entry is the hub's business
						}
					}
					if a.message {
						want = []uint64{1}
					}
					wantEnding(t, h, w, why, a.cursor, gaps, want...)
					if len(r.waiters) != 0 {
						t.Error("released too")
					}
				})
			}
		}
	}
}

// apart are two names in different shards.
func apart(h *Hub) (a, b string) {
	sa, _ := h.shardOf("a")
	for i := 0; ; i++ {
		b = fmt.Sprint("b", i)
		if sb, _ := h.shardOf(b); sb != sa {
			return "a", b
		}
	}
}

func parkOn(t *testing.T, h *Hub, names ...string) (*Waiter, uint32) {
	t.Helper()
	w := &Waiter{}
	gen := h.Prepare(w, &Query{Channels: names}, 0)
	if !h.Park(w, names) {
		t.Fatal("not parked")
	}
	return w, gen
}

// A name given twice is against the contract, and yet harms nobody else.
func TestTheSameChannelTwice(t *testing.T) {
	r := &receiver{}
	h := New(Options{Receiver: r})
	w, _ := parkOn(t, h, "a", "a", "b")
	if res := h.Publish(Item{Channel: "a"}); res.Released != 1 || len(r.waiters) != 1 {
		t.Errorf("released %d", res.Released)
	}
	wantEnding(t, h, w, ByMessage, 1, nil, 1)
}

func TestGenerationWraps(t *testing.T) {
	h := New(Options{Receiver: &receiver{}})
	w := &Waiter{}
	w.word.Store(pack(1<<32-1, 0, free))
	if gen := h.Prepare(w, &Query{Channels: []string{"a"}}, 0); gen != 1 || !h.Park(w, []string{"a"}) {
		t.Errorf("generation %d", gen)
	}
	if !h.End(w, 1, ByGone) {
		t.Error("not ended")
	}
	wantEnding(t, h, w, ByGone, 0, nil)
}

type panicking struct{}

func (panicking) Released(Batch) { panic("receiver") }

// A receiver that panics must not leave others waiting for its publish's result.
func TestPublishOnceAfterPanic(t *testing.T) {
	h := New(Options{Receiver: panicking{}})
	parkOn(t, h, "a")
	func() {
		defer func() { _ = recover() }()
		_, _, _ = h.PublishOnce(Item{Channel: "a"}, "k", [32]byte{})
		t.Error("no panic")
	}()
	done := make(chan bool)
	go func() {
		_, _, _ = h.PublishOnce(Item{Channel: "a"}, "k", [32]byte{})
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("the second publish hangs")
	}
}
