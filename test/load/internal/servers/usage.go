package servers

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"cometproxy/test/load/internal/raw"
)

// Usage reads what processes and all below them use.
type Usage struct {
	Roots []int
	tree  []int // as Refresh found it
}

// Refresh looks for processes that were started since.
func (u *Usage) Refresh() error {
	parents := make(map[int]int)
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
			parents[pid] = parentOf(text)
		}
	}
	u.tree = descendants(u.Roots, parents)
	return nil
}

// parentOf reads the parent from a /proc/PID/stat: "1 (a name) S 0 ...". The
// name may have brackets and spaces in it.
func parentOf(stat []byte) int {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0
	}
	pid, _ := strconv.Atoi(string(fields[1]))
	return pid
}

func descendants(roots []int, parents map[int]int) []int {
	tree := slices.Clone(roots)
	for i := 0; i < len(tree); i++ {
		for pid, parent := range parents {
			if parent == tree[i] && !slices.Contains(tree, pid) {
				tree = append(tree, pid)
			}
		}
	}
	return tree
}

// CPU is the processor time of the processes that Refresh found.
func (u *Usage) CPU() time.Duration {
	var sum time.Duration
	for _, pid := range u.tree {
		if t, err := raw.CPU(pid); err == nil {
			sum += t
		}
	}
	return sum
}

// PSS is their memory in bytes; what processes share is divided among them.
func (u *Usage) PSS() (int64, error) {
	if err := u.Refresh(); err != nil {
		return 0, err
	}
	var sum int64
	for _, pid := range u.tree {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return 0, fmt.Errorf("memory of process %d: %w", pid, err)
		}
		n, err := kilobytes(text, "Pss")
		if err != nil {
			return 0, fmt.Errorf("memory of process %d: %w", pid, err)
		}
		sum += n
	}
	return sum, nil
}

// kilobytes finds a line "Name:   123 kB" and returns bytes.
func kilobytes(text []byte, name string) (int64, error) {
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			fields := strings.Fields(rest)
			if len(fields) == 2 && fields[1] == "kB" {
				n, err := strconv.ParseInt(fields[0], 10, 64)
				return n << 10, err
			}
		}
	}
	return 0, errors.New("there is no line " + name)
}

// Slab is the memory of the kernel's own objects on this machine, of which
// sockets are some.
func Slab() int64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	n, _ := kilobytes(text, "Slab")
	return n
}

// Machine is the processor time that all of this machine has spent on something.
func Machine() time.Duration {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return busy(line)
}

// busy adds up the first line of /proc/stat: cpu user nice system idle iowait irq
// softirq steal, in hundredths of a second. Stolen time is somebody's, too.
func busy(line string) time.Duration {
	const idle, iowait, last = 4, 5, 8
	var sum int
	for i, field := range strings.Fields(line) {
		if i > 0 && i <= last && i != idle && i != iowait {
			n, _ := strconv.Atoi(field)
			sum += n
		}
	}
	return time.Duration(sum) * 10 * time.Millisecond
}

// A Rest watches for the end of a server's work.
type Rest struct {
	usage *Usage
	at    time.Time
	cpu   time.Duration
}

// NewRest begins to watch.
func (u *Usage) NewRest() *Rest { return &Rest{usage: u, at: time.Now(), cpu: u.CPU()} }

// Reached tells whether the server did next to nothing for the last while.
func (r *Rest) Reached() bool {
	const while, share = 150 * time.Millisecond, 0.04
	passed := time.Since(r.at)
	if passed < while {
		return false
	}
	cpu := r.usage.CPU()
	quiet := float64(cpu-r.cpu) < share*float64(passed)
	r.at, r.cpu = time.Now(), cpu
	return quiet
}
