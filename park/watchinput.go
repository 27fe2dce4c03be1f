package park

import (
	"io"
	"sync"
	"time"
)

var longAgo = time.Unix(1, 0) // a deadline that interrupts a Read

func (t *turn) WatchInput(gone func()) (stop func()) {
	if t.kept != nil || t.life.Load() != live || !t.home.lend(t.id) {
		go gone()
		return func() {}
	}
	t.mu.Lock()
	t.watched = true
	if t.readSet { // the HTTP server's deadline for the request must not end the watch
		_ = t.Conn.SetReadDeadline(time.Time{})
		t.readSet = false
	}
	t.mu.Unlock()
	quit, done := make(chan struct{}), make(chan struct{})
	go t.watchInput(gone, quit, done)
	return sync.OnceFunc(func() { t.stopWatch(quit, done) })
}

// watchInput reads ahead until the input ends, breaks, or is too much.
func (t *turn) watchInput(gone func(), quit, done chan struct{}) {
	defer t.home.returned()
	defer close(done)
	for len(t.prefix) < maxKept {
		buf := t.room[:1] // most clients send nothing
		if len(t.prefix) > 0 {
			t.prefix = withRoom(t.prefix)
			buf = t.prefix[len(t.prefix):cap(t.prefix)]
		}
		n, err := t.Conn.Read(buf)
		if n > 0 {
			t.phase.Store(other)
			if len(t.prefix) == 0 {
				t.prefix = append(make([]byte, 0, keptMin), buf[:n]...)
			} else {
				t.prefix = t.prefix[:len(t.prefix)+n]
			}
		}
		if err == nil {
			continue
		}
		if isTimeout(err) { // stop
			return
		}
		if err == io.EOF {
			t.ended.Store(true)
		}
		t.kept = err
		gone()
		return
	}
	select {
	case <-quit:
	case <-time.After(watchPatience):
		t.kept = errTooMuch
		gone()
	}
}

// watchPatience is how long a client is watched that has sent more than is kept.
const watchPatience = 10 * time.Second

func (t *turn) stopWatch(quit, done chan struct{}) {
	close(quit)
	t.mu.Lock()
	on := t.watched
	t.mu.Unlock()
	if !on {
		return
	}
	select {
	case <-done:
	default:
		_ = t.Conn.SetReadDeadline(longAgo)
		<-done
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watched, t.readSet = false, true
	_ = t.applyReadDeadlineLocked()
}

const keptMin = 2 << 10 // first size of a buffer of kept bytes

// withRoom returns b with room for more, up to maxKept in all. It must not be
// called with a b that is as long already.
func withRoom(b []byte) []byte {
	if len(b) < cap(b) {
		return b[:len(b):min(cap(b), max(maxKept, len(b)))]
	}
	grown := make([]byte, len(b), min(max(2*len(b), keptMin), maxKept))
	copy(grown, b)
	return grown
}
