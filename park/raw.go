package park

// A raw connection is a descriptor and its entry, and nothing else while it
// waits. Its whole life long it is registered with the poller, once and for
// edges: each change is told one time. What is told while nobody can use it is
// kept in the entry, readable until a look into the socket has shown that it is
// empty, hup for ever, and looked at when the connection begins to wait.

// What the poller tells of a connection, any of these.
const (
	evRead   = 1 << iota // there is something to read, or the input has ended
	evWrite              // there is room for more to be written
	evHup                // the input has ended
	evBroken             // the connection is broken, or both directions have ended
	evAll    = evRead | evWrite | evHup | evBroken
)

// heard takes what the poller tells. A connection that is gone has another
// generation, so what was told of it finds nothing.
func (l *lot) heard(id ID, ev int) {
	e := l.lock(id)
	if e == nil {
		return
	}
	e.readable = e.readable || ev&evRead != 0
	e.hup = e.hup || ev&evHup != 0
	e.broken = e.broken || ev&evBroken != 0
	if ev == evWrite && e.sock == nil {
		e.mu.Unlock()
		return
	}
	switch e.state {
	case idle:
		e.heardIdleRaw()
		return
	case parked:
		e.heardParkedRaw()
		return
	case finishing:
		e.ended = e.ended || e.hup
	}
	if e.sock != nil {
		e.sock.wakeLocked(ev)
	}
	e.mu.Unlock()
}

// heardIdleRaw: something to read goes to the HTTP server; the end of the
// connection ends it. It unlocks.
//
// What is told may be out of date: the poller has fetched it, then a turn read
// what it was about, and the connection became idle. A turn with nothing to read
// would be taken for a client that is too slow. If the poller has begun to fetch
// since the connection is idle, then it is true.
func (e *entry) heardIdleRaw() {
	id, fresh := e.id(), e.readable && e.stamp != e.lot.poller.now()
	switch {
	case e.broken:
		e.closeLocked()
	case fresh && !e.hup || e.inputAtHandLocked():
		e.enterLocked(active)
		e.mu.Unlock()
		e.lot.workers.hand(id)
		return
	case e.hup:
		e.closeLocked()
	}
	e.mu.Unlock()
}

// heardParkedRaw tells the owner of a stay what ends it. What the client sends
// too early is left in the socket. It unlocks.
func (e *entry) heardParkedRaw() {
	switch {
	case e.broken:
		e.tellLocked(Reset)
		return
	case e.hup:
		e.ended = true
		e.tellLocked(EndOfInput)
		return
	case e.readable && len(e.keptLocked())+e.unreadLocked() >= maxKept:
		e.broken = true
		e.tellLocked(Reset)
		return
	}
	e.mu.Unlock()
}

// inputAtHandLocked looks whether there is something to read for the next turn,
// if something was told. While it drains, when the connection is closed
// otherwise, it looks in any case.
func (e *entry) inputAtHandLocked() bool {
	if e.far != nil || !e.readable && !e.hup && !e.lot.draining.Load() {
		return false
	}
	return e.unreadLocked() > 0
}

// unreadLocked looks how much there is to read.
func (e *entry) unreadLocked() int {
	n := unreadFD(int(e.fd))
	e.readable = n > 0
	return n
}

// discardLocked reads what the client has sent ahead, for a socket that is closed
// with something unread does not send the rest of its answer.
func (e *entry) discardLocked() {
	if e.far != nil || e.broken || !e.readable {
		return
	}
	sink := make([]byte, 4<<10)
	for left := maxKept; left > 0; left -= len(sink) {
		if n, _, _ := readFD(int(e.fd), sink); n < len(sink) {
			return
		}
	}
}

// rawTurn is a turn of a raw connection.
type rawTurn struct {
	turn
	sock sock
}

func (e *entry) newRawTurnLocked() Conn {
	t := new(rawTurn)
	t.sock.e = e
	e.sock = &t.sock
	t.init(e.lot, e.id(), &t.sock, e.keptLocked(), e.ended)
	return &t.turn
}
