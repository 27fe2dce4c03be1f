package channels

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
)

// changes is what Changes tells, the last for each channel.
func changes(h *Hub) map[string]int {
	told := make(map[string]int)
	h.Changes(func(name string, waiters int) { told[name] = waiters })
	return told
}

func TestChanges(t *testing.T) {
	h := New(Options{Receiver: &receiver{}})
	expect := func(what string, want map[string]int) {
		t.Helper()
		if got := changes(h); !maps.Equal(got, want) {
			t.Errorf("%s: told %v; want %v", what, got, want)
		}
	}
	end := func(w *Waiter) {
		t.Helper()
		if !h.End(w, w.Generation(), ByGone) {
			t.Fatal("not ended")
		}
	}
	a, _ := parkOn(t, h, "x", "y")
	expect("not watched", map[string]int{})
	h.Touch([]string{"z"})
	h.Watch(true)
	expect("those of before", map[string]int{"x": 1, "y": 1})
	b, _ := parkOn(t, h, "y")
	expect("a second one", map[string]int{})
	end(b)
	parkOn(t, h, "z")
	expect("a first one", map[string]int{"z": 1})
	end(a)
	expect("the last ones", map[string]int{"x": 0, "y": 0})
	a, _ = parkOn(t, h, "x")
	end(a)
	expect("one that came and went", map[string]int{"x": 0})
	h.Touch([]string{"nobody", "z"})
	expect("touched", map[string]int{"nobody": 0, "z": 1})
	h.Publish(Item{Channel: "z"})
	expect("released", map[string]int{"z": 0})
	a, _ = parkOn(t, h, "x")
	h.Watch(false)
	expect("watched no more", map[string]int{})
	h.Watch(true)
	expect("watched again", map[string]int{"x": 1})
	end(a)
}

// forgetful is a Receiver for many goroutines.
type forgetful struct{}

func (forgetful) Released(Batch) {}

// TestChangesAreComplete: whoever comes and goes meanwhile, what was told last of
// each channel is how it is.
func TestChangesAreComplete(t *testing.T) {
	h := New(Options{Receiver: forgetful{}, Shards: 2})
	h.Watch(true)
	last := make(map[string]int)
	look := func() { maps.Copy(last, changes(h)) }
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				look()
			}
		}
	}()
	var workers sync.WaitGroup
	for seed := range uint64(4) {
		workers.Go(func() { comeAndGo(h, rand.New(rand.NewPCG(seed, 1))) })
	}
	workers.Wait()
	close(stop)
	<-stopped
	look()
	for i := range 10 {
		name := fmt.Sprint("c", i)
		info, _ := h.Info(name)
		if (last[name] > 0) != (info.Waiters > 0) {
			t.Errorf("%s: told %d; %d wait", name, last[name], info.Waiters)
		}
	}
}

// comeAndGo leaves some of its waiters parked.
func comeAndGo(h *Hub, r *rand.Rand) {
	var parked []*Waiter
	for range 2000 {
		name := fmt.Sprint("c", r.IntN(10))
		switch r.IntN(5) {
		case 0, 1:
			w := new(Waiter)
			h.Prepare(w, &Query{Channels: []string{name}}, h.Position())
			if h.Park(w, []string{name}) {
				parked = append(parked, w)
			}
		case 2, 3:
			if n := len(parked); n > 0 {
				h.End(parked[n-1], parked[n-1].Generation(), ByGone)
				parked = parked[:n-1]
			}
		default:
			h.Publish(Item{Channel: name})
		}
	}
}
