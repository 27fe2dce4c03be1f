// Package crowd counts what clients have by their address, where that is bounded.
package crowd

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
)

// A Counter counts places, each of one address. Addresses of IPv6 count as their
// /64, all of which one customer has. The zero Counter counts nothing.
type Counter struct {
	max atomic.Int64 // places of one address; 0: nothing is counted

	mu sync.Mutex
	of map[netip.Addr]*Home // those that have places; guarded by mu
}

// A Home is an address that has places.
type Home struct {
	address netip.Addr // static
	places  int        // guarded by Counter.mu
}

// Limit says how many places one address may have; 0: no bound, and then nothing
// is counted. Those that have more keep them.
func (c *Counter) Limit(max int) { c.max.Store(int64(max)) }

// Counts reports that there is a bound.
func (c *Counter) Counts() bool { return c.max.Load() > 0 }

// Enter takes a place for an address, unless it has all it may have. Places of no
// valid address are not counted: their Home is nil.
func (c *Counter) Enter(from netip.Addr) (home *Home, full bool) {
	max := int(c.max.Load())
	if max <= 0 || !from.IsValid() {
		return nil, false
	}
	from = household(from)
	c.mu.Lock()
	defer c.mu.Unlock()
	home = c.of[from]
	switch {
	case home == nil:
		home = &Home{address: from}
		if c.of == nil {
			c.of = make(map[netip.Addr]*Home)
		}
		c.of[from] = home
	case home.places >= max:
		return nil, true
	}
	home.places++
	return home, false
}

// Leave gives a place back, if home is not nil.
func (c *Counter) Leave(home *Home) {
	if home == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	home.places--
	if home.places == 0 {
		delete(c.of, home.address)
	}
}

// Places is how many are taken.
func (c *Counter) Places() (all int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, home := range c.of {
		all += home.places
	}
	return all
}

// Check compares the books with themselves.
func (c *Counter) Check() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for address, home := range c.of {
		if home.places <= 0 || home.address != address {
			return fmt.Errorf("crowd: %s has %d places", address, home.places)
		}
	}
	return nil
}

func household(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a
	}
	p, _ := a.Prefix(64) // of a valid address
	return p.Addr()
}
