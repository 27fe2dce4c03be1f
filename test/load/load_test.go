package main

import (
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestPark lets a few clients come and go: the measurement works. What it
// measures means nothing with so few.
func TestPark(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("memory is read from /proc")
	}
	s, err := startServer("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	r := parkReport{Clients: 120, Rooms: 7}
	if err := r.measure(s, parkFlags{clients: 120, rooms: 7, rounds: 2, cookies: 1536, quick: true}); err != nil {
		t.Fatal(err)
	}
	sizes := []int64{r.RSSStart, r.RSSFirst, r.RSSParked, r.RSSFreed, r.RSSLeft}
	if slices.Min(sizes) <= 0 || r.SlowestRoundMS <= 0 {
		t.Errorf("something was not measured: %+v", r)
	}
}

// TestCookies: the requests are as large as they claim to be.
func TestCookies(t *testing.T) {
	for _, n := range []int{100, 1000, 1536, 4096} {
		if got := len(cookies(n)); got < n || got > n+40 {
			t.Errorf("cookies(%d) has %d bytes", n, got)
		}
	}
	if cookies(0) != "" {
		t.Error("cookies(0) is not empty")
	}
}

func TestUnknownCommand(t *testing.T) {
	err := run([]string{"nothing"})
	if err == nil || !strings.Contains(err.Error(), "park") {
		t.Errorf("got %v; want the commands", err)
	}
}
