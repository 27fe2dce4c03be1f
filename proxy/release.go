package proxy

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"cometproxy/channels"
)

// slice is how many holds of one release are answered in a turn.
const slice = 64

// A release is a batch of claimed holds on its way to be answered.
type release struct {
	began   time.Time         // static
	message *channels.Message // static; nil: no answers to share
	next    *channels.Waiter  // guarded by releaser.mu
	left    atomic.Int64      // holds not answered yet; who answers the last one gives it back

	// Answers with nothing but the message, built when first needed. Their memory
	// is used again, in the release that is made of this one.
	mu      sync.Mutex     // guards built and, until built says so, answers
	built   [shapes]bool   // which answers there are
	answers [shapes]answer // never changed once built
}

var releases = sync.Pool{New: func() any { return new(release) }}

func newRelease(b channels.Batch) *release {
	r := releases.Get().(*release)
	r.message, r.next, r.began = b.Message, b.First, time.Now()
	r.left.Store(int64(b.Len))
	return r
}

// answered says that so many holds more are; after the last ones nobody may touch
// the release.
func (r *release) answered(n int, o Observer) {
	if r.left.Add(-int64(n)) > 0 {
		return
	}
	o.Released(time.Since(r.began))
	r.message, r.built = nil, [shapes]bool{}
	for i := range r.answers {
		if cap(r.answers[i].bytes) > maxScratch {
			r.answers[i].bytes = nil
		}
	}
	releases.Put(r)
}

// answer is the shared answer of a shape.
func (r *release) answer(p *Proxy, s shape) *answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.built[s] {
		m := [1]*channels.Message{r.message}
		e := channels.Ending{Messages: m[:], Cursor: r.message.Number}
		r.answers[s] = p.appendAnswer(r.answers[s].bytes[:0], &e, s)
		r.built[s] = true
	}
	return &r.answers[s]
}

// A releaser answers the holds that a release has ended. A few of them are
// answered by who has ended them, at once. Many are queued for the workers, who
// take a slice of each release under way in turn: a channel with many waiters does
// not delay the others.
type releaser struct {
	proxy *Proxy // static

	mu     sync.Mutex
	wake   sync.Cond  // mu; for workers, that there is work or the end
	queue  []*release // guarded by mu: those with holds left, next turn first
	head   int        // guarded by mu: where the queue begins
	ending bool       // guarded by mu
	done   sync.WaitGroup

	pending inFlight // holds that are queued or being answered
}

// releaseWorkers is how many workers there are. A worker is busy as long as there
// is a queue, and while all processors are busy nobody looks for what clients
// send but the runtime's monitor, every 10 ms. So one is left to the others.
func releaseWorkers() int { return max(1, runtime.GOMAXPROCS(0)-1) }

func (r *releaser) start(workers int) {
	r.wake.L = &r.mu
	for range workers {
		r.done.Go(r.work)
	}
}

// flush waits until all that is queued is answered.
func (r *releaser) flush() { <-r.pending.idle() }

// stop ends the workers when all that is queued is answered.
func (r *releaser) stop() {
	r.mu.Lock()
	r.ending = true
	r.wake.Broadcast()
	r.mu.Unlock()
	r.done.Wait()
}

// Released implements channels.Receiver.
func (p *Proxy) Released(b channels.Batch) {
	r := &p.releaser
	rel := newRelease(b)
	r.pending.Add(b.Len)
	if b.Len > slice {
		r.put(rel)
		return
	}
	var all [slice]*channels.Waiter
	r.answerAll(rel, all[:rel.takeSlice(&all)])
}

// put queues a release.
func (r *releaser) put(rel *release) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue = append(r.queue, rel)
	r.wake.Broadcast()
}

func (r *releaser) work() {
	var turn [slice]*channels.Waiter
	for {
		rel, n := r.take(&turn)
		if rel == nil {
			return
		}
		r.answerAll(rel, turn[:n])
	}
}

// take takes the next slice off the release whose turn it is, and puts what is
// left of it at the end of the queue.
func (r *releaser) take(turn *[slice]*channels.Waiter) (rel *release, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.head == len(r.queue) {
		if r.ending {
			return nil, 0
		}
		r.wake.Wait()
	}
	rel = r.queue[r.head]
	r.queue[r.head] = nil
	r.head++
	n = rel.takeSlice(turn)
	if rel.next != nil {
		r.queue = append(r.queue, rel)
	}
	if r.head == len(r.queue) {
		r.queue, r.head = r.queue[:0], 0
	} else if r.head > 1024 && r.head > len(r.queue)/2 {
		r.queue = append(r.queue[:0], r.queue[r.head:]...)
		r.head = 0
	}
	return rel, n
}

// takeSlice takes the first holds off a release. The caller holds releaser.mu, or
// has not queued it.
func (r *release) takeSlice(turn *[slice]*channels.Waiter) (n int) {
	for n < slice && r.next != nil {
		turn[n], r.next = r.next, r.next.Next()
		n++
	}
	return n
}

func (r *releaser) answerAll(rel *release, turn []*channels.Waiter) {
	for _, w := range turn {
		r.answer(w.Owner.(*hold), rel)
	}
	rel.answered(len(turn), r.proxy.set().Observer)
	r.pending.Add(-len(turn))
}

// answer is one of the recovery boundaries: a panic costs its own client the
// connection and nobody else anything.
func (r *releaser) answer(h *hold, rel *release) {
	conn := h.conn()
	defer r.proxy.recoverConn(conn)
	r.proxy.fault("release")
	r.proxy.finish(h, rel)
}
