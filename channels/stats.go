package channels

import "time"

import "sync/atomic"

type counters struct {
	accepted  atomic.Uint64
	ended     [reasons]atomic.Uint64
	published atomic.Uint64
	evicted   atomic.Uint64
	gaps      atomic.Uint64
	repeated  atomic.Uint64
}

// Stats are counts of one moment, each exact, not one snapshot together. At rest
// Accepted = Waiting + the sum of Ended.
type Stats struct {
	Channels   int // with a waiter or a message
	Messages   int // kept
	Bytes      int64
	Tombstones int
	Keys       int   // idempotency keys remembered
	IDs        int   // ids remembered
	Waiting    int64 // waiters prepared and not ended

	// Since the hub began.
	Accepted    uint64          // waiters prepared
	Ended       [reasons]uint64 // waits ended, by Reason
	Published   uint64          // messages
	Gaps        uint64          // looks and endings that told of a gap
	Evicted     uint64          // messages dropped because of Options.Total
	KeysEvicted uint64          // keys forgotten before their age
	IDsEvicted  uint64          // ids forgotten before their age
	Repeated    uint64          // calls of PublishNew that did nothing
}

// Waited is how long the caller's waiter has been parked, to the millisecond. For its
// claimant only.
func (h *Hub) Waited(w *Waiter) time.Duration {
	return time.Duration(uint32(h.clock()/int64(time.Millisecond))-w.parkedAt) * time.Millisecond
}

// Stats counts. It takes each shard's lock once, shortly.
func (h *Hub) Stats() Stats {
	var st Stats
	for r := range st.Ended {
		st.Ended[r] = h.stats.ended[r].Load() // before accepted, so that Waiting is not negative
		st.Waiting -= int64(st.Ended[r])
	}
	st.Accepted = h.stats.accepted.Load()
	st.Waiting += int64(st.Accepted)
	st.Published = h.stats.published.Load()
	st.Gaps = h.stats.gaps.Load()
	st.Evicted = h.stats.evicted.Load()
	st.Keys, st.KeysEvicted = h.keys.counts()
	st.IDs, st.IDsEvicted = h.ids.counts()
	st.Repeated = h.stats.repeated.Load()
	for i := range h.shards {
		s := &h.shards[i]
		s.mu.Lock()
		st.Channels += len(s.entries)
		st.Messages += s.messages
		st.Bytes += s.bytes
		st.Tombstones += len(s.tombs.dropped)
		s.mu.Unlock()
	}
	return st
}
