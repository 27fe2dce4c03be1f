package proxy

import (
	"bytes"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"cometproxy/park"
	"cometproxy/park/crowd"
)

// A crowds counts what is held by client address. Whose a hold is stands apart from
// it, which would be larger for it when nothing is counted.
type crowds struct {
	crowd.Counter
	noted atomic.Bool // something was noted, once

	mu    sync.Mutex
	homes map[park.ID]*crowd.Home // guarded by mu: of what is parked
}

// noteCrowd keeps whose the request is that is parked on conn.
func (p *Proxy) noteCrowd(conn park.ID, home *crowd.Home) {
	if home == nil {
		return
	}
	p.crowds.noted.Store(true)
	p.crowds.mu.Lock()
	defer p.crowds.mu.Unlock()
	if p.crowds.homes == nil {
		p.crowds.homes = make(map[park.ID]*crowd.Home)
	}
	p.crowds.homes[conn] = home
}

// leaveCrowd ends what was noted.
func (p *Proxy) leaveCrowd(conn park.ID) {
	if !p.crowds.noted.Load() {
		return
	}
	p.crowds.mu.Lock()
	home := p.crowds.homes[conn]
	delete(p.crowds.homes, conn)
	p.crowds.mu.Unlock()
	p.crowds.Leave(home)
}

// enterCrowd counts a request that is to be held for its client's address. If that
// has all it may have, the request is answered and ok is false.
func (p *Proxy) enterCrowd(ctx *fasthttp.RequestCtx) (home *crowd.Home, ok bool) {
	if !p.crowds.Counts() {
		return nil, true
	}
	client := p.clientOf(ctx)
	home, full := p.crowds.Enter(client)
	if full {
		p.crowdFull.note(zap.Stringer("client", client))
		p.because(ctx, "limits.parked_per_address")
		retryProblem(ctx, fasthttp.StatusTooManyRequests, 5*time.Second, "as many polls are held for this address as allowed; end others first")
	}
	return home, !full
}

// clientOf is the address of the client, as far as who is trusted tells it: of
// the chain that X-Forwarded-For is, the last that is not trusted.
func (p *Proxy) clientOf(ctx *fasthttp.RequestCtx) netip.Addr {
	client := clientIP(ctx.RemoteAddr())
	chain := bytes.Join(headers(&ctx.Request.Header, "X-Forwarded-For"), []byte{','})
	for len(chain) > 0 && p.set().Forward.trusts(client) {
		last := bytes.LastIndexByte(chain, ',')
		hop, err := netip.ParseAddr(string(bytes.TrimSpace(chain[last+1:])))
		if err != nil {
			break
		}
		client, chain = hop.Unmap(), chain[:max(last, 0)]
	}
	return client
}
