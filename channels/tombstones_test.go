package channels

import (
	"math/rand/v2"
	"testing"
)

// TestTombstones compares the tombstones with all that was ever put. They may
// say too much, never too little; without overflow they are exact; and those put
// last are the ones that are kept.
func TestTombstones(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 100 {
		limit := []int{0, 1, 2, 8, 50, 300}[rnd.IntN(6)]
		hashes := 1 + rnd.Uint64N(200)
		ts := tombstones{limit: limit}
		all := map[uint64]uint64{} // naive: nothing is ever forgotten
		var order []uint64         // hashes in the order of their last effective put
		number, watermark := uint64(0), uint64(0)
		for range 3000 {
			hash := rnd.Uint64N(hashes)
			number += rnd.Uint64N(2)
			n := number
			if rnd.IntN(10) == 0 {
				n = rnd.Uint64N(number + 1) // from a channel that lost nothing lately
			}
			ts.put(hash, n)
			if n > watermark && n > all[hash] {
				for i, x := range order {
					if x == hash {
						order = append(order[:i], order[i+1:]...)
						break
					}
				}
				all[hash] = n
				order = append(order, hash)
				if len(order) > limit {
					watermark = max(watermark, all[order[0]])
					order = order[1:]
				}
			}
			if ts.watermark != watermark || len(ts.dropped) != len(order) {
				t.Fatalf("limit %d: watermark %d with %d tombstones, want %d with %d", limit, ts.watermark, len(ts.dropped), watermark, len(order))
			}
			if probe := rnd.Uint64N(hashes + 1); ts.of(probe) < all[probe] {
				t.Fatalf("%d lost %d, tombstones say %d", probe, all[probe], ts.of(probe))
			}
			for _, x := range order {
				if ts.of(x) != max(all[x], watermark) {
					t.Fatalf("%d is kept with %d, want %d", x, ts.of(x), all[x])
				}
			}
			if len(ts.order) > 3*limit+200 {
				t.Fatalf("%d references for %d tombstones", len(ts.order), len(order))
			}
		}
	}
}
