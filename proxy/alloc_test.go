//go:build !race

package proxy

import (
	"runtime/debug"
	"testing"

	"cometproxy/channels"
)

// TestReleaseAllocations: what a release allocates does not grow with those who
// wait: a native hold without lines of its own costs nothing, and with them only
// the copying.
func TestReleaseAllocations(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // or the pools are emptied
	for name, own := range map[string]*lines{"native": nil, "with own lines": {[]byte("X-Own: 1\r\n")}} {
		cost := func(waiters int) float64 {
			p, _ := releasing()
			q := &channels.Query{Channels: []string{"a"}}
			m := testMessage("a")
			round := func() {
				p.parkHolds(t, q, 1, waiters, own)
				p.hub.Publish(m)
				p.release(1)
			}
			for range 200 { // fill the window and the pools
				round()
			}
			return testing.AllocsPerRun(100, round)
		}
		few, many := cost(1), cost(2000)
		t.Logf("%s: %v allocations for 1 waiter, %v for 2000", name, few, many)
		if many > few+2 {
			t.Errorf("%s: %v allocations for 1 waiter, %v for 2000", name, few, many)
		}
		if few > 20 {
			t.Errorf("%s: %v allocations for a release", name, few)
		}
	}
}
