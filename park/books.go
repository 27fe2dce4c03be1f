package park

import "sync/atomic"

// state of a connection. All changes but those to closed go through enter; see
// the diagram in doc.go.
type state uint8

const (
	closed    state = iota // terminal for the connection; the slot is free as soon as nothing reads any more
	idle                   // waits for the first byte of a request
	active                 // lent to the HTTP server, or detached, or on its way to a worker
	parked                 // waits for its claimant
	finishing              // a finisher writes the claimant's answer
	waking                 // its next request is at hand; on its way to a worker when the reading has stopped
	states
)

var stateNames = [states]string{"closed", "idle", "active", "parked", "finishing", "waking"}

func (s state) String() string { return stateNames[s] }

// books are the counts of a lot. Those by state are changed together with the
// state, under the connection's lock.
type books struct {
	now       [states]atomic.Int64 // of closed: nothing useful
	accepted  atomic.Uint64
	refused   atomic.Uint64
	evicted   atomic.Uint64
	unwritten atomic.Uint64
}

func (b *books) move(from, to state) {
	b.now[from].Add(-1)
	b.now[to].Add(1)
}

// connections is how many there are, whatever their state.
func (b *books) connections() int64 {
	n := int64(0)
	for s := idle; s < states; s++ {
		n += b.now[s].Load()
	}
	return n
}

func (b *books) stats() Stats {
	return Stats{
		Idle:      b.now[idle].Load(),
		Active:    b.now[active].Load() + b.now[waking].Load(),
		Parked:    b.now[parked].Load(),
		Finishing: b.now[finishing].Load(),
		Accepted:  b.accepted.Load(),
		Refused:   b.refused.Load(),
		Evicted:   b.evicted.Load(),
		Unwritten: b.unwritten.Load(),
	}
}
