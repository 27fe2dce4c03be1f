package proxy

import (
	"time"

	"cometproxy/backend"
	"cometproxy/channels"
	"cometproxy/park"
	"cometproxy/proxy/spool"
)

// Stats are the counts of every part, each as its package gives them. They are of
// one moment each, and not of one together.
type Stats struct {
	Hub      channels.Stats
	Lot      park.Stats
	GRIP     map[string]uint64
	Backends map[string]backend.Stats
	Spool    spool.Stats
	Presence PresenceStats
	Refused  map[string]uint64 // times that something was refused, by what bounds it
	Active   int               // requests being worked on
	Serving  bool              // clients are accepted
}

// Stats returns a snapshot.
func (p *Proxy) Stats() Stats {
	s := Stats{Hub: p.hub.Stats(), Lot: p.lot.Stats(), GRIP: p.gripStats(), Spool: p.spool.Stats(), Presence: p.presenceStats(),
		Active: p.active.count(), Serving: p.state.Load() == stateServing,
		Backends: make(map[string]backend.Stats), Refused: make(map[string]uint64)}
	for name, b := range p.set().Backends {
		s.Backends[name] = b.Stats()
	}
	for bound, n := range map[string]*notice{
		"connections": &p.refused, "connections_per_address": &p.connsCrowded, "parked": &p.parkedFull,
		"parked_per_address": &p.crowdFull, "held_bytes": &p.answersFull,
	} {
		s.Refused[bound] = n.count()
	}
	return s
}

// An Observer is told of what a Stats cannot say: how long things took, and what
// became of requests. Several goroutines call it, and wait for it.
type Observer interface {
	// HoldEnded: a parked request has its answer, or lost its client.
	HoldEnded(why channels.Reason, held time.Duration)
	// Released: the last answer of a message is written, as far as sockets took
	// them at once, so long after its publish had ended their holds.
	Released(took time.Duration)
	// Published: a publish request was answered with a status.
	Published(status int)
	// Asked: a backend was asked, and answered with a status or not, for a reason
	// (backend.Error), so long after.
	Asked(backend string, status int, reason string, took time.Duration)
}

// nobodyLooks is an Observer.
type nobodyLooks struct{}

func (nobodyLooks) HoldEnded(channels.Reason, time.Duration) {}
func (nobodyLooks) Released(time.Duration)                   {}
func (nobodyLooks) Published(int)                            {}
func (nobodyLooks) Asked(string, int, string, time.Duration) {}
