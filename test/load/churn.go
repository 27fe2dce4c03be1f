package main

import (
	"errors"
	"os"
	"time"

	"cometproxy/test/load/internal/crowd"
	"cometproxy/test/load/internal/figures"
	"cometproxy/test/load/internal/raw"
)

// runChurn publishes to each client's own channel as soon as it polls again.
func runChurn(args []string) error {
	f := newFlags("churn", 2000, 2000)
	seconds := f.set.Float64("seconds", 10, "how long to measure")
	warmUp := f.set.Duration("warm-up", 2*time.Second, "how long it goes on before")
	publishers := f.set.Int("publishers", 32, "connections that publish; each has one message under way")
	profile := f.profile()
	if err := f.parse(args); err != nil {
		return err
	}
	f.clients = f.channels
	s, err := newSession(f) // which may lower both
	if err != nil {
		return err
	}
	defer s.close()
	latencies := make([]time.Duration, 0, 1<<20)
	o := crowd.Options{Publishers: *publishers, Urgent: f.clients}
	going := true
	o.Received = func(i int, published, now time.Duration) {
		latencies = append(latencies, now-published)
		s.crowd.Poll(i)
		if going {
			s.crowd.PublishSettled(i)
		}
	}
	if err := s.gather(o); err != nil {
		return err
	}
	if err := s.park(); err != nil {
		return err
	}
	for i := range f.channels {
		s.crowd.Publish(i)
	}
	if err := s.churn(*warmUp); err != nil {
		return err
	}
	latencies = latencies[:0]
	begin, before, own := time.Now(), s.server.Usage.CPU(), ownCPU()
	done := s.server.ProfileCPU(*profile, *seconds)
	if err := s.churn(time.Duration(*seconds * float64(time.Second))); err != nil {
		return err
	}
	passed, cpu, own := time.Since(begin), s.server.Usage.CPU()-before, ownCPU()-own
	n := float64(len(latencies))
	s.report.Add("deliveries", n/passed.Seconds(), "/s", "each published by a POST of its own, received and polled for again")
	s.report.Add("cpu_per_delivery", figures.US(cpu)/n, "us", "of the server: publish, delivery and poll")
	s.report.Add("p50", figures.MS(figures.Percentile(latencies, 50)), "ms", "publish until its client has it")
	s.report.Add("p99", figures.MS(figures.Percentile(latencies, 99)), "ms", "")
	s.report.Add("max", figures.MS(figures.Percentile(latencies, 100)), "ms", "")
	s.report.Add("client_cpu", figures.US(own)/n, "us", "of this process, per delivery")
	if err := <-done; err != nil {
		return err
	}
	going = false
	if err := s.awaitAll(); err != nil {
		return err
	}
	return s.end()
}

// churn goes on for a while. A channel whose message is lost gets the next one.
func (s *session) churn(d time.Duration) error {
	next := time.Now().Add(time.Second)
	err := s.crowd.Run(d, func() bool {
		if now := time.Now(); now.After(next) {
			next = now.Add(time.Second)
			s.progress("%d received", s.crowd.Tally.Received)
			for _, i := range s.crowd.GiveUp() {
				s.crowd.PublishSettled(i)
			}
		}
		return false
	})
	if errors.Is(err, crowd.ErrLate) {
		return nil
	}
	return err
}

func ownCPU() time.Duration {
	t, _ := raw.CPU(os.Getpid())
	return t
}
