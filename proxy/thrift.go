package proxy

import (
	"runtime"
	"runtime/debug"
)

// thrift gives memory back to the system when a crowd has left: the runtime
// alone takes some minutes for that. Owned by the sweeper.
type thrift struct {
	peak  int64 // most connections since memory was last given back
	quiet int   // looks in a row that found fewer than half of that
}

const (
	crowdSize  = 1000 // connections that are worth the effort
	quietLooks = 15   // seconds; who was cut off has come back by then
)

// look is told how many connections there are, once a second.
func (t *thrift) look(connections int64) {
	t.peak = max(t.peak, connections)
	if t.peak < crowdSize || connections > t.peak/2 {
		t.quiet = 0
		return
	}
	if t.quiet++; t.quiet < quietLooks {
		return
	}
	t.peak, t.quiet = connections, 0
	giveBack()
}

// giveBack gives the system what memory it can.
func giveBack() {
	runtime.GC() // what lies in pools survives one collection
	debug.FreeOSMemory()
}
