package proxy

import "sync"

// inFlight counts what is being worked on, and tells when there is nothing.
type inFlight struct {
	mu    sync.Mutex
	n     int           // guarded by mu
	empty chan struct{} // guarded by mu: closed when n gets to 0; nil if nobody asked
}

func (f *inFlight) Add(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n += n
	if f.n == 0 && f.empty != nil {
		close(f.empty)
		f.empty = nil
	}
}

func (f *inFlight) Done() { f.Add(-1) }

func (f *inFlight) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}

// idle returns a channel that is closed at the next moment with nothing under way.
func (f *inFlight) idle() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.empty
	if c == nil {
		c = make(chan struct{})
		if f.n == 0 {
			close(c)
		} else {
			f.empty = c
		}
	}
	return c
}
