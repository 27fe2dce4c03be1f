//go:build linux

package park

import (
	"testing"
	"time"
)

// TestStaleEvents: what is told of a connection too late.
func TestStaleEvents(t *testing.T) {
	r := newCostRig(t, NewEpoll, 1)
	r.parkAll()
	id := r.ids[0]
	quiet := func(want Stats) {
		t.Helper()
		time.Sleep(5 * time.Millisecond) // for a turn that must not be
		got := r.lot.Stats()
		got.Accepted = 0
		if got != want || len(r.turns) > 0 || len(r.ends) > 0 {
			t.Fatalf("got %+v, %d turns, %d ends; want %+v", got, len(r.turns), len(r.ends), want)
		}
		if err := r.lot.Check(); err != nil {
			t.Error(err)
		}
	}
	r.lot.heard(id, evRead) // by now somebody has read it
	quiet(Stats{Parked: 1})

	// Fetched before the connection became idle, told afterwards. The poller
	// is asleep, so what it has begun to fetch last was before.
	r.answerAll()
	e := r.lot.lock(id)
	e.stamp = r.lot.poller.now()
	e.mu.Unlock()
	r.lot.heard(id, evRead)
	quiet(Stats{Idle: 1})

	// Another connection's that had the slot.
	old := makeID(id.slot(), id.gen()-1)
	for _, ev := range []int{evRead, evHup | evRead, evBroken} {
		r.lot.heard(old, ev)
	}
	quiet(Stats{Idle: 1})
	r.parkAll()
	for _, ev := range []int{evRead, evHup | evRead, evBroken} {
		r.lot.heard(old, ev)
	}
	quiet(Stats{Parked: 1})
	r.lot.Close(id)
	r.lot.heard(id, evAll)
	quiet(Stats{})
}

// TestStaleSock: a turn's connection is of no use when the turn is over.
func TestStaleSock(t *testing.T) {
	r := newCostRig(t, NewEpoll, 1)
	_, _ = r.clients[0].Write(answerOne)
	turn := <-r.turns
	raw := turn.Raw()
	r.lot.Park(turn.ID(), Stay{Owner: r})
	if _, err := raw.Write([]byte("x")); err == nil {
		t.Error("written while parked")
	}
	if _, err := raw.Read(make([]byte, 1)); err == nil {
		t.Error("read while parked")
	}
	if raw.RemoteAddr() == nil {
		t.Error("no address")
	}
}
