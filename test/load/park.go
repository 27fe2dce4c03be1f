package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// What park promises.
const (
	maxPerClient = 4608     // bytes of a parked client, after /debug/free
	maxLeftOver  = 30 << 20 // bytes that stay when all have left
	leaveLimit   = 5 * time.Minute
)

type parkFlags struct {
	clients, rooms, rounds, cookies int
	binary, json, profiles          string
	quick                           bool
}

// A parkReport is what park found out. Sizes are bytes.
type parkReport struct {
	Machine          machine  `json:"machine"`
	Clients          int      `json:"clients"`
	Rooms            int      `json:"rooms"`
	Rounds           int      `json:"rounds"`
	RSSStart         int64    `json:"rss_start"`
	RSSFirst         int64    `json:"rss_first_park"` // all parked, no round yet
	RSSParked        int64    `json:"rss_parked"`
	RSSFreed         int64    `json:"rss_parked_freed"`
	PerClient        int64    `json:"bytes_per_client"`
	PerClientFreed   int64    `json:"bytes_per_client_freed"`
	RSSLeft          int64    `json:"rss_left"`
	LeftSeconds      float64  `json:"left_seconds"` // until it was within what is promised
	ConnectSeconds   float64  `json:"connect_seconds"`
	SlowestRoundMS   float64  `json:"slowest_round_ms"` // publish until the last client has its answer
	HeapInUse        uint64   `json:"heap_in_use"`
	StackInUse       uint64   `json:"stack_in_use"`
	FromSystem       uint64   `json:"from_system"`
	GivenBack        uint64   `json:"given_back"`
	ServerGoroutines int      `json:"server_goroutines"`
	Failures         []string `json:"failures"`
}

// runPark measures the memory of parked clients.
func runPark(args []string) error {
	var f parkFlags
	flags := flag.NewFlagSet("park", flag.ExitOnError)
	flags.IntVar(&f.clients, "clients", 15000, "how many clients connect")
	flags.IntVar(&f.rooms, "rooms", 1000, "how many rooms they spread over; each polls its room and one channel of all")
	flags.IntVar(&f.rounds, "rounds", 3, "how often a message to all is published and all poll again")
	flags.IntVar(&f.cookies, "cookies", 1536, "bytes of cookies in each request")
	flags.StringVar(&f.binary, "binary", "", "cometproxy to measure; default: built from this source")
	flags.StringVar(&f.json, "json", "", "also write the report to this file")
	flags.StringVar(&f.profiles, "profiles", "", "write heap and goroutine profiles of the parked server to this directory")
	flags.BoolVar(&f.quick, "quick", false, "do not wait until the memory has come back")
	flags.Parse(args)
	if f.clients < 1 || f.rooms < 1 || f.rounds < 0 || flags.NArg() > 0 {
		return errors.New("park takes flags only, and -clients and -rooms of 1 at least")
	}
	s, err := startServer(f.binary)
	if err != nil {
		return err
	}
	defer s.stop()
	r := parkReport{Machine: thisMachine(), Clients: f.clients, Rooms: f.rooms, Rounds: f.rounds, Failures: []string{}}
	if err := r.measure(s, f); err != nil {
		return err
	}
	r.judge(f)
	r.print()
	if f.json != "" {
		if err := writeJSON(f.json, r); err != nil {
			return err
		}
	}
	if len(r.Failures) > 0 {
		return fmt.Errorf("missed: %s", r.Failures)
	}
	return nil
}

// measure lets the clients come, be answered a few times, and leave.
func (r *parkReport) measure(s *server, f parkFlags) (err error) {
	if r.RSSStart, err = s.rss(); err != nil {
		return err
	}
	const wait = 60 // seconds; clients that are not published to in time come back by themselves
	crowd := newCrowd(s.public, f.clients, f.rooms, f.cookies, wait)
	defer crowd.leave()
	begin := time.Now()
	if err := crowd.connect(); err != nil {
		return err
	}
	if err := crowd.each((*client).poll); err != nil {
		return err
	}
	if err := s.awaitParked(f.clients, 30*time.Second); err != nil {
		return err
	}
	r.ConnectSeconds = time.Since(begin).Seconds()
	if r.RSSFirst, err = s.rss(); err != nil {
		return err
	}
	for n := range f.rounds {
		if err := r.round(s, crowd, n); err != nil {
			return fmt.Errorf("round %d: %w", n+1, err)
		}
	}
	if err := r.weigh(s, f); err != nil {
		return err
	}
	crowd.leave()
	return r.awaitLess(s, f)
}

// round publishes to all clients, and all poll again.
func (r *parkReport) round(s *server, crowd *crowd, n int) error {
	arrived := make(chan error, 1)
	go func() {
		arrived <- crowd.each(func(c *client) error {
			status, body, err := c.answer()
			if err == nil && status != 200 {
				err = fmt.Errorf("status %d: %.200s", status, body)
			}
			return err
		})
	}()
	time.Sleep(200 * time.Millisecond) // all read
	begin := time.Now()
	released, err := s.publish(everyone, fmt.Sprintf(`{"round":%d,"text":"a message of a usual size, about as long as a line of chat"}`, n))
	if err != nil {
		return err
	}
	if err := <-arrived; err != nil {
		return err
	}
	r.SlowestRoundMS = max(r.SlowestRoundMS, float64(time.Since(begin).Microseconds())/1000)
	if released != len(crowd.clients) {
		return fmt.Errorf("the publish released %d of %d", released, len(crowd.clients))
	}
	if err := crowd.each((*client).poll); err != nil {
		return err
	}
	return s.awaitParked(len(crowd.clients), 30*time.Second)
}

// weigh reads what the parked clients cost.
func (r *parkReport) weigh(s *server, f parkFlags) (err error) {
	if r.RSSParked, err = s.rss(); err != nil {
		return err
	}
	st, err := s.free()
	if err != nil {
		return err
	}
	if r.RSSFreed, err = s.rss(); err != nil {
		return err
	}
	r.HeapInUse, r.StackInUse = st.Memory["heap_in_use"], st.Memory["stack_in_use"]
	r.FromSystem, r.GivenBack = st.Memory["from_system"], st.Memory["given_back"]
	r.ServerGoroutines = st.Goroutines
	r.PerClient = (r.RSSParked - r.RSSStart) / int64(f.clients)
	r.PerClientFreed = (r.RSSFreed - r.RSSStart) / int64(f.clients)
	if f.profiles == "" {
		return nil
	}
	for path, name := range map[string]string{"/debug/pprof/heap?gc=1": "heap.pb.gz", "/debug/pprof/heap?debug=1": "heap.txt",
		"/debug/pprof/goroutine?debug=1": "goroutines.txt", "/debug/stats": "stats.json"} {
		if err := s.save(path, filepath.Join(f.profiles, name)); err != nil {
			return err
		}
	}
	return nil
}

// awaitLess waits until the memory of those who left has come back, unforced,
// and then until no more comes.
func (r *parkReport) awaitLess(s *server, f parkFlags) (err error) {
	begin := time.Now()
	for {
		if r.RSSLeft, err = s.rss(); err != nil {
			return err
		}
		r.LeftSeconds = time.Since(begin).Seconds()
		if r.RSSLeft-r.RSSStart <= maxLeftOver || f.quick || time.Since(begin) > leaveLimit {
			break
		}
		time.Sleep(time.Second)
	}
	if err := s.awaitParked(0, 30*time.Second); err != nil || f.quick {
		return err
	}
	for {
		time.Sleep(2 * time.Second)
		now, err := s.rss()
		if err != nil {
			return err
		}
		falls := now < r.RSSLeft-(256<<10)
		if r.RSSLeft = now; !falls {
			return nil
		}
	}
}

// judge compares with what is promised.
func (r *parkReport) judge(f parkFlags) {
	if r.PerClientFreed > maxPerClient {
		r.Failures = append(r.Failures, fmt.Sprintf("%d bytes per client after /debug/free; promised are %d", r.PerClientFreed, maxPerClient))
	}
	if r.RSSLeft-r.RSSStart > maxLeftOver && !f.quick {
		r.Failures = append(r.Failures, fmt.Sprintf("%s stay when all clients have left; promised are %s within %s",
			mib(r.RSSLeft-r.RSSStart), mib(maxLeftOver), leaveLimit))
	}
}

func (r *parkReport) print() {
	t := newTable(os.Stdout)
	t.row("clients", fmt.Sprint(r.Clients), fmt.Sprintf("over %d rooms, each on its room and one channel of all; %d rounds", r.Rooms, r.Rounds))
	t.row("RSS at the start", mib(r.RSSStart), "")
	t.row("RSS, all parked for the first time", mib(r.RSSFirst), fmt.Sprintf("%.1f s after the first began to connect", r.ConnectSeconds))
	t.row("RSS, all parked, unforced", mib(r.RSSParked), fmt.Sprintf("%d bytes per client", r.PerClient))
	t.row("RSS, all parked, after /debug/free", mib(r.RSSFreed), fmt.Sprintf("%d bytes per client; promised are at most %d", r.PerClientFreed, maxPerClient))
	t.row("  heap, stacks, given back, from system", fmt.Sprintf("%s, %s, %s, %s", mib(int64(r.HeapInUse)), mib(int64(r.StackInUse)), mib(int64(r.GivenBack)), mib(int64(r.FromSystem))), fmt.Sprintf("%d goroutines", r.ServerGoroutines))
	t.row("RSS, all left, unforced", mib(r.RSSLeft), fmt.Sprintf("%s more than at the start; below the promised %s after %.0f s", mib(r.RSSLeft-r.RSSStart), mib(maxLeftOver), r.LeftSeconds))
	t.row("slowest round", fmt.Sprintf("%.0f ms", r.SlowestRoundMS), "publish until the last client had its answer, clients on the same machine")
	t.end()
}
