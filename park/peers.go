package park

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"cometproxy/park/crowd"
)

// peers knows what is to be known of some connections' clients besides what their
// sockets say. It is a table of its own, since most entries would have room for
// nothing.
type peers struct {
	crowd  crowd.Counter         // of connections
	exempt func(netip.Addr) bool // guarded by door.mu; nil: nobody
	any    atomic.Bool           // there was something to know, once
	mu     sync.Mutex            // guards the following; taken under an entry's lock
	of     map[uint32]peer       // by slot; only of those of whom something is known
}

type peer struct {
	home *crowd.Home // nil: not counted
	addr net.Addr    // of the client; nil: the socket's
}

// enter counts a connection that is let in.
func (p *peers) enter(c newcomer) (known peer, full bool) {
	known.addr = c.peer
	if !p.crowd.Counts() {
		return known, false
	}
	from := addrOf(c.remote())
	if p.exempt != nil && p.exempt(from) {
		return known, false
	}
	known.home, full = p.crowd.Enter(from)
	return known, full
}

func (p *peers) set(slot uint32, known peer) {
	if known == (peer{}) {
		return
	}
	p.any.Store(true)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of == nil {
		p.of = make(map[uint32]peer)
	}
	p.of[slot] = known
}

// addr is the client's address if its socket does not say that.
func (p *peers) addr(slot uint32) net.Addr {
	if !p.any.Load() {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.of[slot].addr
}

// drop forgets the connection that has the slot.
func (p *peers) drop(slot uint32) {
	if !p.any.Load() {
		return
	}
	p.mu.Lock()
	known := p.of[slot]
	delete(p.of, slot)
	p.mu.Unlock()
	p.crowd.Leave(known.home)
}

// check compares with the connections there are.
func (p *peers) check(open func(slot uint32) bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	homes := 0
	for slot, known := range p.of {
		if known.home != nil {
			homes++
		}
		if !open(slot) {
			return fmt.Errorf("park: slot %d has a client and no connection", slot)
		}
	}
	if n := p.crowd.Places(); n != homes {
		return fmt.Errorf("park: %d connections are counted by address, and there are %d", n, homes)
	}
	return p.crowd.Check()
}

func addrOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
