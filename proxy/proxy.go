package proxy

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"cometproxy/backend"
	"cometproxy/channels"
	"cometproxy/park"
	"cometproxy/proxy/snapshot"
	"cometproxy/proxy/spool"
)

// A Proxy is a running reverse proxy. Its states, each reached once and in this
// order: new, serving, draining, stopped.
type Proxy struct {
	now       atomic.Pointer[settings]
	reloading sync.Mutex // held by Reload

	// Static after New.
	log      *zap.Logger
	hub      *channels.Hub
	lot      park.Lot
	internal *fasthttp.Server
	access   accessLog
	faults   func(where string) // tests make it panic; nil otherwise

	state      atomic.Int32
	retryAfter atomic.Int64 // seconds, told in answers while draining; 0: nothing is. Set before the state
	active     inFlight     // requests being worked on, and successors that are not parked
	tunnels    atomic.Int64
	probing    atomic.Int64 // probes that are answered in pieces
	releaser   releaser
	held       heldAnswers
	crowds     crowds
	tellers    tellers
	labels     labels
	spool      *spool.Spool // nil: none
	grip       gripCounts
	snapshot   *snapshot.File // nil: none
	publishing sync.RWMutex   // held, for reading, by who publishes or deletes
	frozen     bool           // guarded by publishing: nobody may any more
	listeners  sync.WaitGroup // accept loops
	stop       chan struct{}  // closed when stopped; ends the sweeper
	sweeper    sync.WaitGroup

	mu     sync.Mutex
	closed bool           // guarded by mu
	accept []net.Listener // guarded by mu: public ones, closed when the drain is over
	inner  []net.Listener // guarded by mu: internal ones, closed last

	retired []*backend.Backend // guarded by mu: not in the settings any more, and perhaps busy

	// Of the public side, and of what apps ask for.
	refused, evicted, acceptFailed, parkedFull, answersFull notice
	crowdFull, connsCrowded, spoolFailed, presenceFailed    notice
	filtered, noChannel, unknownField, unknownFormat        notice
}

// States of a Proxy.
const (
	stateNew int32 = iota
	stateServing
	stateDraining
	stateStopped
)

// New makes a proxy. The error names everything that is wrong with the options.
func New(o Options) (*Proxy, error) {
	p := &Proxy{log: o.Log, stop: make(chan struct{})}
	if p.log == nil {
		p.log = zap.NewNop()
	}
	s, err := p.settle(o)
	if err != nil {
		return nil, err
	}
	p.now.Store(s)
	o = s.Options
	p.initNotices()
	if o.Spool > 0 {
		p.spool = spool.New(o.SpoolDir, o.Spool, max(o.Spool/64, 1<<20))
	}
	o.History.Receiver = p
	p.takeHistory(&o)
	p.lot = o.NewLot(park.Options{Event: p.event,
		Refusal:           refusal(fasthttp.StatusServiceUnavailable, "the server holds as many connections as it can; try again later"),
		RefusalPerAddress: refusal(fasthttp.StatusTooManyRequests, "this address has as many connections as allowed; close others first")})
	p.apply(s)
	p.internal = p.newInternalServer()
	p.releaser.proxy = p
	p.releaser.start(releaseWorkers())
	p.sweeper.Go(p.sweep)
	return p, nil
}

func (p *Proxy) initNotices() {
	p.refused.init(p.log, "client connections are turned away: as many are open as allowed (limits.connections)")
	p.evicted.init(p.log, "idle client connections are closed to make room for new ones (limits.connections)")
	p.acceptFailed.init(p.log, "accepting client connections failed; it is tried again")
	p.parkedFull.init(p.log, "polls are refused with 503: as many are held as allowed (limits.parked)")
	p.crowdFull.init(p.log, "polls are refused with 429: as many are held for their client's address as allowed (limits.parked_per_address)")
	p.connsCrowded.init(p.log, "client connections are turned away: as many are open from their address as allowed (limits.connections_per_address)")
	p.spoolFailed.init(p.log, "answers cannot be kept on disk for slow clients, so apps wait for these (limits.spool_dir)")
	p.presenceFailed.init(p.log, "an app could not be told who is there; it is tried again until it answers 2xx ([[presence]])")
	p.answersFull.init(p.log, "polls are refused with 503: the answers that holds end with take as many bytes as allowed (grip.held_bytes)")
	p.filtered.init(p.log, "an app asks for message filters (Grip-Channel), which this version does not have: its holds get every message")
	p.noChannel.init(p.log, "an app holds a request on no channel, so nothing but its timeout ends it: is Grip-Channel missing, or badly quoted?")
	p.unknownField.init(p.log, "an app's answer has GRIP headers that do not exist; they have no effect: are they spelled wrong?")
	p.unknownFormat.init(p.log, "an item was published that has no format known here, so nobody gets it: for polls it is \"http-response\"")
}

// Serve begins to accept connections: clients on public, the application and
// operators on internal. It returns at once; the listeners are the proxy's.
func (p *Proxy) Serve(public, internal []net.Listener) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		for _, ln := range slices.Concat(public, internal) {
			ln.Close()
		}
		return
	}
	for _, b := range p.set().Backends {
		b.Start()
	}
	p.accept, p.inner = append(p.accept, public...), append(p.inner, internal...)
	for _, ln := range internal {
		p.listeners.Go(func() { p.serveInternal(ln) })
	}
	for _, ln := range public {
		p.listeners.Go(func() { p.servePublic(ln) })
	}
	p.state.CompareAndSwap(stateNew, stateServing)
}

// Unserve closes listeners that Serve was given. Their connections stay.
func (p *Proxy) Unserve(lns []net.Listener) {
	p.mu.Lock()
	defer p.mu.Unlock()
	gone := func(ln net.Listener) bool { return slices.Contains(lns, ln) }
	p.accept, p.inner = slices.DeleteFunc(p.accept, gone), slices.DeleteFunc(p.inner, gone)
	for _, ln := range lns {
		ln.Close()
	}
}

func (p *Proxy) servePublic(ln net.Listener) {
	if err := p.lot.Serve(ln); err != nil && !p.draining() {
		p.log.Error("a public listener failed; no new client can connect there", zap.Stringer("address", ln.Addr()), zap.Error(err))
		p.acceptFailed.note(zap.Error(err))
	}
}

func (p *Proxy) serveInternal(ln net.Listener) {
	if err := p.internal.Serve(ln); err != nil && !p.draining() && !errors.Is(err, net.ErrClosed) {
		p.log.Error("an internal listener failed; nobody can publish there", zap.Stringer("address", ln.Addr()), zap.Error(err))
	}
}

func (p *Proxy) draining() bool { return p.state.Load() >= stateDraining }

// Shutdown drains (see Drain), gives active requests Options.Grace, or until hurry is closed
// if that is sooner, and ends everything. It reports how many requests it cut off.
func (p *Proxy) Shutdown(hurry <-chan struct{}) (cut int) {
	p.Drain(hurry)
	grace := time.NewTimer(p.set().Grace)
	defer grace.Stop()
	late := 0 // requests that had their time
	select {
	case <-p.active.idle():
	case <-grace.C:
		late = p.active.count()
	case <-hurry:
		late = p.active.count()
	}
	p.awaitWrites(int64(late), hurry)
	cut = p.active.count()
	p.state.Store(stateStopped)
	// Handlers notice that Shut has closed their clients' connections, but not
	// while an app takes no more of what they send.
	stuck := time.AfterFunc(time.Second, p.abortBackends)
	p.lot.Shut()
	stuck.Stop()
	p.abortBackends()
	p.closeInternal()
	p.saveHistory()
	p.listeners.Wait()
	close(p.stop)
	p.sweeper.Wait()
	p.releaser.stop()
	p.spool.Close()
	return cut
}

// firstRequest is how long an end waits for the first request of a client that has
// connected just before it: some round trips.
const firstRequest = linger / 2

// awaitWrites gives answers that are decided time to be written: the HTTP server
// writes after the handler, and finishers write what a socket did not take at
// once. Connections that only linger are given back to the lot meanwhile, and a
// request that just came on one of them is answered, as is one on a connection that
// has only just come; these are idle in a lot that drains. Those that are late are
// not waited for.
func (p *Proxy) awaitWrites(late int64, hurry <-chan struct{}) {
	end := time.NewTimer(2 * linger)
	defer end.Stop()
	begin := time.Now()
	for {
		st := p.lot.Stats()
		fresh := st.Idle > 0 && time.Since(begin) < firstRequest
		if !fresh && st.Finishing == 0 && st.Active <= p.tunnels.Load()+late {
			return
		}
		tick := time.NewTimer(5 * time.Millisecond)
		select {
		case <-tick.C:
		case <-end.C:
			return
		case <-hurry:
			return
		}
	}
}

func (p *Proxy) abortBackends() {
	for _, b := range p.backends() {
		b.Abort()
	}
}

// closeInternal ends the internal listeners. Requests there are short; one that
// is not, such as a profile, is cut off, but those that the page holds are answered:
// it has shown the drain to its end.
func (p *Proxy) closeInternal() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if page := p.set().Internal.Page; page != nil {
		page.Drain()
	}
	p.internal.ShutdownWithContext(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, ln := range p.inner {
		ln.Close()
	}
}

// sweep lets windows and keys that are over their age go, and memory that a crowd
// has left behind.
func (p *Proxy) sweep() {
	var memory thrift
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.hub.Sweep()
			p.dropRetired()
			st := p.lot.Stats()
			memory.look(st.Idle + st.Active + st.Parked)
		case <-p.stop:
			return
		}
	}
}

// Check verifies the invariants of the hub, of the lot and of the backends, and
// the books of the answers that are kept.
func (p *Proxy) Check() error {
	errs := []error{p.hub.Check(), p.lot.Check(), p.held.check(), p.crowds.Check(), p.tellers.check()}
	for _, b := range p.backends() {
		errs = append(errs, b.Check())
	}
	return errors.Join(errs...)
}

// fault is where tests inject panics.
func (p *Proxy) fault(where string) {
	if p.faults != nil {
		p.faults(where)
	}
}
