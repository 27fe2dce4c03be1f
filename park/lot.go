package park

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// lot is the Lot. Its connections wait in one of two ways: raw ones, which are
// descriptors and no more, through the poller (raw.go), and the others each with
// a tiny goroutine (readon.go).
type lot struct {
	o       Options // static
	table   slots[entry]
	clock   *clock // static
	wheel   *wheel // static
	idle    idleList
	workers workers
	finish  finishers
	books   books
	host    goroutines
	door    door
	peers   peers
	poller  *poller // static; nil: no connection is raw

	draining atomic.Bool
}

// entry is one connection: all that it costs while it waits, if it is raw.
type entry struct {
	lot  *lot       // static once the slot was used
	mu   sync.Mutex // guards all below, but see place
	slot uint32     // static once the slot was used
	gen  uint32     // of the connection that has the slot now, or will have it next

	fd    int32  // of a raw connection; -1 for none
	stamp uint32 // parked: of the stay, its owner's generation; idle and raw: the poller's batch when it became so

	state    state
	told     bool // the stay has had its terminal event
	ended    bool // the client's input has ended
	broken   bool // the connection is
	readable bool // raw: there may be something to read
	hup      bool // raw: the poller has seen the end of the input; never taken back
	fresh    bool // nothing has been read of its first request

	place place    // in the list of the idle, or in the wheel
	owner any      // of the stay
	kept  *[]byte  // what the client sent of its next requests; readOn also owns the room behind it; nil: nothing
	sock  *sock    // raw: what reads and writes while active or finishing
	far   *reading // of a connection that is not raw
}

var _ Lot = (*lot)(nil)

// New returns the Lot for this system: NewEpoll on Linux, else NewGoroutine.
func New(o Options) Lot { return NewEpoll(o) }

// NewGoroutine returns the portable Lot, in which each connection that waits is a
// tiny goroutine in a Read.
func NewGoroutine(o Options) Lot { return newLot(o, nil) }

// NewEpoll returns a Lot that has the connections of TCP as raw descriptors, and
// all others, such as TLS and those in memory, in the way of NewGoroutine. So has
// it all where there is no epoll.
func NewEpoll(o Options) Lot { return newLot(o, newPoller()) }

func newLot(o Options, p *poller) Lot {
	l := &lot{o: o.withDefaults(), poller: p}
	l.host.end = make(chan struct{})
	base, place := time.Now(), func(slot uint32) *place { return &l.table.at(slot).place }
	l.clock = newClock(base, l.awaitsTime, l.turn)
	l.wheel = newWheel(base, place, l.fire, l.clock.start)
	l.idle.base, l.idle.place, l.idle.first = base, place, l.clock.start
	l.workers.host, l.workers.run = &l.host, l.serve
	l.finish.host, l.finish.done = &l.host, l.finished
	l.Limit(l.o.limits())
	l.finish.max, l.finish.timeout = l.o.MaxFinishers, l.o.FinishTimeout
	l.host.add()
	go l.keepTime()
	if p != nil {
		l.host.add()
		go l.poll()
	}
	return l
}

func (l *lot) keepTime() {
	defer l.host.done()
	l.clock.run(l.host.end)
}

// awaitsTime is for the clock, as turn is.
func (l *lot) awaitsTime() bool {
	return l.o.IdleTimeout > 0 && !l.idle.empty() || !l.wheel.empty()
}

func (l *lot) turn() {
	l.wheel.turnTo(l.wheel.now())
	for l.o.IdleTimeout > 0 {
		slot, ok := l.idle.oldest(l.o.IdleTimeout)
		if !ok {
			return
		}
		l.endIdle(slot, l.o.IdleTimeout)
	}
}

// lock returns the connection's entry, locked; nil when the connection is gone.
func (l *lot) lock(id ID) *entry {
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

// Park implements Lot. That the input of a connection that is not raw has ended
// or is broken already need not be looked at: the reading that starts meets it
// again.
func (l *lot) Park(id ID, stay Stay) {
	e := l.lock(id)
	if e == nil {
		return
	}
	if e.state != active {
		e.mu.Unlock()
		return
	}
	e.owner, e.stamp, e.told = stay.Owner, stay.Gen, false
	e.keepLocked(stay.Carried)
	e.enterLocked(parked)
	if !stay.Until.IsZero() {
		l.wheel.set(e.slot, stay.Until)
	}
	switch {
	case e.far == nil:
		e.heardParkedRaw()
		return
	case len(e.keptLocked()) < maxKept:
		e.readLocked()
	}
	e.mu.Unlock()
}

// Answer implements Lot. The write is made under the entry's lock: a client that
// is quicker with its next request than this with its books has readOn wait for
// the lock, which is cheaper than to keep the byte and dispatch it from here.
func (l *lot) Answer(id ID, b []byte, end bool) {
	e := l.lock(id)
	if e == nil {
		return
	}
	if e.state != parked {
		e.mu.Unlock()
		return
	}
	e.owner = nil
	serve := false
	n, tried, err := e.writeLocked(b)
	switch {
	case err != nil:
		e.closeLocked()
	case n == len(b):
		serve = e.settleLocked(end)
	case l.finish.start(finish{id: id, conn: e.connLocked(), rest: b[n:], end: end}, !tried):
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

// writeLocked writes what the connection takes at once; not tried means that this
// cannot be done with this one.
func (e *entry) writeLocked(b []byte) (n int, tried bool, err error) {
	if e.far == nil {
		n, err = writeFD(int(e.fd), b)
		return n, true, err
	}
	if e.far.raw == nil {
		return 0, false, nil
	}
	n, err = tryWrite(e.far.raw, b)
	return n, true, err
}

// connLocked is the connection for a finisher.
func (e *entry) connLocked() net.Conn {
	if e.far != nil {
		return e.far.conn
	}
	e.sock = &sock{e: e}
	return e.sock
}

// finished is called by the finisher of a connection.
func (l *lot) finished(id ID, end bool, err error) {
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
func (l *lot) Idle(id ID, carried []byte) {
	e := l.lock(id)
	if e == nil {
		return
	}
	serve := false
	if e.state == active {
		e.keepLocked(carried)
		serve = e.settleLocked(false)
	}
	e.mu.Unlock()
	if serve {
		l.workers.hand(id)
	}
}

// Close implements Lot.
func (l *lot) Close(id ID) {
	if e := l.lock(id); e != nil {
		e.closeLocked()
		e.mu.Unlock()
	}
}

// Peer implements Lot.
func (l *lot) Peer(id ID) net.Addr {
	e := l.lock(id)
	if e == nil {
		return nil
	}
	defer e.mu.Unlock()
	if a := l.peers.addr(e.slot); a != nil {
		return a
	}
	if e.far != nil {
		return e.far.conn.RemoteAddr()
	}
	if a := peerFD(int(e.fd)); a != nil {
		return a
	}
	return nil
}

// settleLocked decides how a connection goes on whose last answer is written.
// If it returns true, the caller hands it to a worker.
func (e *entry) settleLocked(end bool) (serve bool) {
	switch {
	case end || e.broken:
		e.discardLocked()
		e.closeLocked()
	case e.kept != nil && e.far.reads():
		// readOn may be writing behind the kept bytes at this moment. It is
		// made to stop and then hands the connection on itself.
		e.enterLocked(waking)
		_ = e.far.conn.SetReadDeadline(longAgo)
	case e.kept != nil || e.inputAtHandLocked():
		e.enterLocked(active)
		return true
	case e.ended || e.hup || e.lot.draining.Load() && !e.fresh:
		e.closeLocked()
	default:
		e.enterLocked(idle)
		if e.far != nil && !e.far.on {
			e.readLocked()
		}
	}
	return false
}

// enterLocked changes the state, and with it the counts, the idle list and the
// deadline. For parked the caller sets the deadline.
func (e *entry) enterLocked(to state) {
	l := e.lot
	switch {
	case e.state == idle:
		l.idle.remove(e.slot)
	case e.place.at != 0:
		l.wheel.stop(e.slot)
	}
	l.books.move(e.state, to)
	e.state = to
	if e.sock != nil && to != active && to != finishing {
		e.sock.wakeLocked(evAll) // to learn that it is not the connection's any more
		e.sock = nil
	}
	if to == idle {
		l.idle.push(e.slot)
		e.stamp = l.poller.now()
	}
}

// keptLocked are the bytes that are kept, which are none or some.
func (e *entry) keptLocked() []byte {
	if e.kept == nil {
		return nil
	}
	return *e.kept
}

// keepLocked keeps these bytes in place of any others.
func (e *entry) keepLocked(b []byte) {
	switch {
	case len(b) == 0:
		e.kept = nil
	case e.kept == nil:
		kept := b // of its own, or every call would allocate
		e.kept = &kept
	default:
		*e.kept = b
	}
}

// closeLocked ends the connection. Its ID matches nothing from here on. The slot
// is free at once or, if something reads, when that has stopped.
func (e *entry) closeLocked() {
	l, far := e.lot, e.far
	e.enterLocked(closed)
	e.gen = nextGen(e.gen)
	e.owner, e.kept = nil, nil
	l.peers.drop(e.slot)
	if far == nil {
		// It is in no other process, so this takes it out of the poller's set.
		closeFD(int(e.fd))
		e.fd = -1
		l.table.give(e.slot)
		return
	}
	if !far.on {
		e.far = nil
		l.table.give(e.slot)
	}
	if far.raw != nil {
		_ = far.conn.Close()
		return
	}
	// Closing a TLS connection writes, and may wait for that.
	l.host.add()
	go closeSlowly(far.conn, &l.host)
}

func closeSlowly(conn net.Conn, host *goroutines) {
	defer host.done()
	_ = conn.Close()
}

// serve lends a connection to the HTTP server for a turn. It runs on a worker.
func (l *lot) serve(id ID) {
	e := l.lock(id)
	if e == nil {
		return
	}
	var c Conn
	if e.far != nil {
		c = newTurn(l, id, e.far.conn, e.keptLocked(), e.far.first[0], e.ended)
	} else {
		c = e.newRawTurnLocked()
	}
	e.kept, e.fresh = nil, false
	e.mu.Unlock()
	l.o.Event(Event{Kind: Serve, ID: id, Conn: c})
}

// again, lend and returned are for turns.

func (l *lot) again(id ID) { l.Idle(id, nil) }

func (l *lot) lend(id ID) bool {
	e := l.lock(id)
	if e == nil {
		return false
	}
	l.host.add()
	e.mu.Unlock()
	return true
}

func (l *lot) returned() { l.host.done() }

// fire is called by the wheel when a deadline has passed, or seemed to: by now
// the connection may have another deadline, or the slot another connection.
func (l *lot) fire(slot uint32) {
	e := l.table.at(slot)
	e.mu.Lock()
	if e.state != parked || e.place.at == 0 || e.place.at > l.wheel.now() {
		e.mu.Unlock()
		return
	}
	e.tellLocked(Deadline)
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
	if e.place.at != 0 {
		e.lot.wheel.stop(e.slot)
	}
	ev := Event{Kind: kind, ID: e.id(), Owner: e.owner, Gen: e.stamp}
	e.mu.Unlock()
	e.lot.o.Event(ev)
}

// Stats implements Lot.
func (l *lot) Stats() Stats { return l.books.stats() }

// Drain implements Lot.
func (l *lot) Drain() {
	// First the mark, then the walk: a connection that becomes idle meanwhile
	// sees the mark or is met by the walk.
	l.draining.Store(true)
	l.each(func(e *entry) {
		switch {
		case e.state != idle || e.fresh:
		case e.inputAtHandLocked():
			e.enterLocked(active)
			l.workers.hand(e.id())
		default:
			e.closeLocked()
		}
	})
}

// Shut implements Lot. It must not be called from the event func.
func (l *lot) Shut() {
	l.door.shut() // no new connections
	l.table.close()
	l.each(func(e *entry) { e.closeLocked() })
	l.workers.close()
	if l.door.last() {
		close(l.host.end)
		l.poller.close()
	}
	l.host.Wait()
}

// each calls f for every connection, locked.
func (l *lot) each(f func(*entry)) {
	for slot := range l.table.size() {
		e := l.table.at(slot)
		e.mu.Lock()
		if e.state != closed {
			f(e)
		}
		e.mu.Unlock()
	}
}
