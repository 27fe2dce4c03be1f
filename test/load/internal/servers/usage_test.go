package servers

import (
	"os"
	"runtime"
	"slices"
	"testing"
	"time"
)

func TestKilobytes(t *testing.T) {
	rollup := []byte("5581a000-7ffd000 ---p 00000000 00:00 0    [rollup]\nRss:      13080 kB\nPss:       9126 kB\nPss_Dirty:  4 kB\n")
	if n, err := kilobytes(rollup, "Pss"); err != nil || n != 9126<<10 {
		t.Errorf("got %d, %v; want %d", n, err, 9126<<10)
	}
	if _, err := kilobytes(rollup, "Swap"); err == nil {
		t.Error("found a line that is not there")
	}
}

func TestParentOf(t *testing.T) {
	for stat, want := range map[string]int{"12 (nginx) S 7 12": 7, "12 (a (b) c) R 8 12": 8, "12 (x)": 0} {
		if got := parentOf([]byte(stat)); got != want {
			t.Errorf("%q: %d; want %d", stat, got, want)
		}
	}
}

func TestDescendants(t *testing.T) {
	parents := map[int]int{2: 1, 3: 2, 4: 3, 5: 1, 9: 8}
	got := descendants([]int{2, 9}, parents)
	slices.Sort(got)
	if want := []int{2, 3, 4, 9}; !slices.Equal(got, want) {
		t.Errorf("got %v; want %v", got, want)
	}
}

func TestBusy(t *testing.T) {
	if got := busy("cpu  100 1 20 5000 60 3 4 5 6 7"); got != 133*10*time.Millisecond {
		t.Errorf("got %s; want 1.33s: idle, iowait and guests are no work", got)
	}
}

// TestUsage reads this process.
func TestUsage(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("it is read from /proc")
	}
	u := Usage{Roots: []int{os.Getpid()}}
	if n, err := u.PSS(); err != nil || n < 1<<20 || n > 1<<30 {
		t.Errorf("PSS is %d, %v", n, err)
	}
	before := u.CPU()
	for end := time.Now().Add(30 * time.Millisecond); time.Now().Before(end); {
	}
	if used := u.CPU() - before; used < 5*time.Millisecond || used > 10*time.Second {
		t.Errorf("30 ms of work took %s of processor time", used)
	}
}
