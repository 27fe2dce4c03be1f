package proxy

import (
	"time"

	"github.com/valyala/fasthttp"

	"cometproxy/channels"
	"cometproxy/park"
	"cometproxy/park/crowd"
	"cometproxy/proxy/poll"
	"cometproxy/proxy/route"
)

const nativeMethods = "GET, HEAD, OPTIONS"

// native answers a request on a route that names its channels.
func (p *Proxy) native(ctx *fasthttp.RequestCtx, m *route.Match) {
	c := m.Route.Value.(*target).cors
	req := &ctx.Request.Header
	head := readPollHead(req)
	addLines(&ctx.Response.Header, c.answer(head.origin).bytes())
	if n := req.ContentLength(); n > 0 || n == -1 {
		// Not read, and never to be taken for the next request.
		p.because(ctx, "poll_with_body")
		problem(ctx, fasthttp.StatusBadRequest, "a poll has no body; send it as a GET without one, or publish by POST /channels/CHANNEL to the internal listener")
		ctx.Response.SetConnectionClose()
		p.refuse(ctx)
		return
	}
	switch {
	case ctx.IsOptions():
		p.options(ctx, c, head.origin)
	case ctx.IsHead():
		e := channels.Ending{Cursor: p.hub.Position()}
		p.writeAnswer(ctx, &e, 0)
	case ctx.IsGet():
		p.poll(ctx, m, c, &head)
	default:
		p.because(ctx, "poll_method")
		problem(ctx, fasthttp.StatusMethodNotAllowed, "this route is for polling; use GET, or publish through the internal listener")
		ctx.Response.Header.Set("Allow", nativeMethods)
	}
}

// poll is one long poll: what there is now, or a hold.
func (p *Proxy) poll(ctx *fasthttp.RequestCtx, m *route.Match, c *cors, head *pollHead) {
	_, query := splitTarget(ctx.Request.Header.RequestURI())
	r, err := poll.Parse(query, head.lastEventID, head.prefer, p.set().limits)
	if err != nil {
		p.because(ctx, "bad_poll")
		problem(ctx, fasthttp.StatusBadRequest, "%s", err)
		return
	}
	if n := len(m.Channels); p.set().Hold.MaxChannels > 0 && n > p.set().Hold.MaxChannels {
		p.because(ctx, "hold.max_channels")
		problem(ctx, fasthttp.StatusBadRequest, "this request names %d channels; at most %d are allowed (hold.max_channels)", n, p.set().Hold.MaxChannels)
		return
	}
	q := p.query(m.Channels, &r)
	s := shapeOf(ctx, r.Raw)
	e := p.hub.Look(&q)
	conn := ctx.Conn().(park.Conn)
	if !e.Empty() || r.Wait <= 0 || conn.InputEnded() || p.draining() {
		if r.Wait > 0 {
			p.touch(m.Channels)
		}
		if r.PreferApplied {
			ctx.Response.Header.Set("Preference-Applied", r.PreferenceApplied())
		}
		p.writeAnswer(ctx, &e, s)
		return
	}
	h := holds.Get().(*hold)
	h.waiter.Label = m.Route.Value.(*target).label
	h.shape, h.own = s, ownLines(c.answer(head.origin), &r)
	p.keep(ctx, h, &q, e.Cursor, time.Now().Add(jitter(r.Wait)))
}

// keep holds a native poll, or refuses it if as many are held as may be.
func (p *Proxy) keep(ctx *fasthttp.RequestCtx, h *hold, q *channels.Query, after uint64, until time.Time) {
	home, ok := (*crowd.Home)(nil), !p.full()
	if !ok {
		p.tooMany(ctx)
	} else {
		home, ok = p.enterCrowd(ctx)
	}
	if !ok {
		h.own, h.waiter.Label = nil, 0
		holds.Put(h)
		return
	}
	a := askings.Get().(*asking)
	*a = asking{proxy: p, hold: h, visit: p.takeVisit(ctx), home: home, query: *q, after: after, until: until}
	succeed(ctx, ctx.Conn().(park.Conn), a)
}

// query is the hub's form of a poll.
func (p *Proxy) query(names []string, r *poll.Request) channels.Query {
	q := channels.Query{Channels: names, Accepts: channels.Native, MaxMessages: r.Limit, MaxBytes: p.set().Hold.MaxAnswer}
	switch {
	case r.Raw:
		q.MaxMessages = 1
	case r.Limit == 0:
		q.MaxMessages = 1000
	}
	switch {
	case r.Now:
		q.Start = channels.Now
	case r.Earliest:
		q.Start = channels.Earliest
	default:
		// A token that is none of ours stays the zero cursor, whose epoch no
		// hub has: a gap.
		q.Cursor, _ = channels.ParseCursor(r.Cursor)
	}
	return q
}

// shapeOf is what the answer to a request depends on.
func shapeOf(ctx *fasthttp.RequestCtx, raw bool) (s shape) {
	if raw {
		s |= shapeRaw
	}
	if !ctx.Request.Header.IsHTTP11() {
		s |= shapeHTTP10
	}
	if ctx.Request.Header.ConnectionClose() {
		s |= shapeClose
	}
	return s
}

// ownLines are the header lines of one hold's answer. Without a preference they
// are the route's, shared by all.
func ownLines(cors *lines, r *poll.Request) *lines {
	if !r.PreferApplied {
		return cors
	}
	own := append([]byte("Preference-Applied: "), r.PreferenceApplied()...)
	return &lines{append(append(own, "\r\n"...), cors.bytes()...)}
}
