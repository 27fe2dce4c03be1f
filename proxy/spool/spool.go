// Package spool keeps on disk what apps have answered and slow clients have not
// taken yet, so that an app is done with an answer when it has sent it.
//
// All of it is in one file without a name, divided into slots. So it takes one
// descriptor, however many clients are slow, and has a bound. When it is full, the
// slowest clients lose what is kept for them: else whoever reads nothing, in great
// number, would have the apps wait again, and with them everybody.
package spool

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

const (
	slotSize = 256 << 10       // what is taken at a time
	mercy    = 2 * time.Second // no pipe younger than that is taken away
)

// ErrClosed is what Write says when nobody reads any more, and ErrSlow what both
// sides are told when a pipe was taken away.
var (
	ErrClosed = errors.New("spool: the pipe is closed")
	ErrSlow   = errors.New("too slow a client: what is kept for such is full")
)

// A Spool is the file. It is safe for concurrent use.
type Spool struct {
	dir       string // static
	max, each int    // static: slots of all pipes, and of one

	mu      sync.Mutex
	changed sync.Cond // something of what mu guards has changed
	file    *os.File  // nil until the first pipe; guarded by mu, like the next three
	free    []int     // slots that were used and are not
	slots   int       // in the file
	pipes   map[*Pipe]struct{}
	waiting bool   // a timer will wake those who wait for a slot
	slow    uint64 // pipes taken away
}

// New makes a spool of at most max bytes, and each bytes for one pipe. dir is where
// the file will be; empty: the system's place for such.
func New(dir string, max, each int64) *Spool {
	s := &Spool{pipes: make(map[*Pipe]struct{}), dir: dir, max: int(max / slotSize), each: int(each / slotSize)}
	s.changed.L = &s.mu
	return s
}

// Stats is a snapshot.
type Stats struct {
	Pipes int    // answers that are kept
	Bytes int64  // of the file that are in use
	Slow  uint64 // answers taken away since the start, because of others
}

// Stats returns a snapshot.
func (s *Spool) Stats() Stats {
	if s == nil {
		return Stats{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{len(s.pipes), int64(s.slots-len(s.free)) * slotSize, s.slow}
}

// Close gives the file back. There must be no pipe any more.
func (s *Spool) Close() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// open makes the file. It has no name: nobody else sees it, and it is gone with
// the process.
func (s *Spool) openLocked() error {
	if s.file != nil {
		return nil
	}
	f, err := os.CreateTemp(s.dir, "cometproxy-spool-")
	if err != nil {
		return err
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close()
		return err
	}
	s.file = f
	return nil
}

// takeLocked takes a slot, if there is one.
func (s *Spool) takeLocked() (slot int, ok bool) {
	if n := len(s.free); n > 0 {
		slot = s.free[n-1]
		s.free = s.free[:n-1]
		return slot, true
	}
	if s.slots == s.max {
		return 0, false
	}
	s.slots++
	return s.slots - 1, true
}

// giveLocked takes slots back. When none is in use, the disk has its room back.
func (s *Spool) giveLocked(slots ...int) {
	s.free = append(s.free, slots...)
	if len(s.free) == s.slots && s.file != nil && s.file.Truncate(0) == nil {
		s.free, s.slots = s.free[:0], 0
	}
	s.changed.Broadcast()
}

// A Pipe is one answer on its way: one goroutine writes, one reads.
type Pipe struct {
	s     *Spool    // static
	began time.Time // static

	// Guarded by s.mu.
	slots   []int // in their order; the last is being written
	written int   // bytes of the last slot
	read    int   // bytes of the first
	ended   error // no more comes; io.EOF when it is whole
	busy    int   // Read and Write that are at the file
	closed  bool
	why     error // of closed
	total   int64 // bytes read
}

// Pipe makes one. The error is of the file.
func (s *Spool) Pipe() (*Pipe, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.openLocked(); err != nil {
		return nil, err
	}
	p := &Pipe{s: s, began: time.Now()}
	s.pipes[p] = struct{}{}
	return p, nil
}

// Write keeps b. It waits while the pipe, or the file, is full.
func (p *Pipe) Write(b []byte) (written int, err error) {
	for written < len(b) {
		slot, at, err := p.room()
		if err != nil {
			return written, err
		}
		n := min(len(b)-written, slotSize-at)
		n, err = p.s.file.WriteAt(b[written:written+n], int64(slot)*slotSize+int64(at))
		written += n
		p.s.mu.Lock()
		p.written += n
		p.doneLocked()
		p.s.changed.Broadcast()
		p.s.mu.Unlock()
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// doneLocked: one of those at the file is not there any more. What it had is given
// back only then, or another pipe's bytes could get in its way.
func (p *Pipe) doneLocked() {
	p.busy--
	if p.closed && p.busy == 0 {
		p.s.giveLocked(p.slots...)
		p.slots = nil
	}
}

// room waits for a slot that is not full.
func (p *Pipe) room() (slot, at int, err error) {
	s := p.s
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if p.closed {
			return 0, 0, p.why
		}
		if n := len(p.slots); n > 0 && p.written < slotSize {
			p.busy++
			return p.slots[n-1], p.written, nil
		}
		if len(p.slots) < s.each {
			if slot, ok := s.takeLocked(); ok {
				p.busy++
				p.slots, p.written = append(p.slots, slot), 0
				return slot, 0, nil
			}
			if s.takeAwayLocked() {
				continue
			}
		}
		s.changed.Wait()
	}
}

// End says that no more is written. The reader gets err behind all there is, io.EOF
// if err is nil. Only the first End counts.
func (p *Pipe) End(err error) {
	if err == nil {
		err = io.EOF
	}
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	if p.ended == nil {
		p.ended = err
	}
	p.s.changed.Broadcast()
}

// Read implements io.Reader.
func (p *Pipe) Read(b []byte) (int, error) {
	slot, at, n, err := p.some()
	if err != nil {
		return 0, err
	}
	n, err = p.s.file.ReadAt(b[:min(len(b), n)], int64(slot)*slotSize+int64(at))
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	p.doneLocked()
	if err != nil && n == 0 {
		return 0, err
	}
	p.read += n
	p.total += int64(n)
	if p.read == slotSize && !p.closed {
		p.s.giveLocked(p.slots[0])
		p.slots, p.read = p.slots[1:], 0
	}
	return n, nil
}

// some waits for something to read.
func (p *Pipe) some() (slot, at, n int, err error) {
	s := p.s
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		end := slotSize
		if len(p.slots) == 1 {
			end = p.written
		}
		switch {
		case p.closed:
			return 0, 0, 0, p.why
		case len(p.slots) > 0 && p.read < end:
			p.busy++
			return p.slots[0], p.read, end - p.read, nil
		case p.ended != nil:
			return 0, 0, 0, p.ended
		}
		s.changed.Wait()
	}
}

// Close gives back what the pipe has. Read and Write fail from now on. It may be
// called again, and while they wait.
func (p *Pipe) Close() {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	p.closeLocked(ErrClosed)
}

func (p *Pipe) closeLocked(why error) {
	if p.closed {
		return
	}
	p.closed, p.why = true, why
	delete(p.s.pipes, p)
	p.busy++
	p.doneLocked()
	p.s.changed.Broadcast()
}

// takeAwayLocked closes the pipe that is read most slowly, if there is one that had
// its time. Else whoever waits is woken when there may be.
func (s *Spool) takeAwayLocked() bool {
	var slowest *Pipe
	var least float64
	for p := range s.pipes {
		age := time.Since(p.began)
		if rate := float64(p.total) / age.Seconds(); age >= mercy && len(p.slots) > 0 && (slowest == nil || rate < least) {
			slowest, least = p, rate
		}
	}
	if slowest != nil {
		s.slow++
		slowest.closeLocked(ErrSlow)
		return true
	}
	if !s.waiting {
		s.waiting = true
		time.AfterFunc(mercy/10, func() {
			s.mu.Lock()
			s.waiting = false
			s.changed.Broadcast()
			s.mu.Unlock()
		})
	}
	return false
}
