package park

import (
	"net"
	"sync"
	"time"
)

// finishers write the answers, or the rest of them, that cannot be written at
// once: to a client that does not read, or through TLS. Each takes a goroutine
// while it is written, so there is a bounded number of them.
type finishers struct {
	host    *goroutines                    // static
	max     int                            // static
	timeout time.Duration                  // static
	done    func(id ID, end bool, r error) // static: called after each

	mu      sync.Mutex
	running int      // guarded by mu
	bytes   int      // guarded by mu: still to be written, of all
	queue   []finish // guarded by mu: for a place, those that may wait
}

// maxUnwritten bounds what finishers hold in memory of answers that were tried.
const maxUnwritten = 64 << 20

// finish is an answer to be written.
type finish struct {
	id   ID
	conn net.Conn
	rest []byte
	end  bool      // close the connection afterwards
	by   time.Time // give up then
}

// start takes an answer over, copying rest; false when there are too many. The
// caller must hold the lock of the connection, which is not closed.
//
// An answer that was not tried yet, because its connection cannot be written
// to without blocking, may wait for a place: one message to many TLS clients
// must not cost most of them their connections. Its time runs meanwhile.
func (p *finishers) start(f finish, mayWait bool) bool {
	f.by = time.Now().Add(p.timeout)
	p.mu.Lock()
	defer p.mu.Unlock()
	full := p.running >= p.max
	if !mayWait && (full || p.bytes > 0 && p.bytes+len(f.rest) > maxUnwritten) {
		return false
	}
	f.rest = append([]byte(nil), f.rest...)
	p.bytes += len(f.rest)
	if full {
		p.queue = append(p.queue, f)
		return true
	}
	p.running++
	p.host.add()
	go p.finishAnswers(f)
	return true
}

// finishAnswers is a finisher.
func (p *finishers) finishAnswers(f finish) {
	defer p.host.done()
	for more := true; more; f, more = p.next(len(f.rest)) {
		p.done(f.id, f.end, f.write())
	}
}

// next is the next answer for a finisher that has written one of that many bytes.
func (p *finishers) next(written int) (f finish, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bytes -= written
	if len(p.queue) == 0 {
		p.queue = nil
		p.running--
		return finish{}, false
	}
	f, p.queue[0] = p.queue[0], finish{}
	p.queue = p.queue[1:]
	return f, true
}

func (f finish) write() error {
	if err := f.conn.SetWriteDeadline(f.by); err != nil {
		return err
	}
	if _, err := f.conn.Write(f.rest); err != nil {
		return err
	}
	return f.conn.SetWriteDeadline(time.Time{})
}
