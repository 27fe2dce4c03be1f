package backend

import (
	"hash/fnv"
	"io"
	"slices"
	"time"

	"github.com/valyala/fasthttp"
)

// Balance says which of several URLs gets an exchange.
type Balance uint8

const (
	// InTurn gives each URL one after the other.
	InTurn Balance = iota
	// LeastConns gives to the one with the fewest exchanges and tunnels.
	LeastConns
	// ByHeader and ByCookie give the same URL to requests with the same value
	// of Options.BalanceOn, as long as it is well; those without one get
	// theirs in turn. When a URL is out, only its own requests go elsewhere.
	ByHeader
	ByCookie
)

// pick chooses the address to try next, none of tried, and counts it as used
// until drop. last, if not nil, is taken only when there is no other. Those that
// are out come behind the others: where all are, each is tried, for a check may be
// wrong, and an app that has come back is found without one. It returns nil when
// all were tried.
func (b *Backend) pick(tried []*target, last *target, key uint64) *target {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	var best *target
	at := 0
	for i := range b.targets {
		n := (b.next + i) % len(b.targets)
		t := b.targets[n]
		if !slices.Contains(tried, t) && (best == nil || best == last || t != last && b.betterLocked(t, best, key, now)) {
			best, at = t, n
		}
	}
	if best != nil {
		b.next = (at + 1) % len(b.targets) // not one further: the one after a dead one would get its share too
		best.used++
	}
	return best
}

// betterLocked reports that t is to be taken rather than u, whose turn is before.
func (b *Backend) betterLocked(t, u *target, key uint64, now time.Time) bool {
	if in := t.inLocked(now); in != u.inLocked(now) {
		return in
	}
	switch {
	case b.opt.Balance == LeastConns:
		return t.used < u.used
	case key != 0:
		return mix(t.hash^key) > mix(u.hash^key)
	}
	return false
}

// drop ends what pick began.
func (b *Backend) drop(t *target) {
	b.mu.Lock()
	t.used--
	b.mu.Unlock()
}

// key is what the request with head h is balanced by; 0: nothing.
func (o *Options) key(h *fasthttp.RequestHeader) uint64 {
	var value []byte
	switch o.Balance {
	case ByHeader:
		for k, v := range h.All() {
			if equalFold(k, o.BalanceOn) {
				value = v
				break
			}
		}
	case ByCookie:
		value = h.Cookie(o.BalanceOn)
	}
	if len(value) == 0 {
		return 0
	}
	return hashOf(string(value))
}

// Key is what Request.Key is to be for a request with head h.
func (b *Backend) Key(h *fasthttp.RequestHeader) uint64 { return b.opt.key(h) }

// hashOf is the same in every process, so that several proxies and the next one
// agree. It is not 0.
func hashOf(s string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, s)
	return max(mix(h.Sum64()), 1)
}

// mix spreads every bit of h over all of them (the end of MurmurHash3): with
// rendezvous hashing the highest of hashes that differ in little must be anyone's.
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
