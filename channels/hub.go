package channels

import (
	"crypto/rand"
	"encoding/binary"
	"hash/maphash"
	"sync/atomic"
	"time"
)

// Options of a hub. A field's zero value means the documented default, a
// negative one off.
type Options struct {
	// Receiver is told of the waiters that others than their own callers
	// ended: publishers, Delete and Drain. Required if anything is parked.
	Receiver Receiver

	// The window kept of each channel: at most Messages (default 100), Bytes
	// with overhead (default 1 MiB; the newest message is kept whatever its
	// size) and Age (default 5 min). Messages off keeps nothing at all, Bytes
	// and Age off mean no such bound.
	Messages int
	Bytes    int64
	Age      time.Duration

	// Total bounds all windows together, with overhead, split evenly over the
	// shards; what goes first is the least recently published channel.
	// Default 256 MiB; off: no bound.
	Total int64

	// Tombstones bounds the memory of channels that were; default 1,000,000.
	Tombstones int

	// Keys bounds the idempotency keys that are remembered (default 100,000)
	// and KeyAge says for how long (default 5 min). Keys off remembers none,
	// KeyAge off keeps each until there are too many.
	Keys   int
	KeyAge time.Duration

	// IDs (default 250,000) and IDAge (default 60 s) are the same for the ids
	// that PublishNew remembers.
	IDs   int
	IDAge time.Duration

	// Saved is of the hub in whose place this one goes on; nil: it begins anew.
	// Its Epoch is used in place of the following.
	Saved *Saved

	// Epoch is the hub's; default a random one.
	Epoch uint64

	// Shards is how many locks the channels are spread over, a power of two;
	// default 64.
	Shards int
}

// A Receiver takes waiters that have ended. It is called with no lock held, by
// whoever ended them, and must not block.
type Receiver interface {
	Released(Batch)
}

// A Batch is a list of waiters that ended for one reason. They are claimed, in
// no list, and the receiver's.
type Batch struct {
	Reason  Reason
	Message *Message // ByMessage: the one published
	First   *Waiter  // go on with Waiter.Next
	Len     int
}

// A Hub is a set of channels with one counter. Its methods may be called from
// several goroutines.
type Hub struct {
	options atomic.Pointer[Options] // resolved; changed by Limit
	epoch   uint64                  // static
	seed    maphash.Seed
	start   time.Time
	shards  []shard
	keys    keys[[32]byte] // of PublishOnce, each with a digest
	ids     keys[struct{}] // of PublishNew

	counter atomic.Uint64 // last number drawn; drawn under a shard's lock only
	stats   counters

	// afterLink is called by Park between two links; set by tests before use.
	afterLink func(*Waiter, int)
}

// New makes a hub.
func New(o Options) *Hub {
	o = o.resolved()
	h := &Hub{seed: maphash.MakeSeed(), start: time.Now()}
	h.options.Store(&o)
	h.epoch = o.Epoch
	if o.Saved != nil {
		h.epoch = o.Saved.Epoch
		h.counter.Store(o.Saved.Number)
	}
	h.shards = make([]shard, o.Shards)
	for i := range h.shards {
		s := &h.shards[i]
		s.entries = make(map[string]*entry)
		s.tombs.limit = o.tombstonesOfShard()
		s.recent.older, s.recent.newer = &s.recent, &s.recent
		if o.Saved != nil {
			s.tombs.watermark = o.Saved.Lost
		}
	}
	h.keys.init(o.Keys, o.KeyAge)
	h.ids.init(o.IDs, o.IDAge)
	return h
}

// Limit changes the bounds of the history: Messages, Bytes, Age, Total and
// Tombstones. What is beyond them goes at once, shard by shard; who missed it is
// told of a gap.
func (h *Hub) Limit(bounds Options) {
	o := *h.options.Load()
	o.Messages, o.Bytes, o.Age, o.Total, o.Tombstones = bounds.Messages, bounds.Bytes, bounds.Age, bounds.Total, bounds.Tombstones
	o = o.resolved()
	h.options.Store(&o)
	for i := range h.shards {
		s := &h.shards[i]
		s.mu.Lock()
		s.tombs.limitTo(o.tombstonesOfShard())
		for _, e := range s.entries {
			h.expireLocked(s, e, h.clock())
			h.boundLocked(s, e)
			s.settle(e)
		}
		s.mu.Unlock()
	}
}

func (o *Options) tombstonesOfShard() int {
	if o.Tombstones <= 0 {
		return o.Tombstones / o.Shards
	}
	return max(1, o.Tombstones/o.Shards)
}

func (o Options) resolved() Options {
	or := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	or(&o.Messages, 100)
	or(&o.Tombstones, 1_000_000)
	or(&o.Keys, 100_000)
	or(&o.IDs, 250_000)
	or(&o.Shards, 64)
	if o.Bytes == 0 {
		o.Bytes = 1 << 20
	}
	if o.Total == 0 {
		o.Total = 256 << 20
	}
	if o.Age == 0 {
		o.Age = 5 * time.Minute
	}
	if o.KeyAge == 0 {
		o.KeyAge = 5 * time.Minute
	}
	if o.IDAge == 0 {
		o.IDAge = time.Minute
	}
	for o.Epoch == 0 {
		var b [8]byte
		rand.Read(b[:]) // never fails (crypto/rand)
		o.Epoch = binary.BigEndian.Uint64(b[:])
	}
	if o.Shards < 1 || o.Shards&(o.Shards-1) != 0 {
		panic("channels: Options.Shards must be a power of two")
	}
	return o
}

// clock is the time since the hub began, in ns: steps of the wall clock do not
// show in it.
func (h *Hub) clock() int64 { return int64(time.Since(h.start)) }

// shardOf finds a channel's shard and the seeded hash of its name.
func (h *Hub) shardOf(name string) (*shard, uint64) {
	hash := maphash.String(h.seed, name)
	return &h.shards[hash&uint64(len(h.shards)-1)], hash
}

// Cursor is the cursor at a number of this hub.
func (h *Hub) Cursor(number uint64) Cursor { return Cursor{h.epoch, number} }

// Number is the position of a cursor; not ok if the cursor is of another epoch
// or from the future.
func (h *Hub) Number(c Cursor) (number uint64, ok bool) {
	if c.Epoch != h.epoch || c.Number > h.counter.Load() {
		return 0, false
	}
	return c.Number, true
}

// Position is the number up to which everything has been published.
func (h *Hub) Position() uint64 { return h.counter.Load() }

// expireLocked drops what is too old in an entry's window. The lock of s is held.
func (h *Hub) expireLocked(s *shard, e *entry, now int64) {
	age := h.options.Load().Age
	if age < 0 {
		return
	}
	for e.window.count > 0 && now-e.window.at(0).at > int64(age) {
		s.lose(e)
	}
}

// boundLocked brings the window of e, just published to, and all windows of its
// shard within their bounds. The lock of s is held.
func (h *Hub) boundLocked(s *shard, e *entry) {
	o := h.options.Load()
	for e.window.count > max(0, o.Messages) {
		s.lose(e)
	}
	for o.Bytes > 0 && e.window.count > 1 && int64(e.window.bytes) > o.Bytes {
		s.lose(e)
	}
	if o.Total < 0 {
		return
	}
	limit := o.Total / int64(len(h.shards))
	for s.bytes > limit {
		oldest := s.recent.newer
		if oldest == &s.recent || oldest == e && e.window.count == 1 {
			return
		}
		s.lose(oldest)
		h.stats.evicted.Add(1)
		s.settle(oldest)
	}
}

// Sweep drops windows, idempotency keys and ids that are over their age, so that
// channels nobody asks for any more give their memory back. Call it now and
// then; it holds no lock for longer than a few hundred channels take.
func (h *Hub) Sweep() {
	h.keys.sweep(h.clock())
	h.ids.sweep(h.clock())
	if h.options.Load().Age < 0 {
		return
	}
	for i := range h.shards {
		for h.sweepSome(&h.shards[i]) {
		}
	}
}

func (h *Hub) sweepSome(s *shard) (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := h.clock()
	for range 256 {
		e := s.recent.newer
		if e == &s.recent || now-e.at <= int64(h.options.Load().Age) {
			return false
		}
		s.loseAll(e)
		s.settle(e)
	}
	return true
}
