package proxy

import (
	"sync"

	"cometproxy/channels"
)

// slice is how many holds of one release are answered in a turn.
const slice = 64

// A release is a batch of claimed holds on its way to be answered.
type release struct {
	message *channels.Message // nil: no answers to share
	next    *channels.Waiter  // guarded by releaser.mu

	// Answers with nothing but the message, built when first needed.
	once    [shapes]sync.Once
	answers [shapes]answer
}

// answer is the shared answer of a shape. It is never changed.
func (r *release) answer(p *Proxy, s shape) *answer {
	r.once[s].Do(func() {
		e := channels.Ending{Messages: []*channels.Message{r.message}, Cursor: r.message.Number}
		r.answers[s] = p.buildAnswer(&e, s)
	})
	if r.answers[s].bytes == nil {
		panic("there is no answer: building it panicked before")
	}
	return &r.answers[s]
}

// A releaser answers holds from a few goroutines, a slice of each release under
// way in turn: a channel with many waiters does not delay the others.
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
	r.pending.Add(b.Len)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue = append(r.queue, &release{message: b.Message, next: b.First})
	if b.Len > slice {
		r.wake.Broadcast()
	} else {
		r.wake.Signal()
	}
}

func (r *releaser) work() {
	var turn [slice]*channels.Waiter
	for {
		rel, n := r.take(&turn)
		if rel == nil {
			return
		}
		for _, w := range turn[:n] {
			r.answer(w.Owner.(*hold), rel)
		}
		r.pending.Add(-n)
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
	for n < slice && rel.next != nil {
		turn[n], rel.next = rel.next, rel.next.Next()
		n++
	}
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

// answer is one of the recovery boundaries: a panic costs its own client the
// connection and nobody else anything.
func (r *releaser) answer(h *hold, rel *release) {
	conn := h.conn
	defer r.proxy.recoverConn(conn)
	r.proxy.fault("release")
	r.proxy.finish(h, rel)
}
