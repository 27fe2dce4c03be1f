package park

import (
	"sync"
	"time"
)

const (
	workerLife = 2 * time.Second // how long a worker waits for its next connection
	maxFree    = 64              // how many wait at most: a burst leaves no thousand stacks behind
)

// workers runs a function for connections that have something to read, on
// goroutines that are kept for a while: their stacks have grown to what the
// HTTP server needs, a new goroutine would have to grow its own each time. The
// one that became free last is used first, so that the others can end.
type workers struct {
	run  func(ID)    // static
	host *goroutines // static

	mu      sync.Mutex
	free    []*worker // by the time they became free
	sweeper bool      // a goroutine is watching over free
	closed  bool
}

type worker struct {
	work  chan ID   // cap 1; closed to end the worker; sent to only by who took it out of free
	since time.Time // when it became free; guarded by workers.mu
}

// hand has id run, on another goroutine. After close it does nothing.
func (p *workers) hand(id ID) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	var w *worker
	if last := len(p.free) - 1; last >= 0 {
		w = p.free[last]
		p.free[last] = nil
		p.free = p.free[:last]
	} else {
		w = &worker{work: make(chan ID, 1)}
		p.host.add()
		go p.serveConns(w)
	}
	p.mu.Unlock()
	w.work <- id
}

// serveConns is a worker.
func (p *workers) serveConns(w *worker) {
	defer p.host.done()
	for id := range w.work {
		p.run(id)
		if !p.rest(w) {
			return
		}
	}
}

// rest makes a worker free; false tells it to end.
func (p *workers) rest(w *worker) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.free) >= maxFree {
		return false
	}
	w.since = time.Now()
	p.free = append(p.free, w)
	if !p.sweeper {
		p.sweeper = true
		p.host.add()
		go p.sweep()
	}
	return true
}

// sweep ends workers that have been free for too long; it ends itself when
// there are none.
func (p *workers) sweep() {
	defer p.host.done()
	timer := time.NewTimer(workerLife)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-p.host.end:
		}
		if !p.sweepOnce(time.Now()) {
			return
		}
		timer.Reset(workerLife / 2)
	}
}

func (p *workers) sweepOnce(now time.Time) (more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := 0
	for old < len(p.free) && (p.closed || now.Sub(p.free[old].since) >= workerLife) {
		close(p.free[old].work)
		old++
	}
	rest := copy(p.free, p.free[old:])
	clear(p.free[rest:])
	p.free = p.free[:rest]
	p.sweeper = rest > 0
	return p.sweeper
}

// close ends the free workers now and the others when they are through.
func (p *workers) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.sweepOnce(time.Time{})
}

// goroutines counts the goroutines of a lot, so that Shut can wait for them.
//
// add must not race with the end of the count: it is called by a goroutine
// that is counted itself, or under a lock under which it was seen that the
// lot is not shut.
type goroutines struct {
	sync.WaitGroup
	end chan struct{} // closed by Shut
}

func (g *goroutines) add()  { g.Add(1) }
func (g *goroutines) done() { g.Done() }
