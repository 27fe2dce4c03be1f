package proxy

import (
	"errors"
	"io"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"cometproxy/backend"
	"cometproxy/grip"
	"cometproxy/park"
)

const (
	slowAnswer = 20 * time.Millisecond // after it the client is watched for hanging up
	smallBody  = 8 << 10               // of a request: the HTTP server has read it whole before the handler runs
)

// forwarding is one request on its way to a backend. It belongs to the exchange,
// and goes back to the pool after the exchange's Close.
type forwarding struct {
	target   *target
	position uint64 // of the hub when the request was forwarded
	head     forwardedHead
	watch    inputWatch
	body     requestBody
	small    [smallBody]byte
}

var forwardings = sync.Pool{New: func() any { return new(forwarding) }}

// forward sends a request to its backend and passes the answer on: a small one
// that is there at once through the HTTP server, everything else by a relay that
// takes the connection over.
func (p *Proxy) forward(ctx *fasthttp.RequestCtx, t *target) {
	f := forwardings.Get().(*forwarding)
	conn := ctx.Conn().(park.Conn)
	upgrade, ok := f.head.write(ctx, &p.set().Forward, t)
	if !ok {
		forwardings.Put(f)
		p.because(ctx, "route.strip_prefix")
		problem(ctx, fasthttp.StatusBadRequest, "write the path's beginning as it is, %s, without escapes and dots", t.stripPrefix)
		p.refuse(ctx)
		return
	}
	if t.grip {
		p.sign(&f.head)
	}
	f.target, f.position = t, p.hub.Position()
	f.watch.init(conn)
	req := backend.Request{Upgrade: upgrade, Cancel: f.watch.gone, SlowAfter: slowAnswer, OnSlow: f.watch.slow,
		Key: t.backend.Key(&ctx.Request.Header)}
	f.head.fill(&req)
	if err := p.findBody(f, ctx, conn, &req); err != nil {
		forwardings.Put(f)
		p.because(ctx, "bad_request_body")
		problem(ctx, fasthttp.StatusBadRequest, "the request's body could not be read: %s", shorten(err.Error()))
		ctx.Response.SetConnectionClose()
		return
	}
	began := time.Now()
	x, err := t.backend.Exchange(req)
	p.noteAsked(ctx, f, x, began)
	p.observeAsked(t, x, err, began)
	if err == nil && t.grip && x.Header.StatusCode() != fasthttp.StatusSwitchingProtocols && hasInstructions(x.Header) {
		p.instructed(ctx, conn, f, x)
		return
	}
	f.endWatch(conn)
	if err != nil {
		if errors.Is(err, errBodyTooLarge) {
			t.tooLarge(p, ctx)
		} else {
			p.forwardFailed(ctx, f.head.id, err)
		}
		p.set().Forward.addTrace(&ctx.Response.Header, f.head.id)
		forwardings.Put(f)
		p.refuse(ctx)
		return
	}
	p.passOn(ctx, conn, f, x, upgrade, nil)
}

// observeAsked tells the observer of an exchange; x is nil if there was no answer.
func (p *Proxy) observeAsked(t *target, x *backend.Exchange, err error, began time.Time) {
	status, reason := 0, ""
	var be *backend.Error
	switch {
	case err == nil:
		status = x.Header.StatusCode()
	case errors.As(err, &be):
		reason = be.Reason
	}
	p.set().Observer.Asked(t.name, status, reason, time.Since(began))
}

// noteAsked tells the access log of an exchange; x is nil if there was no answer.
func (p *Proxy) noteAsked(ctx *fasthttp.RequestCtx, f *forwarding, x *backend.Exchange, began time.Time) {
	v := p.visitOf(ctx)
	if v == nil {
		return
	}
	address := ""
	if x != nil {
		address = x.Address()
	}
	v.asked(f.head.id, f.target.name, address, began)
}

// endWatch gives the connection back to who reads requests from it.
func (f *forwarding) endWatch(conn park.Conn) {
	f.watch.end()
	conn.SetReadPace(0)
}

// findBody finds the request's body. A small one is in memory already and may be
// sent again over another connection; others are streamed.
func (p *Proxy) findBody(f *forwarding, ctx *fasthttp.RequestCtx, conn park.Conn, req *backend.Request) error {
	size := ctx.Request.Header.ContentLength()
	f.body = requestBody{size: int64(size), ended: true}
	if !ctx.Request.IsBodyStream() || size == 0 {
		return nil
	}
	stream := ctx.RequestBodyStream()
	if size > 0 && size <= smallBody {
		n, err := io.ReadFull(stream, f.small[:size])
		req.BodyBytes = f.small[:n]
		return err
	}
	conn.SetReadPace(p.set().BodyTimeout)
	f.body = requestBody{stream: stream, conn: conn, size: int64(size), limit: f.target.maxBody, over: make(chan struct{})}
	req.Body, req.BodySize = &f.body, int64(size)
	req.Interrupt = func() {
		conn.SetReadPace(0)
		conn.SetReadDeadline(time.Unix(1, 0))
	}
	return nil
}

// passOn gives the answer to the client, changed as in says if it is not nil.
func (p *Proxy) passOn(ctx *fasthttp.RequestCtx, conn park.Conn, f *forwarding, x *backend.Exchange, upgrade string, in *grip.Instruction) {
	status := x.Header.StatusCode()
	copyAnswerHead(&ctx.Response.Header, x.Header, &f.target.answer)
	p.set().Forward.addTrace(&ctx.Response.Header, f.head.id)
	if in != nil {
		follow(&ctx.Response.Header, in)
		if len(in.Channels) > 0 { // what came since the app was asked may not be in its answer
			ctx.Response.Header.Set("Comet-Cursor", p.hub.Cursor(f.position).String())
		}
	}
	switch {
	case status == fasthttp.StatusSwitchingProtocols && upgrade != "" && x.UploadFinished():
		succeed(ctx, conn, newTunnel(p, ctx, x))
		forwardings.Put(f)
		return
	case status == fasthttp.StatusSwitchingProtocols:
		// Not asked for, or too early: the rest of the request's body is still
		// being read through the HTTP server, whose reader a tunnel gives back.
		x.Close()
		forwardings.Put(f)
		ctx.Response.Reset()
		p.because(ctx, "bad_answer")
		problem(ctx, fasthttp.StatusBadGateway, "the app changed protocols without having been asked to, or before it had the whole request")
		p.page(ctx)
		p.refuse(ctx)
		return
	}
	if x.UploadFinished() { // first: BufferedBody takes the body away
		if body, ok := x.BufferedBody(); ok {
			if x.BodySize() != 0 { // -1: it came in chunks
				ctx.Response.SetBody(body)
			}
			x.Close()
			forwardings.Put(f)
			return
		}
	}
	succeed(ctx, conn, newRelay(p, ctx, f, x))
}

// forwardFailed tells the client why there is no answer, and the log where.
func (p *Proxy) forwardFailed(ctx *fasthttp.RequestCtx, id []byte, err error) {
	var be *backend.Error
	if !errors.As(err, &be) {
		be = &backend.Error{Kind: backend.KindBadAnswer, Err: err}
	}
	switch be.Kind {
	case backend.KindCancelled, backend.KindBody:
		p.log.Debug("a client hung up before its request was answered", zap.ByteString("request_id", id), zap.Error(err))
	default:
		p.log.Warn("a request could not be forwarded", zap.ByteString("method", ctx.Method()),
			zap.ByteString("target", ctx.Request.Header.RequestURI()), zap.ByteString("request_id", id),
			zap.String("reason", be.Reason), zap.Error(err))
	}
	p.visitOf(ctx).failed(be.Reason)
	switch be.Kind {
	case backend.KindBusy:
		retryProblem(ctx, be.Kind.Status(), 2*time.Second, "the app is busy: none of its connections came free in time; try again")
	case backend.KindTimeout:
		problem(ctx, be.Kind.Status(), "the app did not answer in time; its operator finds more in the proxy's log")
	case backend.KindConnect:
		problem(ctx, be.Kind.Status(), "the app cannot be reached; its operator finds the reason in the proxy's log")
	case backend.KindBody:
		problem(ctx, be.Kind.Status(), "the request's body could not be read to its end")
	case backend.KindCancelled:
		problem(ctx, fasthttp.StatusBadRequest, "the request was given up before it was answered")
	default:
		problem(ctx, be.Kind.Status(), "the app's answer is not well-formed HTTP or ended too early; its operator finds more in the proxy's log")
	}
	p.page(ctx)
}
