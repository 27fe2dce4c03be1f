//go:build !race

package backend

import "testing"

const chaosRounds = 200

// TestSmallExchangeAllocations keeps the promise of doc.go: the common case
// starts nothing and allocates the Exchange and little else.
func TestSmallExchangeAllocations(t *testing.T) {
	b := script(t, Options{}, responder)
	r := benchRequest()
	exchangeOnce(t, b, r)
	if n := testing.AllocsPerRun(500, func() { exchangeOnce(t, b, r) }); n > 4 {
		t.Errorf("%v allocations for a small exchange", n)
	}
}
