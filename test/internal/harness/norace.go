//go:build !race

package harness

// Race reports that this program, and so the built one, runs with the race detector.
const Race = false
