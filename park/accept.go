package park

import (
	"errors"
	"net"
	"sync"
	"time"
)

const (
	minAcceptPause = 5 * time.Millisecond
	maxAcceptPause = time.Second
)

// keepAlive finds clients that vanished without a word: after two minutes. The
// system does that at no cost here, while nothing is read or written.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 60 * time.Second, Interval: 20 * time.Second, Count: 3}

// door is where connections come in.
type door struct {
	mu        sync.Mutex // held while a connection is let in
	isShut    bool
	ended     bool
	listeners map[net.Listener]bool
	leaving   map[net.Conn]bool // refused ones that are not closed yet

	max  int64 // connections; 0: no bound
	most int64 // that there may be: more than max, if there were when that came down
}

// Limit implements Lot.
func (l *lot) Limit(to Limits) {
	l.door.mu.Lock()
	defer l.door.mu.Unlock()
	l.door.max = int64(to.MaxConns)
	l.door.most = max(l.door.max, l.books.connections())
	l.peers.crowd.Limit(to.MaxPerAddress)
	l.peers.exempt = to.Exempt
}

// enter notes a listener, false when the door is shut.
func (d *door) enter(ln net.Listener, host *goroutines) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.isShut {
		return false
	}
	if d.listeners == nil {
		d.listeners = make(map[net.Listener]bool)
	}
	d.listeners[ln] = true
	host.add()
	return true
}

func (d *door) leave(ln net.Listener, host *goroutines) {
	d.mu.Lock()
	delete(d.listeners, ln)
	d.mu.Unlock()
	host.done()
}

func (d *door) closed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.isShut
}

// shut closes the listeners. Afterwards no connection is being let in.
func (d *door) shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.isShut = true
	for ln := range d.listeners {
		_ = ln.Close()
	}
	for conn := range d.leaving {
		_ = conn.Close()
	}
}

// last is true for the first one that asks.
func (d *door) last() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	first := !d.ended
	d.ended = true
	return first
}

// Serve implements Lot.
//
// Of a TCP listener's connections only the first of each burst is accepted by the
// listener; those behind it are taken from its descriptor. Waiting for them is
// left to the listener, for nothing else learns that it was closed.
func (l *lot) Serve(ln net.Listener) error {
	if !l.door.enter(ln, &l.host) {
		_ = ln.Close()
		return nil
	}
	defer l.door.leave(ln, &l.host)
	var more *backlog
	if l.poller != nil {
		more = newBacklog(ln)
	}
	pause := time.Duration(0)
	for {
		conn, err := ln.Accept()
		switch {
		case err == nil:
			pause = 0
			setKeepAlive(conn)
			l.letIn(l.newcomer(conn))
			l.letInAll(more)
		case l.door.closed() || isClosed(err):
			return nil
		case isPassing(err):
			l.o.Event(Event{Kind: AcceptFailed, Err: err})
			pause = min(max(2*pause, minAcceptPause), maxAcceptPause)
			if !l.pause(pause) {
				return nil
			}
		default:
			return err
		}
	}
}

// letInAll lets in what has come meanwhile.
func (l *lot) letInAll(more *backlog) {
	for more != nil {
		fds := more.take()
		for _, fd := range fds {
			l.letIn(newcomer{fd: fd})
		}
		if len(fds) < backlogSlice {
			return
		}
	}
}

// pause waits; false when the lot was shut meanwhile.
func (l *lot) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.host.end:
		return false
	}
}

// newcomer is an accepted connection.
type newcomer struct {
	conn  net.Conn // nil if only its descriptor was taken
	fd    int      // -1: none
	peer  net.Addr // the client's address; nil: what the socket says
	ahead []byte   // what the listener has read of it
}

// remote is the client's address.
func (c newcomer) remote() net.Addr {
	switch {
	case c.peer != nil:
		return c.peer
	case c.conn != nil:
		return c.conn.RemoteAddr()
	}
	if a := peerFD(c.fd); a != nil {
		return a
	}
	return nil
}

func (l *lot) letIn(c newcomer) {
	evicted, ok, err := l.admit(c)
	for _, id := range evicted {
		l.books.evicted.Add(1)
		l.o.Event(Event{Kind: Evicted, ID: id})
	}
	switch {
	case errors.Is(err, errCrowded):
		l.o.Event(Event{Kind: Crowded, Peer: c.remote()})
		l.refuse(c, l.o.RefusalPerAddress)
	case err != nil:
		l.o.Event(Event{Kind: AcceptFailed, Err: err})
	case !ok:
		l.o.Event(Event{Kind: Refused})
		l.refuse(c, l.o.Refusal)
	}
}

// errCrowded: the address has all it may have.
var errCrowded = errors.New("park: too many connections of one address")

// admit makes a new connection idle, if need be in the place of the one idle for
// longest (and no shorter than EvictAfter). It is done under one lock, so that there are never more than MaxConns.
func (l *lot) admit(c newcomer) (evicted []ID, ok bool, err error) {
	let := false
	l.door.mu.Lock()
	defer l.door.mu.Unlock()
	known, full := l.peers.enter(c)
	if full {
		return nil, false, errCrowded
	}
	defer func() {
		if !let {
			l.peers.crowd.Leave(known.home)
		}
	}()
	for l.door.max > 0 && l.books.connections() >= l.door.max {
		slot, any := l.idle.oldest(l.o.EvictAfter)
		if !any {
			return evicted, false, nil
		}
		if id, ok := l.endIdle(slot, l.o.EvictAfter); ok {
			evicted = append(evicted, id)
		}
	}
	slot, e, ok := l.table.take()
	if !ok { // shut; it is closed without a word
		c.close()
		return evicted, true, nil
	}
	l.books.accepted.Add(1)
	let = true
	return evicted, true, e.begin(l, slot, c, known)
}

// newcomer takes a connection as the descriptor it is, if it can be one.
func (l *lot) newcomer(conn net.Conn) newcomer {
	c := newcomer{conn: conn, fd: -1}
	if l.poller == nil {
		return c
	}
	below := c
	a, announced := conn.(Announced)
	if announced {
		below.conn, below.peer, below.ahead = a.Bare()
	}
	if below = below.bare(); below.fd < 0 {
		return c
	}
	return below
}

// begin makes a free entry that of a new connection.
func (e *entry) begin(l *lot, slot uint32, c newcomer, known peer) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.lot == nil {
		e.lot, e.slot, e.gen = l, slot, 1
	}
	e.told, e.ended, e.broken, e.readable, e.hup, e.fresh = false, false, false, false, false, true
	l.peers.set(slot, known)
	e.keepLocked(c.ahead)
	e.fd = int32(c.fd)
	if c.fd < 0 {
		e.far = &reading{conn: c.conn, raw: rawOf(c.conn)}
	}
	e.enterLocked(active)
	if e.far == nil {
		if err := l.poller.add(e.fd, e.id()); err != nil {
			e.closeLocked()
			return err
		}
	}
	if e.settleLocked(false) {
		l.workers.hand(e.id())
	}
	return nil
}

func (c newcomer) close() {
	if c.conn != nil {
		_ = c.conn.Close()
	} else {
		closeFD(c.fd)
	}
}

// endIdle closes a connection if it is still idle for as long as that.
func (l *lot) endIdle(slot uint32, age time.Duration) (id ID, ok bool) {
	e := l.table.at(slot)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.state != idle || !l.idle.old(&e.place, age) {
		return 0, false
	}
	id = e.id()
	e.closeLocked()
	return id, true
}

func setKeepAlive(conn net.Conn) {
	for below, ok := conn.(interface{ NetConn() net.Conn }); ok; below, ok = conn.(interface{ NetConn() net.Conn }) {
		conn = below.NetConn() // of TLS, or of one that was announced
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetKeepAliveConfig(keepAlive)
	}
}

const (
	maxLeaving  = 256         // refused connections that are closed with care
	leavingTime = time.Second // how long that may take
)

// refuse turns a connection away.
//
// A connection closed with unread bytes, and the client's request is on its
// way, is reset, and then some systems do not show the client the refusal they
// have received. So the input is read for a while, but not of more than some.
func (l *lot) refuse(c newcomer, refusal []byte) {
	l.books.refused.Add(1)
	conn := c.whole()
	if conn == nil {
		return
	}
	if raw := rawOf(conn); raw != nil {
		n, err := tryWrite(raw, refusal)
		if err != nil || n < len(refusal) {
			_ = conn.Close()
			return
		}
		refusal = nil
	}
	l.door.mu.Lock()
	ok := !l.door.isShut && len(l.door.leaving) < maxLeaving
	if ok {
		if l.door.leaving == nil {
			l.door.leaving = make(map[net.Conn]bool)
		}
		l.door.leaving[conn] = true
		l.host.add()
		go l.seeOff(conn, refusal)
	}
	l.door.mu.Unlock()
	if !ok {
		_ = conn.Close()
	}
}

// seeOff closes a refused connection when the client has had the refusal.
func (l *lot) seeOff(conn net.Conn, refusal []byte) {
	defer l.host.done()
	_ = conn.SetDeadline(time.Now().Add(leavingTime))
	if len(refusal) > 0 {
		_, _ = conn.Write(refusal)
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		var sink [512]byte
		for read := 0; read < maxKept; {
			n, err := conn.Read(sink[:])
			if err != nil {
				break
			}
			read += n
		}
	}
	l.door.mu.Lock()
	delete(l.door.leaving, conn)
	l.door.mu.Unlock()
	_ = conn.Close()
}
