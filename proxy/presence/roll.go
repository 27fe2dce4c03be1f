// Package presence knows which channels somebody waits on, as far as an app has
// been told, and what to tell it next. It sends nothing, and reads no clock.
//
// A channel is present from when somebody waits on it until nobody has for a while
// (Options.LeaveAfter), so that a poll that comes again is no leave. What is told
// is a difference of states and no log of events: while the app does not listen,
// who came and went is forgotten, and what it is told when it listens again is what
// is so then.
//
// # Sessions
//
// What an app was told by a process that is no more, nobody takes back. So all that
// a Roll tells carries the name of its session, and a Start when those who were
// there before have had their time to come back: what the app has of other sessions
// is past then.
package presence

import (
	"container/heap"
	"crypto/rand"
	"fmt"
	"maps"
	"sync"
	"time"
)

// Kind is what became of a channel.
type Kind string

// The kinds.
const (
	Join  Kind = "join"
	Leave Kind = "leave"
	Start Kind = "start" // of no channel: everything of other sessions is past
)

// An Event is one thing to tell.
type Event struct {
	Kind    Kind
	Channel string    // empty for Start
	Time    time.Time // when it came to be so: of a Leave, when the last one was there
}

// A Batch is what to tell at one time.
type Batch struct {
	Session string
	Seq     uint64  // of the session's batches; one that is told again has another, higher one
	Events  []Event // at least one
}

// Options of a Roll.
type Options struct {
	// LeaveAfter is how long nobody must have been there. More than 0.
	LeaveAfter time.Duration

	// StartAfter is how long after its beginning the Roll tells Start.
	StartAfter time.Duration

	// Max is how many channels are remembered, unless more are occupied. Beyond it a
	// new session begins, which knows nothing of those that have left nor, if there
	// are still many, of those where nobody is just now. More than 0.
	Max int
}

// A Roll is what one app is told. Its methods may be called from several
// goroutines, but Next and Told by one.
type Roll struct {
	opt Options // static

	mu       sync.Mutex
	session  string            // guarded by mu, like all of the following
	startAt  time.Time         // when Start may be told
	started  bool              // the app knows of the session's Start
	max      int               // Options.Max, or more when so many are occupied
	channels map[string]*state // present, or told so
	occupied int               // channels that somebody is on
	seq      uint64            // of the last batch
	queue    []string          // to be looked at: what is so may not be what was told
	leaving  deadlines         // of channels where nobody is
	underWay *Batch            // what Next gave; nil: nothing
}

// state is what is known of a channel.
//
// Invariant: it is in the queue, or in the batch under way, or what was told is what
// is so, or is in leaving.
type state struct {
	occupied bool
	told     knowledge
	queued   bool
	timed    bool // in leaving
	came     time.Time
	last     time.Time // when somebody was there
}

// knowledge is what the app knows of a channel.
type knowledge uint8

const (
	isAbsent  knowledge = iota // it was told of a Leave, or of nothing
	isPresent                  // it was told of a Join
	isUnsure                   // it was told, and may or may not have taken it
)

// knows is what the app is to know.
func knows(present bool) knowledge {
	if present {
		return isPresent
	}
	return isAbsent
}

// NewRoll makes a roll on which is nobody.
func NewRoll(o Options, now time.Time) *Roll {
	r := &Roll{opt: o, max: o.Max, startAt: now.Add(o.StartAfter), channels: make(map[string]*state)}
	r.session = rand.Text()
	return r
}

// See notes that somebody is or was on a channel, and whether anybody is still.
func (r *Roll) See(channel string, occupied bool, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	st := r.channels[channel]
	if st == nil {
		if len(r.channels) >= r.max {
			r.renew(now)
		}
		st = &state{came: now}
		r.channels[channel] = st
	} else if !r.present(st, now) {
		st.came = now
	}
	r.occupied += count(occupied) - count(st.occupied)
	st.occupied, st.last = occupied, now
	if !occupied && !st.timed {
		st.timed = true
		heap.Push(&r.leaving, deadline{now.Add(r.opt.LeaveAfter), channel})
	}
	r.look(channel, st, now)
}

// present reports that a channel is to be told as present.
func (r *Roll) present(st *state, now time.Time) bool {
	return st.occupied || now.Before(st.last.Add(r.opt.LeaveAfter))
}

// look puts a channel into the queue if the app is to be told of it, and forgets
// one of which there is nothing to tell any more.
func (r *Roll) look(channel string, st *state, now time.Time) {
	switch present := r.present(st, now); {
	case st.queued:
	case st.told != knows(present):
		st.queued = true
		r.queue = append(r.queue, channel)
	case !present && !st.timed:
		delete(r.channels, channel)
	}
}

// Next is what to tell now, at most so many events; nil: nothing. Told has to be
// called before it is called again.
func (r *Roll) Next(now time.Time, most int) *Batch {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.underWay != nil {
		panic("presence: Next before Told")
	}
	r.expire(now)
	b := &Batch{Session: r.session, Seq: r.seq + 1}
	for len(r.queue) > 0 && len(b.Events) < most {
		name := r.queue[0]
		r.queue = r.queue[1:]
		st := r.channels[name]
		st.queued = false
		switch present := r.present(st, now); {
		case st.told == knows(present):
			r.look(name, st, now)
		case present:
			b.Events = append(b.Events, Event{Join, name, st.came})
		default:
			b.Events = append(b.Events, Event{Leave, name, st.last})
		}
	}
	if len(r.queue) == 0 {
		r.queue = nil // its memory is as large as the largest crowd
		if !r.started && !now.Before(r.startAt) && len(b.Events) < most {
			b.Events = append(b.Events, Event{Kind: Start, Time: now})
		}
	}
	if len(b.Events) == 0 {
		return nil
	}
	r.underWay = b
	r.seq++
	return b
}

// expire looks at the channels that nobody came back to in time.
func (r *Roll) expire(now time.Time) {
	for len(r.leaving) > 0 && !now.Before(r.leaving[0].at) {
		d := heap.Pop(&r.leaving).(deadline)
		st := r.channels[d.channel]
		st.timed = false
		if end := st.last.Add(r.opt.LeaveAfter); !st.occupied && now.Before(end) {
			st.timed = true // somebody was there meanwhile
			heap.Push(&r.leaving, deadline{end, d.channel})
			continue
		}
		r.look(d.channel, st, now)
	}
}

// Told says whether the app has taken what Next gave. What it has not comes again,
// if it is still so.
func (r *Roll) Told(taken bool, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.underWay
	r.underWay = nil
	taken = taken && b.Session == r.session // else it is to be told of the new one
	for _, e := range b.Events {
		if e.Kind == Start {
			r.started = r.started || taken
			continue
		}
		st := r.channels[e.Channel]
		if st == nil {
			continue // forgotten by a new session
		}
		switch {
		case taken:
			st.told = knows(e.Kind == Join)
		case b.Session == r.session:
			st.told = isUnsure
		}
		r.look(e.Channel, st, now)
	}
}

// renew begins a new session, in which channels where nobody is any more need not
// be remembered.
func (r *Roll) renew(now time.Time) {
	r.session, r.started, r.startAt = rand.Text(), false, now
	r.queue, r.leaving = nil, nil
	maps.DeleteFunc(r.channels, func(_ string, st *state) bool { return !r.present(st, now) })
	if len(r.channels) > r.opt.Max/2 { // names that somebody makes up; who really comes again is told anew
		maps.DeleteFunc(r.channels, func(_ string, st *state) bool { return !st.occupied })
	}
	for name, st := range r.channels {
		st.told, st.queued = isAbsent, true
		r.queue = append(r.queue, name)
		if st.timed = !st.occupied; st.timed {
			r.leaving = append(r.leaving, deadline{st.last.Add(r.opt.LeaveAfter), name})
		}
	}
	heap.Init(&r.leaving)
	r.max = max(r.opt.Max, 2*len(r.channels))
}

// Stats are counts of one moment.
type Stats struct {
	Present int // channels that somebody is on
	Pending int // changes that the app has not taken yet
}

// Stats counts.
func (r *Roll) Stats() (s Stats) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Present, s.Pending = r.occupied, len(r.queue)
	if r.underWay != nil {
		s.Pending += len(r.underWay.Events)
	}
	return s
}

// Check verifies the invariant of each channel.
func (r *Roll) Check() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	occupied := 0
	sent := make(map[string]bool)
	if r.underWay != nil {
		for _, e := range r.underWay.Events {
			sent[e.Channel] = true
		}
	}
	queued := make(map[string]int)
	for _, name := range r.queue {
		queued[name]++
	}
	timed := make(map[string]int)
	for _, d := range r.leaving {
		timed[d.channel]++
	}
	for name, st := range r.channels {
		occupied += count(st.occupied)
		switch {
		case queued[name] != count(st.queued) || timed[name] != count(st.timed):
			return fmt.Errorf("presence: %q is %d times in the queue and %d times among the leaving; it says %t and %t", name, queued[name], timed[name], st.queued, st.timed)
		case !st.queued && !st.timed && !sent[name] && st.told != knows(st.occupied):
			return fmt.Errorf("presence: of %q nothing will be told, though it is occupied: %t, and the app was told %d", name, st.occupied, st.told)
		}
		delete(queued, name)
		delete(timed, name)
	}
	if occupied != r.occupied {
		return fmt.Errorf("presence: %d channels are occupied, %d were counted", occupied, r.occupied)
	}
	if len(queued)+len(timed) > 0 {
		return fmt.Errorf("presence: %d queued and %d leaving channels are not known", len(queued), len(timed))
	}
	return nil
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
