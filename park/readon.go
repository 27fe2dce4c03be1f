package park

import (
	"io"
	"net"
	"syscall"
	"time"
)

// reading is what a connection has that is not raw.
type reading struct {
	conn  net.Conn        // static
	raw   syscall.RawConn // static; nil when tryWrite cannot be used
	on    bool            // readOn runs, and is the only one that reads; guarded by the entry's lock
	first [1]byte         // owned by who reads; then of the turn
}

// reads reports that there is a reading, and that it is going on.
func (r *reading) reads() bool { return r != nil && r.on }

// readLocked starts the reading of a connection that waits.
func (e *entry) readLocked() {
	e.far.on = true
	e.lot.host.add()
	go e.readOn(e.far)
}

// readOn is the tiny goroutine of a connection that is idle or parked. It reads
// on while the connection changes between these, until there is something for
// the HTTP server, the input ends, or too much of it is kept. Ten thousands of
// them wait in Read on a stack of 2 KB: keep the frame small.
func (e *entry) readOn(far *reading) {
	buf := far.first[:]
	for buf != nil {
		n, err := far.conn.Read(buf)
		buf = e.heard(buf, n, err)
	}
	e.lot.host.done()
}

// heard takes what readOn has read and returns where to read on, nil to end.
func (e *entry) heard(buf []byte, n int, err error) []byte {
	e.mu.Lock()
	switch e.state {
	case idle:
		return e.heardIdle(n, err)
	case parked, finishing:
		return e.heardParked(buf, n, err)
	case waking:
		return e.heardWaking(buf, n, err)
	case closed:
		// Closed while this read: nobody else uses the entry from here on,
		// so only now its slot can be free.
		e.far = nil
		e.lot.table.give(e.slot)
	default:
		panic("park: read while " + e.state.String())
	}
	e.mu.Unlock()
	return nil
}

// heardIdle: a first byte, in far.first, goes to the HTTP server; all else ends
// the connection. It unlocks.
func (e *entry) heardIdle(n int, err error) []byte {
	if n == 0 && (err == nil || isTimeout(err)) {
		// A deadline that the connection's last owner left behind.
		_ = e.far.conn.SetReadDeadline(time.Time{})
		e.mu.Unlock()
		return e.far.first[:]
	}
	e.far.on = false
	if n == 0 {
		e.closeLocked()
		e.mu.Unlock()
		return nil
	}
	e.noteLocked(err)
	e.enterLocked(active)
	id := e.id()
	e.mu.Unlock()
	e.lot.workers.hand(id)
	return nil
}

// heardParked keeps what the client sends too early, and tells when it hangs
// up. It unlocks.
func (e *entry) heardParked(buf []byte, n int, err error) []byte {
	e.keepReadLocked(buf, n)
	if err != nil && isTimeout(err) {
		_ = e.far.conn.SetReadDeadline(time.Time{})
		err = nil
	}
	if err != nil {
		e.far.on = false
		e.noteLocked(err)
		if e.broken {
			e.tellLocked(Reset)
		} else {
			e.tellLocked(EndOfInput)
		}
		return nil
	}
	next, kept := e.far.first[:], e.keptLocked()
	switch {
	case len(kept) >= maxKept && e.state == parked:
		e.far.on, e.broken = false, true
		e.tellLocked(Reset)
		return nil
	case len(kept) >= maxKept: // it may have its answer by now
		e.far.on = false
		next = nil
	case len(kept) > 0:
		kept = withRoom(kept)
		e.keepLocked(kept)
		next = kept[len(kept):cap(kept)]
	}
	e.mu.Unlock()
	return next
}

// heardWaking: the connection's next request is at hand and it was only waited
// for this to stop. It unlocks.
func (e *entry) heardWaking(buf []byte, n int, err error) []byte {
	e.keepReadLocked(buf, n)
	e.far.on = false
	if err != nil && !isTimeout(err) {
		e.noteLocked(err)
	}
	if e.broken {
		e.closeLocked()
		e.mu.Unlock()
		return nil
	}
	_ = e.far.conn.SetReadDeadline(time.Time{})
	e.enterLocked(active)
	id := e.id()
	e.mu.Unlock()
	e.lot.workers.hand(id)
	return nil
}

// keepReadLocked appends what was read into buf, which is far.first or the room
// behind the kept bytes.
func (e *entry) keepReadLocked(buf []byte, n int) {
	kept := e.keptLocked()
	switch {
	case n == 0:
	case len(kept) == 0:
		e.keepLocked(append(make([]byte, 0, keptMin), buf[:n]...))
	case &buf[0] == &e.far.first[0]:
		e.keepLocked(append(kept, buf[:n]...))
	default:
		e.keepLocked(kept[:len(kept)+n])
	}
}

// noteLocked remembers that the input has ended or broken.
func (e *entry) noteLocked(err error) {
	switch err {
	case nil:
	case io.EOF:
		e.ended = true
	default:
		e.broken = true
	}
}
