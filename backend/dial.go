package backend

import (
	"context"
	"crypto/tls"
	"fmt"
	"math"
	"net"
	"time"
)

// connect gives x a connection: an idle one, or a new one to the first address
// that takes it.
//
// lost, if not nil, is a connection that has ended without an answer, which is
// what err says. Its process may be gone, so its address comes last, and as other
// idle connections may have ended likewise, this one is new. A lost one that was
// new itself was perhaps ended by what it was asked, which is not asked of that
// address again.
func (x *Exchange) connect(lost *conn, err error) (*conn, error) {
	b := x.b
	var stale *target
	var tried []*target
	if lost != nil {
		stale = lost.target
		if !lost.used {
			tried = append(tried, stale)
		}
	}
	last := err
	for {
		t := b.pick(tried, stale, x.req.Key)
		if t == nil {
			return nil, last
		}
		if stale == nil && x.req.Upgrade == "" {
			if c := b.takeIdle(t, x.req.repeatable()); c != nil {
				return c, nil
			}
		}
		c, err := x.dial(t)
		if err == nil {
			b.adopt(c, x.req.Upgrade != "")
			return c, nil
		}
		b.drop(t)
		e := err.(*Error)
		if e.Kind == KindCancelled {
			return nil, err
		}
		b.count(KindConnect)
		b.noteFailure(t, e)
		last, tried = err, append(tried, t)
	}
}

// opened is what the dialing goroutine hands over.
type opened struct {
	nc, raw net.Conn
	err     error
}

// dial makes a connection in a goroutine of its own, so that slowness and
// cancellation are noticed whatever the dialer does.
func (x *Exchange) dial(t *target) (*conn, error) {
	b := x.b
	limit := b.opt.ConnectTimeout
	if limit < 0 {
		limit = math.MaxInt64 // no limit of ours
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	done := make(chan opened) // unbuffered: a connection is handed over or closed
	go func() {
		o := b.open(ctx, t)
		select {
		case done <- o:
		case <-ctx.Done():
			if o.raw != nil {
				_ = o.raw.Close()
			}
		}
	}()
	var slow <-chan time.Time
	if at := x.slowPending(); !at.IsZero() {
		timer := time.NewTimer(time.Until(at))
		defer timer.Stop()
		slow = timer.C
	}
	for {
		select {
		case o := <-done:
			if o.err != nil {
				return nil, b.fail(KindConnect, t, o.err)
			}
			return newConn(t, o.nc, o.raw), nil
		case <-ctx.Done():
			return nil, b.fail(KindConnect, t, fmt.Errorf("%w %v: is the address right, is a firewall in between?", errConnectLate, b.opt.ConnectTimeout))
		case <-x.req.Cancel:
			return nil, b.fail(KindCancelled, t, errCancelled)
		case <-slow:
			x.goSlow()
			slow = nil
		}
	}
}

// open connects and, for https, shakes hands.
func (b *Backend) open(ctx context.Context, t *target) opened {
	raw, err := b.opt.Dial(ctx, t.network, t.address)
	if err != nil {
		return opened{err: err}
	}
	if t.tls == nil {
		return opened{nc: raw, raw: raw}
	}
	tc := tls.Client(raw, t.tls)
	if err := tc.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return opened{err: fmt.Errorf("%w: %w", errTLS, err)}
	}
	return opened{nc: tc, raw: raw}
}
