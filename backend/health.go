package backend

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/valyala/fasthttp"
)

// Health says how URLs are asked whether they are well.
type Health struct {
	Path      string        // GET of it must answer 2xx or 3xx; empty: they are not asked
	Interval  time.Duration // between two checks; default 5s
	Timeout   time.Duration // of one; default 2s
	Healthy   int           // checks in a row that must succeed to take one in; default 2
	Unhealthy int           // checks in a row that must fail to leave one out; default 3
}

// Change is the news that an address is left out, or taken in again. Requests
// still go to one that is out when all are.
type Change struct {
	Address string
	Out     bool
	For     time.Duration // how long it is out; 0: until its checks succeed
	Err     error         // why it is out
	Only    bool          // there is no other, so it is used all the same
}

const (
	defaultHealthInterval     = 5 * time.Second
	defaultHealthTimeout      = 2 * time.Second
	defaultHealthy            = 2
	defaultUnhealthy          = 3
	defaultEjectFailures      = 3
	defaultEjectTime          = 5 * time.Second
	maxEjectTime              = time.Minute
	healthAgent               = "cometproxy-health"
	maxHealthHead         int = 16 << 10
)

var errUnwellStatus = errors.New("the health check was answered with status")

// inLocked reports that t is not left out.
func (t *target) inLocked(now time.Time) bool {
	return !t.unwell && !now.Before(t.outUntil)
}

// noteFailure counts that t did not do what it should. An address that takes no
// connection is out at once, for nothing is lost by trying another; others after
// Options.EjectFailures in a row. Each time without a success in between it is
// out for twice as long.
func (b *Backend) noteFailure(t *target, e *Error) {
	if len(b.targets) == 1 {
		return // there is nothing else to try
	}
	failures := t.failures.Add(1)
	if e.Kind != KindConnect && (b.opt.EjectFailures < 0 || int(failures) < b.opt.EjectFailures) {
		return
	}
	b.mu.Lock()
	now := time.Now()
	if now.Before(t.outUntil) { // one of several that were under way
		b.mu.Unlock()
		return
	}
	d := min(b.opt.EjectTime<<min(t.outages, 10), max(maxEjectTime, b.opt.EjectTime))
	t.outages++
	t.outUntil = now.Add(d)
	b.mu.Unlock()
	b.tell(Change{Address: t.address, Out: true, For: d, Err: errors.New(plain(e.Err))})
}

// noteSuccess ends a row of failures. What was under way when t was left out
// does not take it in again.
func (b *Backend) noteSuccess(t *target) {
	if t.failures.Load() == 0 {
		return
	}
	b.mu.Lock()
	if time.Now().Before(t.outUntil) {
		b.mu.Unlock()
		return
	}
	t.failures.Store(0)
	back := t.outages > 0
	t.outages = 0
	b.mu.Unlock()
	if back {
		b.tell(Change{Address: t.address})
	}
}

func (b *Backend) tell(c Change) {
	c.Only = len(b.targets) == 1
	if b.opt.OnChange != nil {
		b.opt.OnChange(c)
	}
}

// Start begins the health checks that the options ask for. Close ends them.
func (b *Backend) Start() {
	if b.opt.Health.Path == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.retired || b.endChecks != nil {
		return
	}
	ctx, end := context.WithCancel(context.Background())
	b.endChecks = end
	for _, t := range b.targets {
		b.checkers.Go(func() { b.watchHealth(ctx, t) })
	}
}

// watchHealth asks t until ctx ends.
func (b *Backend) watchHealth(ctx context.Context, t *target) {
	tick := time.NewTicker(b.opt.Health.Interval)
	defer tick.Stop()
	row := 0 // checks since the last that said what is believed
	for {
		err := b.checkHealth(ctx, t)
		if ctx.Err() != nil {
			return
		}
		row = b.judge(t, err, row)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// judge counts a check that contradicts what is believed of t, and changes that
// when it was the last of a long enough row. It returns the row's length.
func (b *Backend) judge(t *target, err error, row int) int {
	b.mu.Lock()
	out := t.unwell
	if out == (err != nil) {
		b.mu.Unlock()
		return 0
	}
	row++
	if need := b.opt.Health.Unhealthy; !out && row < need {
		b.mu.Unlock()
		return row
	}
	if need := b.opt.Health.Healthy; out && row < need {
		b.mu.Unlock()
		return row
	}
	t.unwell = !out
	if out { // checks know better than failures of the past
		t.outUntil, t.outages = time.Time{}, 0
		t.failures.Store(0)
	}
	b.mu.Unlock()
	b.tell(Change{Address: t.address, Out: err != nil, Err: err})
	return 0
}

// checkHealth makes one check, over a connection of its own: one from the pool
// would say little of whether new ones are taken.
func (b *Backend) checkHealth(ctx context.Context, t *target) error {
	ctx, cancel := context.WithTimeout(ctx, b.opt.Health.Timeout)
	defer cancel()
	o := b.open(ctx, t)
	if o.err != nil {
		return errors.New(plain(o.err))
	}
	defer o.raw.Close()
	defer context.AfterFunc(ctx, func() { _ = o.raw.Close() })()
	status, err := askHealth(o.nc, t.host, b.opt.Health.Path)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("the health check was not answered within %v", b.opt.Health.Timeout)
	case err != nil:
		return errors.New(plain(err))
	case status < 200 || status >= 400:
		return fmt.Errorf("%w %d", errUnwellStatus, status)
	}
	return nil
}

// askHealth makes the request of a check and returns the answer's status.
func askHealth(c net.Conn, host, path string) (status int, err error) {
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\nConnection: close\r\n\r\n", path, host, healthAgent); err != nil {
		return 0, err
	}
	var head fasthttp.ResponseHeader
	r := bufio.NewReaderSize(c, maxHealthHead)
	for range maxInterims {
		if err := head.Read(r); err != nil {
			return 0, headError(err)
		}
		if status := head.StatusCode(); status >= 200 {
			return status, nil
		}
	}
	return 0, errInterim
}
