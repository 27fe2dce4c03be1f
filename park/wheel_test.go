package park

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// TestWheel compares the wheel with a map, in steps of time of its own.
func TestWheel(t *testing.T) {
	const slots = 300
	places := make([]place, slots)
	model := map[uint32]int64{}
	now, before := int64(0), int64(0)
	var w *wheel
	fired := 0
	w = newWheel(time.Now(), func(slot uint32) *place { return &places[slot] }, func(slot uint32) {
		fired++
		due, ok := model[slot]
		switch {
		case !ok:
			t.Fatalf("fired a deadline that slot %d has not", slot)
		case due > now:
			t.Fatalf("fired slot %d %v early", slot, time.Duration(due-now))
		case due+int64(tick) <= before-before%int64(tick):
			t.Fatalf("fired slot %d %v late", slot, time.Duration(now-due))
		}
		delete(model, slot)
		if rand.IntN(4) == 0 { // an owner that at once wants the next
			model[slot] = now + 1
			w.set(slot, w.base.Add(time.Duration(now+1)))
		}
	}, func() {})
	spans := []time.Duration{tick, 3 * time.Second, wheelLen * tick, 5 * wheelLen * tick}
	for step := range 20000 {
		slot := uint32(rand.IntN(slots))
		switch rand.IntN(4) {
		case 0, 1:
			due := max(1, now-int64(tick)+rand.Int64N(int64(spans[rand.IntN(len(spans))])))
			w.set(slot, w.base.Add(time.Duration(due)))
			model[slot] = due
			if due < now { // it cannot be earlier than that
				model[slot] = now
			}
		case 2:
			w.stop(slot)
			delete(model, slot)
		default:
			before = now
			now += rand.Int64N(int64(spans[0]) * 2)
			if rand.IntN(1000) == 0 {
				now += int64(spans[rand.IntN(len(spans))])
			}
			w.turnTo(now)
		}
		if w.n != len(model) {
			t.Fatalf("step %d: %d deadlines, want %d", step, w.n, len(model))
		}
		if step%100 == 0 {
			w.check(func(slot uint32) bool { _, ok := model[slot]; return ok }, t.Fatalf)
		}
	}
	if fired < 1000 {
		t.Errorf("only %d fired", fired)
	}
}

// TestWheelRuns: in time, and a wheel that slept wakes up.
func TestWheelRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		places := make([]place, 20000)
		fired := make(chan time.Time, len(places))
		var w *wheel
		c := newClock(time.Now(), func() bool { return !w.empty() }, func() { w.turnTo(w.now()) })
		w = newWheel(c.base, func(slot uint32) *place { return &places[slot] }, func(uint32) { fired <- time.Now() }, c.start)
		done := make(chan struct{})
		go c.run(done)
		for _, d := range []time.Duration{0, 1, tick - 1, tick, 25 * time.Second, 300 * time.Second, time.Hour} {
			time.Sleep(3*time.Second + 7*time.Millisecond) // it has gone to sleep
			until := time.Now().Add(d)
			w.set(3, until)
			if late := (<-fired).Sub(until); late < 0 || late > tick {
				t.Errorf("deadline in %v fired %v after it", d, late)
			}
		}
		until := time.Now().Add(time.Second)
		for i := range places {
			w.set(uint32(i), until)
		}
		for range places {
			if late := (<-fired).Sub(until); late < 0 || late > tick {
				t.Fatalf("one of many fired %v after its deadline", late)
			}
		}
		close(done)
		synctest.Wait()
	})
}
