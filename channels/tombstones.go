package channels

// tombstones remember what was lost of channels that have no entry any more:
// for each the seeded hash of its name and its dropped number, in the order in
// which they came, bounded. What falls off raises the watermark, which speaks
// for every channel without a tombstone. Guarded by the shard's lock.
//
// Two names with one hash share the larger number: a false gap at worst.
type tombstones struct {
	limit     int
	watermark uint64
	dropped   map[uint64]uint64 // hash -> number
	order     []tombstone       // oldest first from head; refs whose number is not in dropped any more are stale
	head      int
}

type tombstone struct{ hash, number uint64 }

// of is the number up to which a channel without an entry has lost messages.
func (t *tombstones) of(hash uint64) uint64 {
	return max(t.dropped[hash], t.watermark)
}

// put leaves a tombstone for a channel that lost messages up to number. A number
// at or below the watermark says nothing new and leaves none: so channels that
// were only ever looked at or waited on push out nothing.
func (t *tombstones) put(hash, number uint64) {
	if number <= t.watermark || number <= t.dropped[hash] {
		return
	}
	if t.limit <= 0 {
		t.watermark = number
		return
	}
	if t.dropped == nil {
		t.dropped = make(map[uint64]uint64)
	}
	t.dropped[hash] = number
	t.order = append(t.order, tombstone{hash, number})
	for len(t.dropped) > t.limit {
		t.dropOldest()
	}
	if t.head > 64 && t.head > len(t.order)/2 || len(t.order)-t.head > 2*len(t.dropped)+64 {
		t.compact()
	}
}

// limitTo changes the limit.
func (t *tombstones) limitTo(n int) {
	t.limit = n
	for len(t.dropped) > max(0, n) {
		t.dropOldest()
	}
	t.compact()
}

// dropOldest raises the watermark first and forgets then, so that there is no
// moment at which neither speaks for the channel.
func (t *tombstones) dropOldest() {
	o := t.order[t.head]
	t.head++
	if t.dropped[o.hash] != o.number {
		return // stale: the channel left a newer one
	}
	t.watermark = max(t.watermark, o.number)
	delete(t.dropped, o.hash)
}

// compact takes the stale references and the used-up head out of the order.
func (t *tombstones) compact() {
	live := t.order[:0]
	for _, o := range t.order[t.head:] {
		if t.dropped[o.hash] == o.number {
			live = append(live, o)
		}
	}
	if cap(live) > 4*len(live)+64 {
		live = append([]tombstone(nil), live...)
	}
	t.order, t.head = live, 0
}
