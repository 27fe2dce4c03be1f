package proxy

import (
	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"cometproxy/backend"
	"cometproxy/grip"
	"cometproxy/park"
	"cometproxy/proxy/poll"
	"cometproxy/proxy/route"
)

// settings are the options and what is made of them. They never change: a reload
// puts others in their place, all at once. A request that is being worked on may
// look twice and see both; each is whole.
type settings struct {
	Options // resolved

	routes *route.Table
	limits poll.Limits
	signer *grip.Signer // nil: requests are not signed
	auth   *guard
	public *fasthttp.Server // serves the turns that begin with these settings
}

func (p *Proxy) set() *settings { return p.now.Load() }

// settle makes settings. The error names everything that is wrong with the options.
func (p *Proxy) settle(o Options) (*settings, error) {
	s := &settings{Options: o.resolved(), auth: new(guard)}
	var err error
	if s.routes, err = s.table(); err != nil {
		return nil, err
	}
	if len(s.GRIP.SigKey) > 0 && s.GRIP.SigIss != "" {
		if s.signer, err = grip.NewSigner(s.GRIP.SigKey, s.GRIP.SigIss); err != nil {
			return nil, err
		}
	}
	s.limits = poll.Limits{Default: s.Hold.Timeout, Max: s.Hold.MaxTimeout}
	s.auth.init(s.Internal)
	s.public = p.newPublicServer(s)
	return s, nil
}

// Verify says what New and Reload would refuse of the options, and starts nothing.
func Verify(o Options) error {
	_, err := (&Proxy{log: zap.NewNop()}).settle(o)
	return err
}

// Reload puts new options in the place of the old ones, or does nothing and says
// why. Every parked request stays. NewLot, Log, Observer, Snapshot, Spool, SpoolDir and NoDate
// stay what they were. Backends that are among the new ones go on; others end when
// nothing is under way to them any more.
func (p *Proxy) Reload(o Options) error {
	p.reloading.Lock()
	defer p.reloading.Unlock()
	old := p.set()
	o.NewLot, o.Log, o.Observer, o.NoDate = old.NewLot, old.Log, old.Observer, old.NoDate
	o.Spool, o.SpoolDir, o.Snapshot, o.Internal.Metrics = old.Spool, old.SpoolDir, old.Snapshot, old.Internal.Metrics
	s, err := p.settle(o)
	if err != nil {
		return err
	}
	for _, b := range s.Backends {
		b.Start()
	}
	p.now.Store(s)
	p.apply(s)
	kept := make(map[*backend.Backend]bool)
	for _, b := range s.Backends {
		kept[b] = true
	}
	p.mu.Lock()
	for _, b := range old.Backends {
		if !kept[b] {
			p.retired = append(p.retired, b)
		}
	}
	p.mu.Unlock()
	for _, b := range old.Backends {
		if !kept[b] {
			b.Retire()
		}
	}
	return nil
}

// apply gives settings to the parts that have their own.
func (p *Proxy) apply(s *settings) {
	p.hub.Limit(s.History)
	p.lot.Limit(park.Limits{MaxConns: s.MaxConns, MaxPerAddress: s.MaxConnsPerAddress, Exempt: s.Forward.trusts})
	p.crowds.Limit(s.MaxParkedPerAddress)
	p.held.bound(s.GRIP.HeldBytes)
	p.access.to(s.Access)
	p.tellPresence(s.Presence)
}

// dropRetired forgets the retired backends to which nothing is under way.
func (p *Proxy) dropRetired() {
	p.mu.Lock()
	defer p.mu.Unlock()
	rest := p.retired[:0]
	for _, b := range p.retired {
		if st := b.Stats(); st.Active+st.Waiting+st.Tunnels > 0 {
			rest = append(rest, b)
		}
	}
	clear(p.retired[len(rest):])
	p.retired = rest
}

// backends are all that are in use, retired ones too.
func (p *Proxy) backends() (all []*backend.Backend) {
	for _, b := range p.set().Backends {
		all = append(all, b)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return append(all, p.retired...)
}
