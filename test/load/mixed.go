package main

import (
	"errors"
	"fmt"
	"time"

	"cometproxy/test/load/internal/crowd"
	"cometproxy/test/load/internal/figures"
)

// A mixture is small channels, published to at a steady rate, and a huge one.
// Channel 0 is the huge one; client huge+n is alone on channel 1+n.
type mixture struct {
	*session
	huge, small int
	every       time.Duration // between two publishes to small channels

	next    time.Duration // when the next small one is due
	turn    int           // whose it is
	skipped int           // small ones not published to, because the last one was still under way
	got     int           // of the huge one's clients
	repoll  int           // of the huge one's clients that polled again
	samples []sample
}

// A sample is a message to a small channel.
type sample struct{ published, received time.Duration }

// A window is a stretch of time.
type window struct{ from, to time.Duration }

func runMixed(args []string) error {
	f := newFlags("mixed", 15000, 2000)
	f.set.Lookup("clients").Usage = "all clients; those that have no small channel are on the huge one"
	f.set.Lookup("channels").Usage = "small channels, of one client each"
	rounds := f.set.Int("rounds", 5, "how often a message is published to the huge channel")
	rate := f.set.Int("rate", 2000, "messages per second to small channels, all together")
	profile := f.profile()
	quiet := f.set.Duration("alone", 5*time.Second, "how long the small channels are alone")
	if err := f.parse(args); err != nil {
		return err
	}
	if f.clients <= f.channels || *rate < 1 {
		return errors.New("mixed needs more -clients than -channels, and a -rate of 1 at least")
	}
	s, err := newSession(f)
	if err != nil {
		return err
	}
	defer s.close()
	m := &mixture{session: s, small: f.channels, huge: f.clients - f.channels, every: time.Second / time.Duration(*rate)}
	f.channels++ // the huge one
	o := crowd.Options{Publishers: 16, Urgent: m.small, Pause: 100 * time.Microsecond, Batch: 32, Place: m.place, Received: m.received}
	if err := s.gather(o); err != nil {
		return err
	}
	if err := s.park(); err != nil {
		return err
	}
	done := s.server.ProfileCPU(*profile, profileSeconds)
	if err := m.measure(*rounds, *quiet); err != nil {
		return err
	}
	return <-done
}

func (m *mixture) place(client int) int { return max(0, 1+client-m.huge) }

func (m *mixture) received(i int, published, now time.Duration) {
	if i < m.huge {
		m.got++
		return
	}
	m.samples = append(m.samples, sample{published, now})
	m.crowd.Poll(i)
}

// measure lets the small ones alone for a while, and then lets the huge one fan
// out again and again.
func (m *mixture) measure(rounds int, quiet time.Duration) error {
	m.next = m.crowd.Now()
	alone, err := m.lasting(quiet, func() {})
	if err != nil {
		return err
	}
	var fans, repolls []window
	var last []float64
	for n := range rounds {
		m.got, m.repoll = 0, 0
		m.crowd.Publish(0)
		fan, err := m.during(lateLimit, func() bool {
			m.progress("round %d of %d, %d of %d have it", n+1, rounds, m.got, m.huge)
			return m.got == m.huge
		})
		if err != nil {
			return err
		}
		m.crowd.GiveUp()
		again, err := m.lasting(time.Second, m.pollSome)
		if err != nil {
			return err
		}
		fans, repolls = append(fans, fan), append(repolls, again)
		last = append(last, figures.MS(fan.to-fan.from))
		if _, err := m.lasting(300*time.Millisecond, func() {}); err != nil {
			return err
		}
	}
	if err := m.awaitAll(); err != nil {
		return err
	}
	m.write(alone, fans, repolls, last)
	return m.end()
}

// during publishes to small channels until it is done, or the time is up.
func (m *mixture) during(limit time.Duration, done func() bool) (w window, err error) {
	w.from = m.crowd.Now()
	err = m.crowd.Run(limit, func() bool {
		m.publishSmall()
		return done()
	})
	w.to = m.crowd.Now()
	if errors.Is(err, crowd.ErrLate) {
		err = nil
	}
	return w, err
}

// lasting publishes to small channels for some time and, on a machine that has
// little time for this, until a few messages have come.
func (m *mixture) lasting(time time.Duration, meanwhile func()) (window, error) {
	const least = 50
	before, end := len(m.samples), m.crowd.Now()+time
	return m.during(lateLimit, func() bool {
		meanwhile()
		return m.crowd.Now() >= end && len(m.samples)-before >= least
	})
}

// pollSome lets a few of the huge one's clients poll again: the small ones come
// in between.
func (m *mixture) pollSome() {
	for end := min(m.repoll+32, m.huge); m.repoll < end; m.repoll++ {
		if !m.crowd.Polls(m.repoll) {
			m.crowd.Poll(m.repoll)
		}
	}
}

// publishSmall publishes what is due.
func (m *mixture) publishSmall() {
	now := m.crowd.Now()
	for n := 0; m.next <= now; n++ {
		m.next += m.every
		if n == 32 { // we are late ourselves; a burst would measure that
			m.next = now
			return
		}
		m.turn = (m.turn + 1) % m.small
		if m.crowd.Current(m.huge + m.turn) {
			m.crowd.Publish(1 + m.turn)
		} else {
			m.skipped++
		}
	}
}

// write sorts the samples by what happened meanwhile.
func (m *mixture) write(alone window, fans, repolls []window, last []float64) {
	var quiet, fan, repoll []time.Duration
	for _, s := range m.samples {
		took := s.received - s.published
		switch {
		case s.meets(fans):
			fan = append(fan, took)
		case s.meets(repolls):
			repoll = append(repoll, took)
		case s.meets([]window{alone}):
			quiet = append(quiet, took)
		}
	}
	r := &m.report
	for _, part := range []struct {
		key, note string
		took      []time.Duration
	}{
		{"alone", "while the huge channel is silent", quiet},
		{"fanout", fmt.Sprintf("while %d clients of the huge channel are served", m.huge), fan},
		{"repoll", "while these clients poll again", repoll},
	} {
		note := fmt.Sprintf("%d messages to small channels %s", len(part.took), part.note)
		r.Add(part.key+"_p50", figures.MS(figures.Percentile(part.took, 50)), "ms", note)
		r.Add(part.key+"_p99", figures.MS(figures.Percentile(part.took, 99)), "ms", "")
		r.Add(part.key+"_max", figures.MS(figures.Percentile(part.took, 100)), "ms", "")
	}
	r.Add("last", figures.Median(last), "ms", "publish until the last client of the huge channel has it")
	r.Add("skipped", float64(m.skipped), "", "times that a small channel's turn came before its last message had arrived")
}

// meets tells whether a message was under way in one of the windows.
func (s sample) meets(windows []window) bool {
	for _, w := range windows {
		if s.published <= w.to && s.received >= w.from {
			return true
		}
	}
	return false
}
