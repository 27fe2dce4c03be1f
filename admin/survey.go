package admin

import (
	"sync"
	"time"

	"cometproxy/channels"
)

// surveys keeps the tables of channels that pages ask for. A survey looks at every
// channel, of which there may be a million: then it takes a part of a second, and pages
// ask for it each second. So it is made again only when ten times that has passed, and
// pages that ask for the same share one.
type surveys struct {
	mu   sync.Mutex                  // held while one is made: they are made one after the other
	made map[channels.Survey]*survey // guarded by mu
}

type survey struct {
	rows []channels.Row // never changed
	all  int
	at   time.Time // when it was made
	took time.Duration
}

const (
	maxSurveys  = 16 // kept; by people who type, each letter is another one
	freshSurvey = 100 * time.Millisecond
)

// of returns a survey of now, or of a short while ago.
func (s *surveys) of(q channels.Survey, take func(channels.Survey) ([]channels.Row, int)) *survey {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.made[q]; old != nil && time.Since(old.at) < max(freshSurvey, 10*old.took) {
		return old
	}
	began := time.Now()
	rows, all := take(q)
	fresh := &survey{rows: rows, all: all, at: time.Now()}
	fresh.took = fresh.at.Sub(began)
	if _, known := s.made[q]; s.made == nil || !known && len(s.made) >= maxSurveys {
		s.made = make(map[channels.Survey]*survey)
	}
	s.made[q] = fresh
	return fresh
}
