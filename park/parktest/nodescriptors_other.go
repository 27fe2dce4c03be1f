//go:build !linux && !darwin

package parktest

import (
	"testing"

	"cometproxy/park"
)

func testNoDescriptors(t *testing.T, _ func(park.Options) park.Lot) {
	t.Skip("there is no limit of descriptors here that a test can lower")
}
