package park

import (
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// goroutineLot is the portable Lot: an idle or parked connection is a tiny
// goroutine in a Read.
type goroutineLot struct {
	o       Options // static
	table   slots[entry]
	wheel   *wheel
	idle    idleList
	workers workers
	finish  finishers
	books   books
	host    goroutines
	door    door

	draining atomic.Bool
}

// entry is one connection. What it costs besides the net.Conn and the
// goroutine's stack is this, a RawConn (8 bytes) and the goroutine's closure (16).
type entry struct {
	lot  *goroutineLot // static once the slot was used
	slot uint32        // static once the slot was used

	mu sync.Mutex // guards all below, but see wheelNode and idleNode

	gen      uint32 // of the connection that has the slot now, or will have it next
	state    state
	reading  bool // readOn runs, and is the only one that reads
	told     bool // the stay has had its terminal event
	ended    bool // the client's input has ended
	broken   bool // the connection is
	first    [1]byte
	ownerGen uint32
	owner    any // of the stay
	conn     net.Conn
	raw      syscall.RawConn // nil when tryWrite cannot be used
	kept     []byte          // what the client sent of its next requests; readOn also owns the room behind it

	due  wheelNode
	line idleNode
}

var _ Lot = (*goroutineLot)(nil)

// NewGoroutine returns the portable Lot. It needs nothing of the connections but
// what net.Conn promises, so it also takes TLS and connections in memory.
func NewGoroutine(o Options) Lot {
	l := &goroutineLot{o: o.withDefaults()}
	l.host.end = make(chan struct{})
	l.wheel = newWheel(func(slot uint32) *wheelNode { return &l.table.at(slot).due }, l.fire)
	l.idle.start = time.Now()
	l.idle.node = func(slot uint32) *idleNode { return &l.table.at(slot).line }
	l.workers.host, l.workers.run = &l.host, l.serve
	l.finish.host, l.finish.done = &l.host, l.finished
	l.finish.max, l.finish.timeout = l.o.MaxFinishers, l.o.FinishTimeout
	l.host.add()
	go l.turnWheel()
	return l
}

func (l *goroutineLot) turnWheel() {
	defer l.host.done()
	l.wheel.run(l.host.end)
}

// lock returns the connection's entry, locked; nil when the connection is gone.
func (l *goroutineLot) lock(id ID) *entry {
	e := l.table.at(id.slot())
	if e == nil {
		return nil
	}
	e.mu.Lock()
	if e.gen != id.gen() || e.state == closed {
		e.mu.Unlock()
		return nil
	}
	return e
}

func (e *entry) id() ID { return makeID(e.slot, e.gen) }

// Park implements Lot. That the input has ended or is broken already need not
// be looked at: the reading that starts meets it again.
func (l *goroutineLot) Park(id ID, stay Stay) {
	e := l.lock(id)
	if e == nil {
		return
	}
	defer e.mu.Unlock()
	if e.state != active {
		return
	}
	e.owner, e.ownerGen, e.told = stay.Owner, stay.Gen, false
	e.kept = stay.Carried
	e.enterLocked(parked)
	if !stay.Until.IsZero() {
		l.wheel.set(e.slot, stay.Until)
	}
	if len(e.kept) < maxKept {
		e.readLocked()
	}
}

// Answer implements Lot. The write is made under the entry's lock: a client that
// is quicker with its next request than this with its books has readOn wait for
// the lock, which is cheaper than to keep the byte and dispatch it from here.
func (l *goroutineLot) Answer(id ID, b []byte, end bool) {
	e := l.lock(id)
	if e == nil {
		return
	}
	if e.state != parked {
		e.mu.Unlock()
		return
	}
	e.owner = nil
	n, serve := 0, false
	var err error
	if e.raw != nil {
		n, err = tryWrite(e.raw, b)
	}
	switch {
	case err != nil:
		e.closeLocked()
	case n == len(b):
		serve = e.settleLocked(end)
	case l.finish.start(finish{id: id, conn: e.conn, rest: b[n:], end: end}, e.raw == nil):
		e.enterLocked(finishing)
	default:
		l.books.unwritten.Add(1)
		e.closeLocked()
	}
	e.mu.Unlock()
	if serve {
		l.workers.hand(id)
	}
}

// finished is called by the finisher of a connection.
func (l *goroutineLot) finished(id ID, end bool, err error) {
	e := l.lock(id)
	if e == nil { // shut meanwhile
		return
	}
	serve := false
	if err == nil {
		serve = e.settleLocked(end)
	} else {
		if isTimeout(err) {
			l.books.unwritten.Add(1)
		}
		e.closeLocked()
	}
	e.mu.Unlock()
	if serve {
		l.workers.hand(id)
	}
}

// Idle implements Lot.
func (l *goroutineLot) Idle(id ID, carried []byte) {
	e := l.lock(id)
	if e == nil {
		return
	}
	serve := false
	if e.state == active {
		e.kept = carried
		serve = e.settleLocked(false)
	}
	e.mu.Unlock()
	if serve {
		l.workers.hand(id)
	}
}

// Close implements Lot.
func (l *goroutineLot) Close(id ID) {
	if e := l.lock(id); e != nil {
		e.closeLocked()
		e.mu.Unlock()
	}
}

// settleLocked decides how a connection goes on whose last answer is written.
// If it returns true, the caller hands it to a worker.
func (e *entry) settleLocked(end bool) (serve bool) {
	switch {
	case end || e.broken:
		e.closeLocked()
	case len(e.kept) > 0 && e.reading:
		// readOn may be writing behind the kept bytes at this moment. It is
		// made to stop and then hands the connection on itself.
		e.enterLocked(waking)
		_ = e.conn.SetReadDeadline(longAgo)
	case len(e.kept) > 0:
		e.enterLocked(active)
		return true
	case e.ended || e.lot.draining.Load():
		e.closeLocked()
	default:
		e.kept = nil
		e.enterLocked(idle)
		if !e.reading {
			e.readLocked()
		}
	}
	return false
}

// enterLocked changes the state, and with it the counts, the idle list and the
// deadline. For parked the caller sets the deadline.
func (e *entry) enterLocked(to state) {
	l := e.lot
	if e.state == idle {
		l.idle.remove(e.slot)
	}
	l.books.move(e.state, to)
	e.state = to
	if to == idle {
		l.idle.push(e.slot)
		if l.o.IdleTimeout > 0 {
			l.wheel.set(e.slot, time.Now().Add(l.o.IdleTimeout))
			return
		}
	}
	if e.due.due != 0 {
		l.wheel.stop(e.slot)
	}
}

// closeLocked ends the connection. Its ID matches nothing from here on. The slot
// is free at once or, if something reads, when that has stopped.
func (e *entry) closeLocked() {
	l, conn, raw := e.lot, e.conn, e.raw
	e.enterLocked(closed)
	e.gen = nextGen(e.gen)
	e.owner, e.conn, e.raw, e.kept = nil, nil, nil, nil
	if !e.reading {
		l.table.give(e.slot)
	}
	if raw != nil {
		_ = conn.Close()
		return
	}
	// Closing a TLS connection writes, and may wait for that.
	l.host.add()
	go closeSlowly(conn, &l.host)
}

func closeSlowly(conn net.Conn, host *goroutines) {
	defer host.done()
	_ = conn.Close()
}

// serve lends a connection to the HTTP server for a turn. It runs on a worker.
func (l *goroutineLot) serve(id ID) {
	e := l.lock(id)
	if e == nil {
		return
	}
	c := newTurn(l, id, e.conn, e.kept, e.first[0], e.ended)
	e.kept = nil
	e.mu.Unlock()
	l.o.Event(Event{Kind: Serve, ID: id, Conn: c})
}

// again, lend and returned are for turns.

func (l *goroutineLot) again(id ID) { l.Idle(id, nil) }

func (l *goroutineLot) lend(id ID) bool {
	e := l.lock(id)
	if e == nil {
		return false
	}
	l.host.add()
	e.mu.Unlock()
	return true
}

func (l *goroutineLot) returned() { l.host.done() }

// fire is called by the wheel when a deadline has passed, or seemed to: by now
// the connection may have another deadline, or the slot another connection.
func (l *goroutineLot) fire(slot uint32) {
	e := l.table.at(slot)
	e.mu.Lock()
	if e.due.due == 0 || e.due.due > l.wheel.now() {
		e.mu.Unlock()
		return
	}
	l.wheel.stop(slot)
	switch e.state {
	case idle:
		e.closeLocked()
	case parked:
		e.tellLocked(Deadline)
		return
	}
	e.mu.Unlock()
}

// tellLocked makes kind the terminal event of a stay, if it has had none, and
// unlocks the entry. Owner and generation are taken together with the decision,
// so that they are of the stay that ended, whatever follows.
func (e *entry) tellLocked(kind Kind) {
	if e.state != parked || e.told {
		e.mu.Unlock()
		return
	}
	e.told = true
	if e.due.due != 0 {
		e.lot.wheel.stop(e.slot)
	}
	ev := Event{Kind: kind, ID: e.id(), Owner: e.owner, Gen: e.ownerGen}
	e.mu.Unlock()
	e.lot.o.Event(ev)
}

// Stats implements Lot.
func (l *goroutineLot) Stats() Stats { return l.books.stats() }

// Drain implements Lot.
func (l *goroutineLot) Drain() {
	// First the mark, then the walk: a connection that becomes idle meanwhile
	// sees the mark or is met by the walk.
	l.draining.Store(true)
	l.each(func(e *entry) {
		if e.state == idle {
			e.closeLocked()
		}
	})
}

// Shut implements Lot. It must not be called from the event func.
func (l *goroutineLot) Shut() {
	l.door.shut() // no new connections
	l.table.close()
	l.each(func(e *entry) { e.closeLocked() })
	l.workers.close()
	if l.door.last() {
		close(l.host.end)
	}
	l.host.Wait()
}

// each calls f for every connection, locked.
func (l *goroutineLot) each(f func(*entry)) {
	for slot := range l.table.size() {
		e := l.table.at(slot)
		e.mu.Lock()
		if e.state != closed {
			f(e)
		}
		e.mu.Unlock()
	}
}
