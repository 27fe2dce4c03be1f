package main

import (
	"slices"
	"time"

	"cometproxy/test/load/internal/crowd"
	"cometproxy/test/load/internal/figures"
)

// lazily is the pause of clients that do not charge the server with their
// wake-ups.
const lazily = 300 * time.Microsecond

// profileSeconds is how long profiles are taken of measurements that go by rounds.
const profileSeconds = 5

// A fan is what the rounds of a fan-out measured, an entry each.
type fan struct {
	first, median, p99, last []float64 // ms
	delivery, poll           []float64 // us of the server
	client                   []float64 // us of this process
}

// runFanout publishes to all clients at once.
func runFanout(args []string) error {
	f := newFlags("fanout", 15000, 1)
	rounds := f.set.Int("rounds", 5, "how often a message is published to each channel")
	pause := f.set.Duration("pause", lazily, "the clients' pause between two looks at what has come; 0: they read eagerly, and the server pays their wake-ups")
	profile := f.profile()
	if err := f.parse(args); err != nil {
		return err
	}
	s, err := newSession(f)
	if err != nil {
		return err
	}
	defer s.close()
	var latencies []time.Duration
	o := crowd.Options{Publishers: 1, Pause: *pause, Received: func(_ int, published, now time.Duration) {
		latencies = append(latencies, now-published)
	}}
	if err := s.gather(o); err != nil {
		return err
	}
	before := s.server.Usage.CPU()
	if err := s.park(); err != nil {
		return err
	}
	s.report.Add("cpu_per_connect", figures.US(s.server.Usage.CPU()-before)/float64(f.clients), "us", "of the server: a new connection and its first poll")
	done := s.server.ProfileCPU(*profile, profileSeconds)
	var all fan
	for range *rounds {
		latencies = latencies[:0]
		if err := s.fan(&all, &latencies); err != nil {
			return err
		}
	}
	if err := <-done; err != nil {
		return err
	}
	all.report(&s.report)
	if s.server.IsCometproxy() {
		low, high, err := s.server.ReleaseP99()
		if err != nil {
			return err
		}
		slices.Sort(all.last)
		s.report.Add("last_p99", all.last[(len(all.last)*99+99)/100-1], "ms", "99th percentile of the rounds' last")
		s.report.Add("histogram_above", figures.MS(low), "ms", "the 99th percentile of cometproxy_release_duration_seconds is above this,")
		s.report.Add("histogram_to", figures.MS(high), "ms", "and at most this")
	}
	return s.end()
}

// fan is one round.
func (s *session) fan(all *fan, latencies *[]time.Duration) error {
	usage, n := &s.server.Usage, float64(s.flags.clients)
	own := ownCPU()
	before := usage.CPU()
	for channel := range s.flags.channels {
		s.crowd.Publish(channel)
	}
	if err := s.awaitAll(); err != nil {
		return err
	}
	own = ownCPU() - own
	if err := s.calm(); err != nil {
		return err
	}
	delivered := usage.CPU()
	if err := s.pollAll(); err != nil {
		return err
	}
	polled := usage.CPU()
	all.first = append(all.first, figures.MS(figures.Percentile(*latencies, 0)))
	all.median = append(all.median, figures.MS(figures.Percentile(*latencies, 50)))
	all.p99 = append(all.p99, figures.MS(figures.Percentile(*latencies, 99)))
	all.last = append(all.last, figures.MS(figures.Percentile(*latencies, 100)))
	all.delivery = append(all.delivery, figures.US(delivered-before)/n)
	all.poll = append(all.poll, figures.US(polled-delivered)/n)
	all.client = append(all.client, figures.US(own)/n)
	return nil
}

func (f *fan) report(r *figures.Report) {
	r.Add("first", figures.Median(f.first), "ms", "publish until the first client has it; medians of the rounds")
	r.Add("median", figures.Median(f.median), "ms", "")
	r.Add("p99", figures.Median(f.p99), "ms", "")
	r.Add("last", figures.Median(f.last), "ms", "publish until the last client has it")
	r.Add("cpu_per_delivery", figures.Median(f.delivery), "us", "of the server, user and system")
	r.Add("cpu_per_poll", figures.Median(f.poll), "us", "of the server, when all poll again")
	r.Add("client_cpu", figures.Median(f.client), "us", "of this process, per delivery")
}
