package channelstest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cometproxy/channels"
)

// Model runs random operations from many goroutines against an engine and, when
// all is over, compares each answer that any client got with a naive model: the
// plain log of everything that was published. An answer to a query after cursor
// p that goes on from cursor c must hold exactly the messages of its channels
// in (p, c], in a form the client accepts and in order, except on channels for
// which it tells of a gap; and a gap must be due to something that was there to
// be lost. The same for a query from a position of its own for each channel,
// which clients find by the ids of the messages that they saw last. Of several
// publishes of one new id one counts, and the others are told of that one.
type Model struct {
	Name     string
	Options  channels.Options
	Channels int // names to choose from
	Clients  int // goroutines that poll
	Ops      int // operations in all: polls, publishes, deletes, endings, sweeps

	// LooseGaps: tombstones are so few that the watermark rises, so a gap may
	// concern a channel that lost nothing.
	LooseGaps bool
}

// Run runs the model. jitter is called at random points between an engine's
// internal steps if the engine has a hook for it.
func (m Model) Run(t *testing.T, new func(o channels.Options, jitter func()) Engine) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := &run{Model: m, t: t, published: make(map[string][]logged), deleted: make(map[string][]uint64), ids: make(map[newID]uint64)}
	r.Options.Receiver = r
	r.Options.IDs, r.Options.IDAge = 4*m.Ops, -1 // none is forgotten
	jitter := rand.New(rand.NewPCG(seed, 0))
	var mu sync.Mutex
	r.engine = new(r.Options, func() {
		mu.Lock()
		n := jitter.IntN(64)
		mu.Unlock()
		switch {
		case n < 24:
			runtime.Gosched()
		case n == 63:
			time.Sleep(20 * time.Microsecond)
		}
	})
	r.left.Store(int64(m.Ops))

	var publishers, clients sync.WaitGroup
	for i := range 4 {
		publishers.Go(func() { r.publisher(rand.New(rand.NewPCG(seed, uint64(i+1)))) })
	}
	for i := range m.Clients {
		clients.Go(func() { r.client(rand.New(rand.NewPCG(seed, uint64(i+1000)))) })
	}
	publishers.Go(func() { r.meddler(rand.New(rand.NewPCG(seed, 99))) })
	publishers.Wait()
	if err := r.engine.Check(); err != nil {
		t.Error("with waiters still parked: ", err)
	}
	r.over.Store(true)
	r.engine.Drain()
	clients.Wait()

	r.checkRest()
	for i := range r.answers {
		r.checkAnswer(&r.answers[i])
	}
	st := r.engine.Stats()
	t.Logf("%d answers, %d messages published, %d repeated, %d parked, ended by %v; %d positions by id",
		len(r.answers), st.Published, st.Repeated, r.parked.Load(), st.Ended, r.byID.Load())
}

type run struct {
	Model
	t      *testing.T
	engine Engine
	left   atomic.Int64
	over   atomic.Bool
	polls  atomic.Int64
	parked atomic.Int64
	byID   atomic.Int64 // positions found by an id

	mu        sync.Mutex // guards what follows
	published map[string][]logged
	deleted   map[string][]uint64
	ids       map[newID]uint64 // what each publish of a new id was told: its number
	recent    []newID          // ids that were given lately, published or about to be
	lastID    int
	answers   []answer
	idle      []*session // waiters in no use, of any client
	known     []claim    // waiters and generations seen lately, stale ones too
}

// logged is a message in the model's log.
type logged struct {
	number uint64
	forms  channels.Forms
}

// newID is an id that is published by PublishNew only.
type newID struct{ channel, id string }

// answer is what a client got for one query.
type answer struct {
	query  channels.Query
	after  uint64 // position the query looked from, meaningless if foreign
	ending channels.Ending
	parked bool
}

// session is a waiter and the way to whoever uses it now.
type session struct {
	waiter channels.Waiter
	ended  chan delivery
}

type delivery struct {
	gen    uint32
	ending channels.Ending
}

type claim struct {
	s   *session
	gen uint32
}

func (r *run) take() bool { return r.left.Add(-1) >= 0 }

// pace lets clients get in some polls before the next operation on them; if
// all of them are parked there is nothing to wait for.
func (r *run) pace() {
	polls := r.polls.Load()
	for range 20 {
		if r.polls.Load() >= polls+2 {
			return
		}
		runtime.Gosched()
	}
}

func (r *run) name(rnd *rand.Rand) string {
	n := rnd.IntN(r.Channels)
	if rnd.IntN(2) == 0 {
		n = rnd.IntN(1 + r.Channels/8) // some are busier
	}
	return fmt.Sprintf("c%d", n)
}

// Released implements channels.Receiver.
func (r *run) Released(b channels.Batch) {
	n := 0
	for w := b.First; w != nil; n++ {
		next := w.Next() // the waiter is its client's once delivered
		r.deliver(w.Owner.(*session), b.Reason)
		w = next
	}
	if n != b.Len {
		r.t.Errorf("batch of %d has %d waiters", b.Len, n)
	}
}

func (r *run) deliver(s *session, why channels.Reason) {
	e := s.waiter.Ending()
	if e.Reason != why {
		r.t.Errorf("ended by %v, told %v", why, e.Reason)
	}
	select {
	case s.ended <- delivery{s.waiter.Generation(), e}:
	default:
		r.t.Errorf("generation %d ended twice", s.waiter.Generation())
	}
}

func (r *run) publisher(rnd *rand.Rand) {
	for r.take() {
		r.pace()
		for range 1 + rnd.IntN(3)*rnd.IntN(2) { // now and then a batch
			it := channels.Item{Channel: r.name(rnd), Size: rnd.IntN(200), Forms: channels.Native}
			switch rnd.IntN(8) {
			case 0:
				it.Forms = channels.HTTPResponse
			case 1:
				it.Forms = channels.Native | channels.HTTPResponse
			}
			if rnd.IntN(2) == 0 {
				r.publishNew(rnd, it)
				continue
			}
			res := r.engine.Publish(it)
			r.mu.Lock()
			r.published[it.Channel] = append(r.published[it.Channel], logged{res.Number, it.Forms})
			r.mu.Unlock()
		}
	}
}

// publishNew publishes with an id, now and then one that was given before, maybe
// by somebody who is at it just now.
func (r *run) publishNew(rnd *rand.Rand, it channels.Item) {
	id := r.newID(rnd, it.Channel)
	it.Channel, it.ID = id.channel, id.id
	res, repeated := r.engine.PublishNew(it)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !repeated {
		r.published[it.Channel] = append(r.published[it.Channel], logged{res.Number, it.Forms})
	}
	if n := r.ids[id]; n != 0 && n != res.Number {
		r.t.Errorf("%s of %s is %d and %d", id.id, id.channel, n, res.Number)
	}
	r.ids[id] = res.Number
}

func (r *run) newID(rnd *rand.Rand, channel string) newID {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.recent) > 0 && rnd.IntN(4) == 0 {
		return r.recent[rnd.IntN(len(r.recent))]
	}
	r.lastID++
	id := newID{channel, fmt.Sprint("id", r.lastID/2)} // two of each, maybe on different channels
	if len(r.recent) < 8 {
		r.recent = append(r.recent, id)
	} else {
		r.recent[rnd.IntN(8)] = id
	}
	return id
}

// meddler does what deadlines, hang-ups and operators do.
func (r *run) meddler(rnd *rand.Rand) {
	for r.take() {
		r.pace()
		switch n := rnd.IntN(100); {
		case n < 3:
			name := r.name(rnd)
			res := r.engine.Delete(name)
			r.mu.Lock()
			r.deleted[name] = append(r.deleted[name], res.Number)
			r.mu.Unlock()
		case n < 6:
			r.engine.Sweep()
		case n < 8:
			if err := r.engine.Check(); err != nil {
				r.t.Error(err)
			}
		case n < 10:
			r.engine.List("c", "c2", 5)
		default:
			r.mu.Lock()
			var c claim
			if len(r.known) > 0 {
				c = r.known[rnd.IntN(len(r.known))]
			}
			r.mu.Unlock()
			why := channels.ByDeadline + channels.Reason(rnd.IntN(2))
			if c.s != nil && r.engine.End(&c.s.waiter, c.gen, why) {
				r.deliver(c.s, why)
			}
		}
	}
}

func (r *run) client(rnd *rand.Rand) {
	q := r.newQuery(rnd)
	var old []channels.Cursor
	seen := make(lastSeen)
	for r.take() && !r.over.Load() {
		if rnd.IntN(10) == 0 {
			q = r.newQuery(rnd)
		}
		q.MaxMessages = rnd.IntN(4) * rnd.IntN(3)
		q.MaxBytes = rnd.IntN(2) * rnd.IntN(1000)
		a := r.poll(rnd, q)
		r.polls.Add(1)
		seen.add(a.ending.Messages)
		q.Start, q.Cursor, q.From = channels.After, r.engine.Cursor(a.ending.Cursor), nil
		old = append(old, q.Cursor)
		if rnd.IntN(20) == 0 { // comes back with what it had some time ago
			q.Cursor = old[max(0, len(old)-1-rnd.IntN(20))]
		}
		if rnd.IntN(3) == 0 {
			q.From = r.positions(&q, seen)
		}
		if rnd.IntN(200) == 0 {
			q.Cursor.Epoch++
		}
	}
}

// lastSeen is, for each channel, the last message with an id that a client saw.
type lastSeen map[string]*channels.Message

func (l lastSeen) add(messages []*channels.Message) {
	for _, m := range messages {
		if m.ID != "" {
			l[m.Channel] = m
		}
	}
}

// positions is where a client stands who knows ids: for each channel after the
// last message with an id that it saw, if that is still kept, else its cursor.
func (r *run) positions(q *channels.Query, seen lastSeen) (from []uint64) {
	for _, name := range q.Channels {
		number := q.Cursor.Number
		if m := seen[name]; m != nil {
			n, ok := r.engine.PositionOf(name, m.ID)
			if ok && n != m.Number {
				r.t.Errorf("%s of %s was %d, is at %d", m.ID, name, m.Number, n)
			}
			if ok {
				number = n
				r.byID.Add(1)
			}
		}
		from = append(from, number)
	}
	return from
}

func (r *run) newQuery(rnd *rand.Rand) channels.Query {
	q := channels.Query{Accepts: channels.Native, Start: channels.Start(1 + rnd.IntN(2))}
	if rnd.IntN(4) == 0 {
		q.Accepts = channels.HTTPResponse
	}
	for range 1 + rnd.IntN(4) {
		if n := r.name(rnd); !slices.Contains(q.Channels, n) {
			q.Channels = append(q.Channels, n)
		}
	}
	return q
}

// poll does what a long poll does: a look, and a park if it finds nothing.
func (r *run) poll(rnd *rand.Rand, q channels.Query) answer {
	a := answer{query: q, after: q.Cursor.Number}
	q.Channels = slices.Clone(q.Channels)
	a.ending = r.engine.Look(&q)
	if q.Start == channels.Now {
		a.after = a.ending.Cursor
	}
	if !a.ending.Empty() || rnd.IntN(20) == 0 {
		return r.record(a)
	}
	r.record(a)
	a.query.Start, a.query.From, a.parked, a.after = channels.After, nil, true, a.ending.Cursor
	a.query.Cursor = r.engine.Cursor(a.after)
	s := r.session()
	gen := r.engine.Prepare(&s.waiter, &q, a.after)
	r.remember(rnd, claim{s, gen})
	if r.engine.Park(&s.waiter, q.Channels) {
		r.parked.Add(1)
		d := <-s.ended
		if d.gen != gen {
			r.t.Errorf("generation %d got the ending of %d", gen, d.gen)
		}
		a.ending = d.ending
	} else {
		a.ending = s.waiter.Ending()
	}
	r.engine.Free(&s.waiter)
	r.mu.Lock()
	r.idle = append(r.idle, s)
	r.mu.Unlock()
	return r.record(a)
}

// session takes a waiter that anybody may have used before.
func (r *run) session() *session {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.idle); n > 0 {
		s := r.idle[n-1]
		r.idle = r.idle[:n-1]
		return s
	}
	s := &session{ended: make(chan delivery, 1)}
	s.waiter.Owner = s
	return s
}

func (r *run) remember(rnd *rand.Rand, c claim) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.known) < 64 {
		r.known = append(r.known, c)
	} else {
		r.known[rnd.IntN(64)] = c
	}
}

func (r *run) record(a answer) answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers = append(r.answers, a)
	return a
}

// checkRest checks the books when nobody uses the engine any more.
func (r *run) checkRest() {
	if err := r.engine.Check(); err != nil {
		r.t.Error("at rest: ", err)
	}
	if st := r.engine.Stats(); st.Waiting != 0 {
		r.t.Errorf("%d waiters at rest", st.Waiting)
	}
	seen := make(map[uint64]bool)
	for name, log := range r.published {
		slices.SortFunc(log, func(a, b logged) int { return int(int64(a.number - b.number)) })
		for _, l := range log {
			if seen[l.number] {
				r.t.Errorf("%s: number %d was given twice", name, l.number)
			}
			seen[l.number] = true
		}
	}
	for id, n := range r.ids {
		if _, ok := slices.BinarySearchFunc(r.published[id.channel], n, byNumber); !ok {
			r.t.Errorf("%s of %s is said to be %d, which is none of its channel", id.id, id.channel, n)
		}
	}
}

func byNumber(l logged, number uint64) int { return cmp.Compare(l.number, number) }

func (r *run) checkAnswer(a *answer) {
	q, e := &a.query, &a.ending
	foreign := q.Start == channels.After && q.From == nil && q.Cursor.Epoch != r.engine.Cursor(0).Epoch
	got := make(map[string][]uint64)
	last := uint64(0)
	for _, m := range e.Messages {
		if m.Number <= last || m.Number > e.Cursor {
			r.t.Errorf("message %d follows %d, cursor %d", m.Number, last, e.Cursor)
		}
		last = m.Number
		got[m.Channel] = append(got[m.Channel], m.Number)
	}
	if q.MaxMessages > 0 && len(e.Messages) > q.MaxMessages {
		r.t.Errorf("%d messages, limit %d", len(e.Messages), q.MaxMessages)
	}
	for i, name := range q.Channels {
		after, gap := a.after, slices.Contains(e.Gaps, name)
		if q.From != nil {
			after = q.From[i]
		}
		if foreign || q.Start == channels.Earliest {
			if foreign && !gap {
				r.t.Errorf("%s: foreign cursor without a gap", name)
			}
			after, gap = 0, true
		} else if gap && !r.LooseGaps && !r.couldLose(name, after) {
			r.t.Errorf("%s: gap after %d, but nothing was lost", name, after)
		}
		r.checkChannel(a, name, after, gap, got[name])
		delete(got, name)
	}
	for name := range got {
		r.t.Errorf("messages of %s, which was not asked for", name)
	}
}

// checkChannel compares what an answer has of one channel with the log.
func (r *run) checkChannel(a *answer, name string, after uint64, gap bool, got []uint64) {
	var want []uint64
	log := r.published[name]
	first := sort.Search(len(log), func(i int) bool { return log[i].number > after })
	for _, l := range log[first:] {
		if l.number > a.ending.Cursor {
			break
		}
		if l.forms&a.query.Accepts != 0 {
			want = append(want, l.number)
		}
	}
	if gap {
		for _, n := range got {
			if !slices.Contains(want, n) {
				r.t.Errorf("%s: message %d is not of (%d, %d]", name, n, after, a.ending.Cursor)
			}
		}
		return
	}
	if !slices.Equal(got, want) {
		r.t.Errorf("%s in (%d, %d] (parked %v, ended by %v): got %d, published %d",
			name, after, a.ending.Cursor, a.parked, a.ending.Reason, got, want)
	}
	for _, d := range r.deleted[name] {
		if d > after && d <= a.ending.Cursor && a.query.Start == channels.After {
			r.t.Errorf("%s: deleted at %d in (%d, %d], but no gap", name, d, after, a.ending.Cursor)
		}
	}
}

func (r *run) couldLose(name string, after uint64) bool {
	log := r.published[name]
	if len(log) > 0 && log[len(log)-1].number > after {
		return true
	}
	d := r.deleted[name]
	return len(d) > 0 && slices.Max(d) > after
}
