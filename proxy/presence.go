package proxy

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"cometproxy/channels"
	"cometproxy/proxy/presence"
)

// PresenceOptions are what one app is told of who waits on channels.
type PresenceOptions struct {
	Channels   []string // patterns, in which * is any text
	Backend    string
	Path       string        // of the POSTs
	Token      string        // of their Authorization: Bearer; empty: they have none
	Node       string        // what this process is called in them
	LeaveAfter time.Duration // default 10 s
	Every      time.Duration // between two POSTs, at least; default 1 s
	StartAfter time.Duration // until clients of an earlier process have had their time to come back; default 30 s
}

func (o PresenceOptions) resolved() PresenceOptions {
	o.LeaveAfter = orDuration(o.LeaveAfter, 10*time.Second)
	o.Every = orDuration(o.Every, time.Second)
	o.StartAfter = orDuration(o.StartAfter, 30*time.Second)
	return o
}

func (o *PresenceOptions) equal(other *PresenceOptions) bool {
	return slices.Equal(o.Channels, other.Channels) && o.Backend == other.Backend && o.Path == other.Path && o.Token == other.Token &&
		o.Node == other.Node && o.LeaveAfter == other.LeaveAfter && o.Every == other.Every && o.StartAfter == other.StartAfter
}

func (o *PresenceOptions) matches(channel string) bool {
	return slices.ContainsFunc(o.Channels, func(pattern string) bool { return presence.Matches(pattern, channel) })
}

// presenceTick is how often the hub is asked who came and went. Who goes and comes
// within it is not noticed, which is the cheapest way to deal with a poll that comes
// again.
const presenceTick = 250 * time.Millisecond

// tellers are those of the settings, and who asks the hub for them.
type tellers struct {
	watching atomic.Bool   // there are some
	posts    atomic.Uint64 // POSTs that apps took

	mu    sync.Mutex
	all   []*teller     // guarded by mu; never changed in place, so that list can give it away
	ended bool          // guarded by mu
	ask   chan struct{} // guarded by mu: closed to end the goroutine that asks; nil: there is none
	work  sync.WaitGroup
}

// tellPresence puts tellers for these options in the place of those that are. One
// whose options stay stays, with all it knows.
func (p *Proxy) tellPresence(options []PresenceOptions) {
	ts := &p.tellers
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if !ts.ended {
		p.tellPresenceLocked(options)
	}
}

// tellPresenceLocked is tellPresence for who holds mu and is not too late.
func (p *Proxy) tellPresenceLocked(options []PresenceOptions) {
	ts := &p.tellers
	old := slices.Clone(ts.all)
	ts.all = nil
	for _, o := range options {
		i := slices.IndexFunc(old, func(t *teller) bool { return t.opt.equal(&o) })
		if i < 0 {
			t := newTeller(o)
			ts.all = append(ts.all, t)
			ts.work.Go(func() { p.tell(t) })
			continue
		}
		ts.all = append(ts.all, old[i])
		old = slices.Delete(old, i, i+1)
	}
	for _, t := range old {
		close(t.stop)
	}
	on := len(options) > 0
	switch {
	case on && ts.ask == nil:
		stop := make(chan struct{})
		ts.ask = stop
		ts.work.Go(func() { p.askPresence(stop) })
	case !on && ts.ask != nil:
		close(ts.ask)
		ts.ask = nil
	}
	ts.watching.Store(on)
	p.hub.Watch(on)
}

// endPresence ends all tellers. Nothing is told from then on: that a drain ends holds
// does not mean that anybody leaves.
func (p *Proxy) endPresence() {
	p.tellers.mu.Lock()
	p.tellPresenceLocked(nil)
	p.tellers.ended = true // in the same section: a reload in between would begin tellers that nobody ends
	p.tellers.mu.Unlock()
	p.tellers.work.Wait()
}

// list is for reading.
func (ts *tellers) list() []*teller {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return ts.all
}

// PresenceStats are counts of all that apps are told.
type PresenceStats struct {
	Channels int    // that somebody is on
	Pending  int    // changes that an app has not taken yet
	Posts    uint64 // POSTs that apps took
	Failed   uint64 // POSTs that they did not
}

func (p *Proxy) presenceStats() PresenceStats {
	s := PresenceStats{Posts: p.tellers.posts.Load(), Failed: p.presenceFailed.count()}
	for _, t := range p.tellers.list() {
		st := t.roll.Stats()
		s.Channels += st.Present
		s.Pending += st.Pending
	}
	return s
}

// check verifies what each teller knows.
func (ts *tellers) check() error {
	var errs []error
	for _, t := range ts.list() {
		errs = append(errs, t.roll.Check())
	}
	return errors.Join(errs...)
}

// askPresence brings what the hub noted to the tellers.
func (p *Proxy) askPresence(stop <-chan struct{}) {
	tick := time.NewTicker(presenceTick)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		p.tellers.see(p.hub, time.Now())
	}
}

// see tells the tellers of who came and went. It holds mu all the while: a new teller
// is to be told of everybody, for which tellPresence has the hub note them all, and
// that must not be taken for those that were there before.
func (ts *tellers) see(hub *channels.Hub, now time.Time) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	hub.Changes(func(channel string, waiters int) {
		if channel == nowhere {
			return
		}
		for _, t := range ts.all {
			if t.opt.matches(channel) {
				t.roll.See(channel, waiters > 0, now)
			}
		}
	})
}

// touch notes that somebody would wait on these channels, had there been nothing to
// tell at once.
func (p *Proxy) touch(names []string) {
	if p.tellers.watching.Load() {
		p.hub.Touch(names)
	}
}
