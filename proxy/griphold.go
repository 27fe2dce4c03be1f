package proxy

import (
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"cometproxy/channels"
	"cometproxy/grip"
	"cometproxy/park"
)

// nowhere is the channel of holds that name none: nobody can publish there, so
// they run to their end.
const nowhere = "$nowhere"

// A gripPart is what a hold has if the app asked for it.
type gripPart struct {
	answer *heldAnswer
	meta   []grip.Pair // for message filters, which are not there yet
}

// gripHold holds a request as its app's answer says, or answers it if there is
// something to tell already.
func (p *Proxy) gripHold(ctx *fasthttp.RequestCtx, conn park.Conn, in *grip.Instruction, held *heldAnswer, begin uint64, fromAnswer bool) {
	q, known := p.gripQuery(ctx, in, begin, fromAnswer)
	e := p.hub.Look(&q)
	switch {
	case !known || len(e.Gaps) > 0:
		// What came since the request was forwarded comes with the next hold;
		// what was before it, the app's answer knows.
		p.grip.behind.Add(1)
		(&gripAnswer{held: held, cursor: p.hub.Cursor(begin)}).write(ctx)
		return
	case !e.Empty():
		p.grip.found.Add(1)
		fallthrough
	case conn.InputEnded() || p.draining():
		a := p.gripAnswer(held, &e)
		a.write(ctx)
		return
	case p.full():
		p.grip.full.Add(1)
		tooMany(ctx)
		return
	}
	kept := p.held.keep(held)
	if kept == nil {
		p.grip.full.Add(1)
		p.answersFull.note()
		tooMany(ctx)
		return
	}
	p.grip.held.Add(1)
	h := holds.Get().(*hold)
	h.shape = shapeOf(ctx, false)
	if ctx.IsHead() {
		h.shape |= shapeHead
	}
	h.grip = &gripPart{answer: kept, meta: in.Meta}
	wait := in.Timeout
	if max := p.opts.GRIP.MaxTimeout; max > 0 {
		wait = min(wait, max)
	}
	a := askings.Get().(*asking)
	*a = asking{proxy: p, hold: h, query: q, after: e.Cursor, until: time.Now().Add(wait)}
	succeed(ctx, conn, a)
}

// gripQuery is the hub's form of a hold: one message, after the position that is
// the best known. Known is false if the client's cursor is none of this hub's.
//
// Positions are statements: "up to here everything has been seen", by the client
// who sends a cursor, by the app that names a prev-id. Both are true, so the
// higher one counts. Without either the position is begin.
func (p *Proxy) gripQuery(ctx *fasthttp.RequestCtx, in *grip.Instruction, begin uint64, fromAnswer bool) (q channels.Query, known bool) {
	q = channels.Query{Accepts: channels.HTTPResponse, MaxMessages: 1}
	cursors := headers(&ctx.Request.Header, "Comet-Cursor")
	var seen uint64
	switch {
	case len(cursors) == 1:
		c, _ := channels.ParseCursor(string(cursors[0])) // none: of an epoch that no hub has
		if seen, known = p.hub.Number(c); !known {
			return q, false
		}
		begin = seen
		p.grip.atCursor.Add(1)
	case len(cursors) > 1:
		return q, false
	case fromAnswer:
		p.grip.atAnswer.Add(1)
	default:
		p.grip.atForward.Add(1)
	}
	q.Cursor = p.hub.Cursor(begin)
	for i, c := range in.Channels {
		q.Channels = append(q.Channels, strings.Clone(c.Name)) // or a name would keep the whole head in memory
		if c.PrevID == "" {
			continue
		}
		number, ok := p.hub.PositionOf(c.Name, c.PrevID)
		if !ok {
			p.grip.unknownPrevID.Add(1)
			continue
		}
		p.grip.atPrevID.Add(1)
		if q.From == nil {
			q.From = make([]uint64, len(in.Channels))
			for k := range q.From {
				q.From[k] = begin
			}
		}
		q.From[i] = max(number, seen)
	}
	if len(q.Channels) == 0 {
		q.Channels = []string{nowhere}
	}
	return q, true
}

// full reports that no more requests may be held.
func (p *Proxy) full() bool {
	max := p.opts.MaxParked
	return max > 0 && p.lot.Stats().Parked >= int64(max)
}

func tooMany(ctx *fasthttp.RequestCtx) {
	retryProblem(ctx, fasthttp.StatusServiceUnavailable, 5*time.Second, "as many polls are held as the server can; try again later")
}
