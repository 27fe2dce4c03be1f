package backend

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Backend is one app, reached at one or several addresses. It is safe for
// concurrent use.
type Backend struct {
	// Static after New.
	opt     Options
	targets []*target

	errs [NumKinds]atomic.Int64

	mu sync.Mutex // guards the following, and the marked fields of target and conn
	// active counts the places taken by exchanges, each with or without a
	// connection; tunnels those taken by upgrades.
	active, tunnels int
	queue           list.List          // of *waiter, first come first; empty unless active == MaxConns
	conns           map[*conn]struct{} // every open connection, for Check
	idleCount       int                // over all targets
	sweep           *time.Timer        // closes idle connections; armed only while some are idle
	sweepArmed      bool
	next            int // the target whose turn it is
	closed          bool
	retired         bool
	aborted         bool
	endChecks       context.CancelFunc // of health; nil: there are none
	checkers        sync.WaitGroup     // their goroutines

	dialed, reused, retried int64
}

// target is one address of the app.
type target struct {
	// Static after New.
	network, address string
	host             string      // for the Host header of a request without one
	tls              *tls.Config // of https; nil: none
	hash             uint64      // of the address, for ByHeader and ByCookie

	failures atomic.Int32 // in a row

	// Guarded by Backend.mu.
	idle     []*conn   // the one used last at the end
	used     int       // exchanges and tunnels that have picked it
	unwell   bool      // so say its health checks
	outUntil time.Time // left out because of failures
	outages  int       // times it was, without a success in between
}

// New checks the options and connects to nothing yet; Start begins health checks.
func New(o Options) (*Backend, error) {
	if len(o.URLs) == 0 {
		return nil, errors.New("backend: no URL")
	}
	b := &Backend{opt: o.withDefaults(), conns: make(map[*conn]struct{})}
	for _, u := range o.URLs {
		t, err := parseURL(u)
		if err != nil {
			return nil, err
		}
		if t.tls != nil && o.TLS != nil {
			t.tls = o.TLS.withName(t.tls.ServerName)
		}
		t.hash = hashOf(t.address)
		b.targets = append(b.targets, t)
	}
	b.opt.URLs = append([]string(nil), o.URLs...)
	return b, nil
}

// Close closes the idle connections, ends the health checks and refuses new
// exchanges. Those under way and tunnels go on, and their connections are closed
// when they end.
func (b *Backend) Close() {
	b.mu.Lock()
	b.closed = true
	if b.endChecks != nil {
		b.endChecks()
	}
	for e := b.queue.Front(); e != nil; e = b.queue.Front() {
		b.queue.Remove(e)
		e.Value.(*waiter).decide(errClosed)
	}
	b.mu.Unlock()
	b.checkers.Wait()
	b.CloseIdle()
}

// Retire is for a backend in whose place there is another: what is under way, and
// what still comes from who has not heard of it, goes on; connections are not kept
// any more, and there are no health checks.
func (b *Backend) Retire() {
	b.mu.Lock()
	b.retired = true
	if b.endChecks != nil {
		b.endChecks()
	}
	b.mu.Unlock()
	b.CloseIdle()
}

// Abort is Close, and breaks off what is under way: its connections are closed,
// those of tunnels too. An app that takes no more of a request's body would
// otherwise keep its exchange for Options.BodyTimeout, whatever the client does.
func (b *Backend) Abort() {
	b.Close()
	b.mu.Lock()
	b.aborted = true // for those that are being dialed
	doomed := slices.Collect(maps.Keys(b.conns))
	b.mu.Unlock()
	for _, c := range doomed {
		c.shut()
	}
}

// CloseIdle closes the connections that are not in use.
func (b *Backend) CloseIdle() {
	b.mu.Lock()
	var doomed []*conn
	for _, t := range b.targets {
		doomed = append(doomed, t.idle...)
		t.idle = nil
	}
	b.idleCount = 0
	b.stopSweepLocked()
	for _, c := range doomed {
		b.forgetLocked(c)
	}
	b.mu.Unlock()
	for _, c := range doomed {
		c.shut()
	}
}

// Stats is a snapshot. The counters only grow.
type Stats struct {
	Active, Idle, Waiting, Tunnels int

	Dialed  int64 // connections made
	Reused  int64 // exchanges over a connection from the pool
	Retried int64 // requests sent a second time
	Errors  [NumKinds]int64

	Targets []TargetStats // in the order of Options.URLs
}

// TargetStats is one address.
type TargetStats struct {
	Address string
	In      bool // not left out because of failures or health checks
	Used    int  // exchanges and tunnels
}

// Stats returns a snapshot for metrics.
func (b *Backend) Stats() Stats {
	b.mu.Lock()
	s := Stats{
		Active: b.active, Idle: b.idleCount, Waiting: b.queue.Len(), Tunnels: b.tunnels,
		Dialed: b.dialed, Reused: b.reused, Retried: b.retried,
	}
	now := time.Now()
	for _, t := range b.targets {
		s.Targets = append(s.Targets, TargetStats{Address: t.address, In: t.inLocked(now), Used: t.used})
	}
	b.mu.Unlock()
	for k := range s.Errors {
		s.Errors[k] = b.errs[k].Load()
	}
	return s
}

// Check compares the books with each other. It is cheap enough for a debug
// page, and every test ends with it.
func (b *Backend) Check() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	count := make(map[connState]int)
	used := make(map[*target]int)
	for c := range b.conns {
		count[c.state]++
		if c.state != connIdle {
			used[c.target]++
		}
	}
	listed, picked := 0, 0
	for _, t := range b.targets {
		listed += len(t.idle)
		picked += t.used
		if t.used < used[t] {
			return fmt.Errorf("backend: %s is counted as used %d times and has %d connections in use", t.address, t.used, used[t])
		}
		for i, c := range t.idle {
			if c.state != connIdle || c.target != t {
				return fmt.Errorf("backend: a connection in state %d is listed as idle", c.state)
			}
			if i > 0 && c.idleSince.Before(t.idle[i-1].idleSince) {
				return errors.New("backend: idle connections out of order")
			}
		}
	}
	switch {
	case listed != b.idleCount || listed != count[connIdle]:
		return fmt.Errorf("backend: %d idle listed, %d counted, %d in that state", listed, b.idleCount, count[connIdle])
	case b.active < 0 || b.opt.MaxConns > 0 && b.active > b.opt.MaxConns:
		return fmt.Errorf("backend: %d places taken of %d", b.active, b.opt.MaxConns)
	case picked > b.active+b.tunnels:
		return fmt.Errorf("backend: addresses are counted as used %d times by %d exchanges", picked, b.active+b.tunnels)
	case b.tunnels < 0 || b.opt.MaxTunnels > 0 && b.tunnels > b.opt.MaxTunnels:
		return fmt.Errorf("backend: %d tunnels of %d", b.tunnels, b.opt.MaxTunnels)
	case count[connActive] > b.active:
		return fmt.Errorf("backend: %d connections for %d exchanges", count[connActive], b.active)
	case count[connTunnel] > b.tunnels:
		return fmt.Errorf("backend: %d upgraded connections for %d places", count[connTunnel], b.tunnels)
	case b.queue.Len() > 0 && b.active < b.opt.MaxConns:
		return fmt.Errorf("backend: %d wait although only %d of %d places are taken", b.queue.Len(), b.active, b.opt.MaxConns)
	case b.sweepArmed != (b.idleCount > 0):
		return fmt.Errorf("backend: sweep armed: %v, with %d idle", b.sweepArmed, b.idleCount)
	case count[connClosed] > 0:
		return fmt.Errorf("backend: %d closed connections still listed", count[connClosed])
	}
	return nil
}

func (b *Backend) count(k Kind) { b.errs[k].Add(1) }

// fail makes an error; t may be nil.
func (b *Backend) fail(k Kind, t *target, err error) *Error {
	e := &Error{Kind: k, Reason: reasonOf(k, err), Backend: b.opt.Name, Err: err}
	if t != nil {
		e.Address = t.address
	}
	return e
}
