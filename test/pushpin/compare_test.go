//go:build linux

package pushpin

import (
	"slices"
	"sync/atomic"
	"testing"
)

// A difference is one that is meant.
type difference struct {
	what string
	why  string

	kind      kind     // of records; empty: of all
	scenarios []string // names; none: of all

	// accept makes pushpin's record what cometproxy's should be, or leaves it as
	// it is if cometproxy's has nothing of this difference.
	accept func(pushpin, comet *record)

	used atomic.Bool
}

var differences = []*difference{}

func (d *difference) concerns(scenario string, r *record) bool {
	return (d.kind == "" || d.kind == r.kind) && (d.scenarios == nil || slices.Contains(d.scenarios, scenario))
}

// compare compares the records of both sides: equal, or in the table.
func compare(t *testing.T, scenario string, pushpin, comet []*record) {
	t.Helper()
	if len(pushpin) != len(comet) {
		t.Fatalf("%d records, Pushpin's are %d", len(comet), len(pushpin))
	}
	for i, c := range comet {
		want := *pushpin[i]
		want.lines = slices.Clone(want.lines)
		for _, d := range differences {
			if d.concerns(scenario, c) {
				before := want.String()
				d.accept(&want, c)
				if want.String() != before {
					d.used.Store(true)
				}
			}
		}
		if c.first != want.first || !slices.Equal(c.lines, want.lines) || c.body != want.body {
			t.Errorf("cometproxy's\n%s\nPushpin's\n%s\nWith the differences that are meant, it should be\n%s", c, pushpin[i], &want)
		}
	}
}

// reportUnused keeps the table from growing stale.
func reportUnused(t *testing.T) {
	t.Helper()
	for _, d := range differences {
		if !d.used.Load() {
			t.Errorf("no scenario shows the difference %q: remove it from the table, or write one", d.what)
		}
	}
}
