package proxy

import (
	"bytes"
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

// gripHold holds a request as its app's answer says, or answers it if there is
// something to tell already.
func (p *Proxy) gripHold(ctx *fasthttp.RequestCtx, conn park.Conn, in *grip.Instruction, held *heldAnswer, begin uint64, fromAnswer bool) {
	q := p.gripQuery(ctx, in, begin, fromAnswer)
	e := p.hub.Look(&q)
	switch {
	case !e.Empty() || conn.InputEnded() || p.draining():
		if len(e.Messages) > 0 && len(e.Gaps) == 0 {
			p.grip.found.Add(1)
		}
		p.touch(q.Channels)
		a := p.gripAnswer(held, &e)
		a.write(ctx)
		return
	case p.full():
		p.grip.full.Add(1)
		p.tooMany(ctx)
		return
	}
	home, ok := p.enterCrowd(ctx)
	if !ok {
		p.grip.full.Add(1)
		return
	}
	kept := p.held.keep(held)
	if kept == nil {
		p.crowds.Leave(home)
		p.grip.full.Add(1)
		p.answersFull.note()
		p.because(ctx, "grip.held_bytes")
		tooMany(ctx)
		return
	}
	p.grip.held.Add(1)
	h := holds.Get().(*hold)
	h.shape = shapeOf(ctx, false)
	if ctx.IsHead() {
		h.shape |= shapeHead
	}
	h.held = kept
	wait := in.Timeout
	if max := p.set().GRIP.MaxTimeout; max > 0 {
		wait = min(wait, max)
	}
	a := askings.Get().(*asking)
	*a = asking{proxy: p, hold: h, visit: p.takeVisit(ctx), home: home, query: q, after: e.Cursor, until: time.Now().Add(wait)}
	succeed(ctx, conn, a)
}

// gripQuery is the hub's form of a hold: one message, after the position that is
// the best known.
//
// Positions are statements: "up to here everything has been seen", by the client
// who sends a cursor, by the app that names a prev-id. Both are true, so the
// higher one counts. Without either the position is begin.
func (p *Proxy) gripQuery(ctx *fasthttp.RequestCtx, in *grip.Instruction, begin uint64, fromAnswer bool) channels.Query {
	q := channels.Query{Accepts: channels.HTTPResponse, MaxMessages: 1, Cursor: p.hub.Cursor(begin)}
	var seen uint64
	known := true
	switch cursor := bytes.Join(headers(&ctx.Request.Header, "Comet-Cursor"), []byte{','}); {
	case string(cursor) == "earliest":
		q.Start = channels.Earliest
		p.grip.atCursor.Add(1)
	case !fromNow(cursor):
		q.Cursor, _ = channels.ParseCursor(string(cursor)) // none: of an epoch that no hub has
		seen, known = p.hub.Number(q.Cursor)
		begin = seen
		p.grip.atCursor.Add(1)
	case fromAnswer:
		p.grip.atAnswer.Add(1)
	default:
		p.grip.atForward.Add(1)
	}
	for i, c := range in.Channels {
		q.Channels = append(q.Channels, strings.Clone(c.Name)) // or a name would keep the whole head in memory
		if c.PrevID == "" || !known {
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
	return q
}

// fromNow reports that a cursor says nothing. The last two are what scripts send
// that may not read the header: as a gap they would come back at once, for ever.
func fromNow(cursor []byte) bool {
	switch string(cursor) {
	case "", "now", "null", "undefined":
		return true
	}
	return false
}

// full reports that no more requests may be held.
func (p *Proxy) full() bool {
	max := p.set().MaxParked
	return max > 0 && p.lot.Stats().Parked >= int64(max)
}

func (p *Proxy) tooMany(ctx *fasthttp.RequestCtx) {
	p.parkedFull.note()
	p.because(ctx, "limits.parked")
	tooMany(ctx)
}

func tooMany(ctx *fasthttp.RequestCtx) {
	retryProblem(ctx, fasthttp.StatusServiceUnavailable, 5*time.Second, "as many polls are held as the server can; try again later")
}
