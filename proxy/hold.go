package proxy

import (
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"cometproxy/channels"
	"cometproxy/park"
	"cometproxy/park/crowd"
)

// A hold is a request kept open: who waits, on which connection, and how the
// answer is to look. Owned by the handler until its waiter is parked, and then
// by the waiter's claimant, who gives it back to the pool. There is one for each
// parked client, so it holds nothing that is not needed at the end.
type hold struct {
	waiter channels.Waiter
	own    *lines      // that answers to others do not have
	held   *heldAnswer // of a GRIP hold, one of Proxy.held; nil: a native poll
	shape  shape
}

// conn is the connection that is parked. It is the waiter's tag, and the route is its
// label, so that who looks at a channel is told of them: see Proxy.WaitersOn.
func (h *hold) conn() park.ID { return park.ID(h.waiter.Tag) }

var holds = sync.Pool{New: func() any {
	h := new(hold)
	h.waiter.Owner = h
	return h
}}

// jitter makes a hold up to a tenth shorter, so that clients released together
// do not come back together for ever.
func jitter(d time.Duration) time.Duration {
	return d - time.Duration(rand.Int64N(int64(d)/10+1))
}

// An asking is a hold on its way from the handler to being parked.
type asking struct {
	proxy *Proxy
	hold  *hold
	query channels.Query
	visit *visit      // nil: not logged
	home  *crowd.Home // of the client; nil: not counted
	after uint64      // position up to which everything has been seen
	until time.Time
}

var askings = sync.Pool{New: func() any { return new(asking) }}

// owner implements successor.
func (a *asking) owner() *Proxy { return a.proxy }

// takeOver implements successor: it runs when the HTTP server has let go of the
// connection, and leaves nothing behind but the parked hold.
//
// The lot comes first: it may report a hang-up at once, which turns the waiter
// from parking into woken, and then Park says so. The other way round a
// publisher could release a connection that the lot has not got yet.
func (a *asking) takeOver(conn park.Conn, buffered io.Reader) {
	p, h := a.proxy, a.hold
	h.waiter.Tag = uint64(conn.ID())
	carried := conn.Detach(buffered)
	if len(carried) >= maxCarried {
		a.drop() // so much is not read beyond, and the client's end would not be noticed
		p.lot.Close(h.conn())
		return
	}
	names := a.query.Channels
	gen := p.hub.Prepare(&h.waiter, &a.query, a.after)
	p.access.parks(h.conn(), a.visit)
	p.noteCrowd(h.conn(), a.home)
	stay := park.Stay{Owner: h, Gen: gen, Until: a.until, Carried: carried}
	*a = asking{} // what follows may panic, and drop must not find the hold
	p.lot.Park(h.conn(), stay)
	askings.Put(a)
	if !p.hub.Park(&h.waiter, names) {
		p.finish(h, nil)
	}
}

// drop implements successor. The hold is left to the garbage collector: if there
// was a panic nobody knows who else has it. Its share of what is kept is not.
func (a *asking) drop() {
	if a.hold != nil && a.hold.held != nil {
		a.proxy.held.drop(a.hold.held)
		a.hold.held = nil
	}
	if a.proxy != nil {
		a.proxy.crowds.Leave(a.home)
		a.home = nil
	}
}

// ended is park's event func for holds: their clients and their deadlines.
func (p *Proxy) ended(ev park.Event) {
	h := ev.Owner.(*hold)
	why := channels.ByGone
	if ev.Kind == park.Deadline {
		why = channels.ByDeadline
	}
	if !p.hub.End(&h.waiter, ev.Gen, why) {
		return // somebody else answers, or the parker will
	}
	if ev.Kind == park.Reset {
		conn := h.conn()
		p.observeEnd(h)
		p.recycle(h)
		p.access.released(conn, 0, 0, why.String())
		p.lot.Close(conn)
		return
	}
	p.finish(h, nil)
}

// observeEnd tells the observer of a hold that the caller has claimed.
func (p *Proxy) observeEnd(h *hold) {
	why := channels.ByMessage
	if h.waiter.Single() == nil {
		why = h.waiter.Ending().Reason
	}
	p.set().Observer.HoldEnded(why, p.hub.Waited(&h.waiter))
}

// finish answers a hold that the caller has claimed, and gives its memory back.
// shared has the prebuilt answers to the message that ended it, if one did.
func (p *Proxy) finish(h *hold, shared *release) {
	conn, s, own := h.conn(), h.shape, h.own
	p.observeEnd(h)
	if p.draining() {
		s |= shapeClose
	}
	if h.held != nil {
		p.finishGRIP(h, s)
		return
	}
	if m := h.waiter.Single(); m != nil && shared != nil {
		a := shared.answer(p, s)
		p.recycle(h)
		p.send(conn, a, own, s, channels.ByMessage)
		return
	}
	e := h.waiter.Ending()
	scratch := scratches.Get().(*[]byte)
	defer giveScratch(scratch)
	a := p.appendAnswer((*scratch)[:0], &e, s)
	*scratch = a.bytes
	p.recycle(h)
	p.send(conn, &a, own, s, e.Reason)
}

// send writes an answer with a hold's own lines in it.
func (p *Proxy) send(conn park.ID, a *answer, own *lines, s shape, why channels.Reason) {
	if p.access.waits() {
		p.access.released(conn, statusOf(a.bytes), len(a.bytes), why.String())
	}
	if own == nil {
		p.lot.Answer(conn, a.bytes, s&shapeClose != 0)
		return
	}
	scratch := scratches.Get().(*[]byte)
	defer giveScratch(scratch)
	*scratch = a.with(own.text, *scratch)
	p.lot.Answer(conn, *scratch, s&shapeClose != 0)
}

// finishGRIP is finish for a hold that the app asked for. Each answer is made for
// its hold: it is the message over the app's own.
func (p *Proxy) finishGRIP(h *hold, s shape) {
	conn, e := h.conn(), h.waiter.Ending()
	a := p.gripAnswer(h.held, &e)
	scratch := scratches.Get().(*[]byte)
	defer giveScratch(scratch)
	*scratch = a.append((*scratch)[:0], s, !p.set().NoDate)
	p.recycle(h)
	if p.access.waits() {
		p.access.released(conn, statusOf(*scratch), len(*scratch), e.Reason.String())
	}
	p.lot.Answer(conn, *scratch, s&shapeClose != 0)
}

// maxScratch is how large a buffer may be that is kept for the next answer.
const maxScratch = 64 << 10

var scratches = sync.Pool{New: func() any { return new([]byte) }}

func giveScratch(scratch *[]byte) {
	if cap(*scratch) <= maxScratch {
		scratches.Put(scratch)
	}
}

// recycle gives a claimed hold's memory back. Nobody may touch it afterwards.
func (p *Proxy) recycle(h *hold) {
	p.hub.Free(&h.waiter)
	if h.held != nil {
		p.held.drop(h.held)
	}
	p.leaveCrowd(h.conn())
	h.own, h.held, h.waiter.Label = nil, nil, 0
	holds.Put(h)
}
