package park

import (
	"io"
	"net"
	"os"
	"time"
)

// sock is a raw connection as a net.Conn, while it is active or a finisher
// writes: afterwards its methods say net.ErrClosed. Any of them may be called
// from several goroutines.
//
// The descriptor is used under the entry's lock and never waited for there, so
// nobody can close it, and the system give its number to another connection,
// between the look at the entry and the use. Who has to wait for the client does
// so without the lock, for the poller.
type sock struct {
	e *entry // static

	peer net.Addr // guarded by the entry's lock: the client's address, once somebody asked

	// Guarded by the entry's lock. Times are the wheel's; 0 is never.
	readBy, writeBy   int64
	mayRead, mayWrite chan struct{} // closed when it is worth another try; nil when nobody waits
}

// maxWrite bounds what is written under one hold of the lock, which the poller
// may want.
const maxWrite = 128 << 10

// wakeLocked wakes those whom what was told may help.
func (s *sock) wakeLocked(ev int) {
	if s.mayRead != nil && ev&^evWrite != 0 {
		close(s.mayRead)
		s.mayRead = nil
	}
	if s.mayWrite != nil && ev&(evWrite|evBroken) != 0 {
		close(s.mayWrite)
		s.mayWrite = nil
	}
}

// lock locks the entry; false when the connection is not the sock's any more.
func (s *sock) lock() bool {
	s.e.mu.Lock()
	if s.e.sock == s {
		return true
	}
	s.e.mu.Unlock()
	return false
}

func (s *sock) now() int64 { return s.e.lot.wheel.now() }

// Read implements net.Conn.
func (s *sock) Read(p []byte) (int, error) {
	for {
		n, again, err := s.tryRead(p)
		if again.more == nil {
			return n, err
		}
		s.wait(again)
	}
}

// A retry says when to try again: when a channel is closed or a time has come.
type retry struct {
	more <-chan struct{} // nil: no need to
	by   int64
}

func (s *sock) wait(again retry) {
	if again.by == 0 {
		<-again.more
		return
	}
	timer := time.NewTimer(time.Duration(again.by - s.now()))
	defer timer.Stop()
	select {
	case <-again.more:
	case <-timer.C:
	}
}

func (s *sock) tryRead(p []byte) (int, retry, error) {
	if !s.lock() {
		return 0, retry{}, net.ErrClosed
	}
	e := s.e
	defer e.mu.Unlock()
	if s.readBy != 0 && s.now() >= s.readBy {
		return 0, retry{}, os.ErrDeadlineExceeded
	}
	var n int
	var err error
	again := !e.readable && !e.hup && !e.broken // nothing was told since the socket was empty
	if !again {
		n, again, err = readFD(int(e.fd), p)
	}
	switch {
	case again:
		e.readable = false
		if s.mayRead == nil {
			s.mayRead = make(chan struct{})
		}
		return 0, retry{s.mayRead, s.readBy}, nil
	case err != nil:
		return 0, retry{}, err
	case n == 0 && len(p) > 0:
		return 0, retry{}, io.EOF
	}
	// The socket is empty if it had less than was asked for. What comes later is
	// told, and cannot have been told before: that takes the lock.
	e.readable = n == len(p)
	return n, retry{}, nil
}

// Write implements net.Conn.
func (s *sock) Write(p []byte) (written int, err error) {
	for {
		n, again, err := s.tryWrite(p[written:])
		written += n
		if err != nil || written == len(p) {
			return written, err
		}
		if again.more != nil {
			s.wait(again)
		}
	}
}

func (s *sock) tryWrite(p []byte) (int, retry, error) {
	if !s.lock() {
		return 0, retry{}, net.ErrClosed
	}
	defer s.e.mu.Unlock()
	if s.writeBy != 0 && s.now() >= s.writeBy {
		return 0, retry{}, os.ErrDeadlineExceeded
	}
	p = p[:min(len(p), maxWrite)]
	n, err := writeFD(int(s.e.fd), p)
	if err != nil || n == len(p) {
		return n, retry{}, err
	}
	if s.mayWrite == nil {
		s.mayWrite = make(chan struct{})
	}
	return n, retry{s.mayWrite, s.writeBy}, nil
}

// Close implements net.Conn.
func (s *sock) Close() error {
	if !s.lock() {
		return net.ErrClosed
	}
	s.e.closeLocked()
	s.e.mu.Unlock()
	return nil
}

// CloseWrite ends what is sent.
func (s *sock) CloseWrite() error {
	if !s.lock() {
		return net.ErrClosed
	}
	defer s.e.mu.Unlock()
	return closeWriteFD(int(s.e.fd))
}

// LocalAddr implements net.Conn.
func (s *sock) LocalAddr() net.Addr {
	if s.lock() {
		defer s.e.mu.Unlock()
		if a := localFD(int(s.e.fd)); a != nil {
			return a
		}
	}
	return new(net.TCPAddr)
}

// RemoteAddr implements net.Conn. The address is empty when the client has gone.
// It is asked for with each request, and costs a call of the system.
func (s *sock) RemoteAddr() net.Addr {
	if !s.lock() {
		return new(net.TCPAddr)
	}
	defer s.e.mu.Unlock()
	if s.peer == nil {
		if s.peer = s.e.lot.peers.addr(s.e.slot); s.peer == nil {
			a := peerFD(int(s.e.fd))
			if a == nil {
				return new(net.TCPAddr)
			}
			s.peer = a
		}
	}
	return s.peer
}

// SetDeadline implements net.Conn.
func (s *sock) SetDeadline(at time.Time) error { return s.setDeadlines(at, true, true) }

// SetReadDeadline implements net.Conn.
func (s *sock) SetReadDeadline(at time.Time) error { return s.setDeadlines(at, true, false) }

// SetWriteDeadline implements net.Conn.
func (s *sock) SetWriteDeadline(at time.Time) error { return s.setDeadlines(at, false, true) }

func (s *sock) setDeadlines(at time.Time, read, write bool) error {
	if !s.lock() {
		return net.ErrClosed
	}
	defer s.e.mu.Unlock()
	by := int64(0)
	if !at.IsZero() {
		by = s.e.lot.wheel.due(at)
	}
	ev := 0
	if read {
		s.readBy, ev = by, ev|evRead
	}
	if write {
		s.writeBy, ev = by, ev|evWrite
	}
	s.wakeLocked(ev) // who waits looks at the deadline again
	return nil
}
