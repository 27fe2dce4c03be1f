package main

import (
	"errors"
	"fmt"
	"time"

	"cometproxy/test/load/internal/crowd"
	"cometproxy/test/load/internal/servers"
)

// What cometproxy promises.
const (
	maxPerClient = 512      // bytes of a parked client, after /debug/free
	maxLeftOver  = 30 << 20 // bytes that stay when all have left
	leaveLimit   = 5 * time.Minute

	otherLimit = 15 * time.Second // for servers that promise nothing
)

type parkFlags struct {
	*common
	rounds   int
	max      int64
	profiles string
	quick    bool
}

// runPark measures the memory of parked clients.
func runPark(args []string) error {
	f := parkFlags{common: newFlags("park", 18000, 1)}
	f.set.IntVar(&f.rounds, "rounds", 3, "how often a message is published to each channel and all poll again")
	f.set.Int64Var(&f.max, "max", maxPerClient, "bytes of a parked client that cometproxy may use at most; 0: any")
	f.set.StringVar(&f.profiles, "profiles", "", "write heap and goroutine profiles of the parked cometproxy to this directory")
	f.set.BoolVar(&f.quick, "quick", false, "do not wait until the memory of those who left has come back")
	if err := f.parse(args); err != nil {
		return err
	}
	s, err := newSession(f.common)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.weighParked(f); err != nil {
		return err
	}
	return s.end()
}

// A scale weighs a server.
type scale struct {
	*session
	idle int64 // bytes
	err  error // the first one
}

func (s *scale) weigh(key, note string) int64 {
	n, err := s.server.Usage.PSS()
	if s.err == nil {
		s.err = err
	}
	s.report.Add(key, float64(n)/(1<<20), "MiB", note)
	return n
}

func (s *scale) perClient(key string, n int64, note string) int64 {
	each := (n - s.idle) / int64(s.flags.clients)
	s.report.Add(key, float64(each), "B", note)
	return each
}

// weighParked lets the clients come, be answered a few times, and leave.
func (s *session) weighParked(f parkFlags) error {
	if err := s.gather(crowd.Options{Publishers: 16, Pause: lazily}); err != nil {
		return err
	}
	if err := s.quiet(); err != nil {
		return err
	}
	w := &scale{session: s}
	w.idle = w.weigh("idle", "PSS of the server's processes before the first client")
	slab := servers.Slab()
	if err := s.park(); err != nil {
		return err
	}
	kernel := (servers.Slab() - slab) / int64(2*f.clients)
	w.perClient("first", w.weigh("first_parked", "all parked for the first time"), "per client")
	for n := range f.rounds {
		if err := s.round(n, f.rounds); err != nil {
			return err
		}
	}
	if err := s.rest(); err != nil {
		return err
	}
	least := w.perClient("unforced", w.weigh("parked", fmt.Sprintf("all parked after %d rounds", f.rounds)), "per client, as the server leaves it")
	if err := w.free(f, &least); err != nil {
		return err
	}
	s.report.Add("kernel", float64(kernel), "B", "per connection, beside that: half of what the kernel's objects grew by, as both ends are here")
	s.report.Add("total", float64(least+kernel), "B", "per client, with the kernel's share")
	if f.profiles != "" {
		if err := s.server.Profiles(f.profiles); err != nil {
			return err
		}
	}
	return w.leave(f)
}

// round publishes to all clients, and all poll again.
func (s *session) round(n, of int) error {
	s.progress("round %d of %d", n+1, of)
	for channel := range s.flags.channels {
		s.crowd.Publish(channel)
	}
	if err := s.awaitAll(); err != nil {
		return err
	}
	return s.pollAll()
}

// rest waits until what the server keeps ready for a while after a storm, such as
// threads and stacks, has gone.
func (s *session) rest() error {
	end := time.Now().Add(3 * time.Second)
	return s.crowd.Run(calmLimit, func() bool { return time.Now().After(end) })
}

// free makes the server give memory back, if it can, weighs it again into each, and
// compares with the promise.
func (s *scale) free(f parkFlags, each *int64) error {
	can, err := s.server.Free()
	if err != nil || !can {
		return errors.Join(err, s.err)
	}
	*each = s.perClient("forced", s.weigh("freed", "after the server was made to give back what it does not need"), "per client")
	if s.server.IsCometproxy() && f.max > 0 && *each > f.max {
		s.report.Missed = append(s.report.Missed, fmt.Sprintf("%d bytes per client after /debug/free; promised are at most %d", *each, f.max))
	}
	return s.err
}

// leave closes all connections, and waits until the memory has come back
// unforced, as cometproxy promises.
func (s *scale) leave(f parkFlags) error {
	if f.quick {
		return s.err
	}
	limit := otherLimit
	if s.server.IsCometproxy() {
		limit = leaveLimit
	}
	s.crowd.Leave()
	begin := time.Now()
	for {
		n, err := s.server.Usage.PSS()
		if err != nil {
			return err
		}
		over, passed := n-s.idle, time.Since(begin)
		s.progress("all have left, %d MiB more than idle", over>>20)
		if over > maxLeftOver && passed < limit {
			time.Sleep(3 * time.Second)
			continue
		}
		s.report.Add("left", float64(over)/(1<<20), "MiB", fmt.Sprintf("over idle, %.0f s after all have left", passed.Seconds()))
		if over > maxLeftOver && s.server.IsCometproxy() {
			s.report.Missed = append(s.report.Missed, fmt.Sprintf("%d MiB stay when all clients have left; promised are %d within %s", over>>20, maxLeftOver>>20, limit))
		}
		return s.err
	}
}
