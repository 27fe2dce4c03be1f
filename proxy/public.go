package proxy

import (
	"errors"
	"io"
	"math"
	"net"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"cometproxy/channels"
	"cometproxy/park"
	"cometproxy/proxy/route"
)

// Limits of the public listener's HTTP server.
const (
	linger = time.Second // how long a connection stays with the HTTP server for its next request
)

// newPublicServer makes the HTTP server that works on one request of a client
// connection at a time; between them the connection is the lot's.
func (p *Proxy) newPublicServer(s *settings) *fasthttp.Server {
	return &fasthttp.Server{
		Handler:                       p.handlePublic,
		HeaderReceived:                expectation,
		ErrorHandler:                  p.badPublic,
		Logger:                        quiet{p.log},
		ReadBufferSize:                s.MaxHead,
		ReadTimeout:                   s.HeadTimeout,
		WriteTimeout:                  s.SendTimeout,
		IdleTimeout:                   linger,
		Concurrency:                   1 << 24,     // the lot limits connections; this would close them with a 503 of its own
		MaxRequestBodySize:            math.MaxInt, // bodies are streamed
		StreamRequestBody:             true,
		DisablePreParseMultipartForm:  true,
		DisableHeaderNamesNormalizing: true,
		NoDefaultServerHeader:         true,
		NoDefaultContentType:          true,
		SecureErrorLogMessage:         true, // an error does not quote the client's bytes
		NoDefaultDate:                 s.NoDate,
	}
}

// expectation helps the HTTP server to find "expect: 100-continue" however it is
// written: names are kept as the client wrote them, and it looks for one spelling.
// The client would wait with its body for the answer that it expects.
func expectation(h *fasthttp.RequestHeader) (none fasthttp.RequestConfig) {
	if n := h.ContentLength(); n > 0 || n == -1 {
		if v := header(h, "Expect"); v != nil {
			h.SetBytesV("Expect", v)
		}
	}
	return none
}

// quiet sends what the HTTP server says about single connections to the debug log.
type quiet struct{ log *zap.Logger }

func (q quiet) Printf(format string, args ...any) {
	q.log.Sugar().Debugf(format, args...)
}

// event is the lot's event func, and a recovery boundary.
func (p *Proxy) event(ev park.Event) {
	defer func() {
		if caught := recover(); caught != nil {
			if h, ok := ev.Owner.(*hold); ok { // unless it was claimed before the panic
				p.hub.End(&h.waiter, ev.Gen, channels.ByGone)
			}
			p.abandon(ev.ID, caught)
		}
	}()
	switch ev.Kind {
	case park.Serve:
		p.serve(ev.Conn)
	case park.EndOfInput, park.Reset, park.Deadline:
		p.fault("event")
		p.ended(ev)
	case park.Refused:
		p.refused.note()
	case park.Crowded:
		if ev.Peer == nil {
			p.connsCrowded.note()
			return
		}
		p.connsCrowded.note(zap.Stringer("client", clientIP(ev.Peer)))
	case park.Evicted:
		p.evicted.note()
	case park.AcceptFailed:
		p.acceptFailed.note(zap.Error(ev.Err))
	}
}

func (p *Proxy) serve(conn park.Conn) {
	err := p.set().public.ServeConn(conn)
	if err == nil {
		return
	}
	// If a handler has found a successor, the server failed, writing the answer
	// to a request pipelined before, and does not hand the connection over.
	if s, ok := conn.Attached().(successor); ok {
		s.drop()
		p.active.Done()
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
		p.log.Debug("a client connection failed", zap.Error(err))
	}
}

// handlePublic is the handler of the public listener, and a recovery boundary.
func (p *Proxy) handlePublic(ctx *fasthttp.RequestCtx) {
	p.active.Add(1)
	defer p.active.Done()
	defer func() {
		if caught := recover(); caught != nil {
			p.log.Error("a panic was caught while a request was handled; it is answered with 500",
				zap.Any("panic", caught), zap.StackSkip("stack", 1))
			ctx.Response.Reset()
			problem(ctx, fasthttp.StatusInternalServerError, "the proxy failed at this request; its log says where")
			ctx.Response.SetConnectionClose()
		}
	}()
	v := p.access.visit(p, ctx)
	p.fault("handler")
	p.route(ctx)
	if v != nil && !v.taken {
		v.end(ctx.Response.StatusCode(), int64(len(ctx.Response.Body())))
	}
	if p.draining() {
		ctx.Response.SetConnectionClose()
	}
}

func (p *Proxy) route(ctx *fasthttp.RequestCtx) {
	if why := strict(&ctx.Request.Header, p.set().MaxLines); why != "" {
		p.ambiguous(ctx, why)
		return
	}
	if n := len(ctx.Request.Header.RequestURI()); n > p.set().MaxTarget {
		p.because(ctx, "limits.target_bytes")
		problem(ctx, fasthttp.StatusRequestURITooLong, "the request's target has %d bytes; %d are allowed (limits.target_bytes)", n, p.set().MaxTarget)
		p.refuse(ctx)
		return
	}
	if p.set().RedirectToHTTPS && !p.secure(ctx) {
		toHTTPS.write(p, ctx)
		return
	}
	if p.isProbe(ctx) {
		p.probe(ctx)
		return
	}
	m, err := p.set().routes.Match(ctx.Request.Header.Host(), ctx.Request.Header.RequestURI())
	if err != nil {
		p.unroutable(ctx, err)
		return
	}
	t := m.Route.Value.(*target)
	switch {
	case t.fixed == nil && t.backend == nil:
		p.native(ctx, &m)
	case t.refuses(p, ctx):
	case t.fixed != nil:
		t.fixed.write(p, ctx)
	default:
		p.forward(ctx, t)
	}
}

// toHTTPS is the answer to plain HTTP with Options.RedirectToHTTPS.
var toHTTPS = fixedAnswer{status: fasthttp.StatusPermanentRedirect, redirect: "https"}

// secure reports that the client speaks https, to this proxy or, as it says, to a
// trusted one in front.
func (p *Proxy) secure(ctx *fasthttp.RequestCtx) bool {
	return ctx.IsTLS() || p.set().Forward.trusts(clientIP(ctx.RemoteAddr())) && equalFold(header(&ctx.Request.Header, "X-Forwarded-Proto"), "https")
}

func (p *Proxy) unroutable(ctx *fasthttp.RequestCtx, err error) {
	var re *route.Error
	if !errors.As(err, &re) {
		re = &route.Error{Kind: route.NotFound, Detail: err.Error()}
	}
	p.because(ctx, unroutableReason(re.Kind))
	problem(ctx, re.Status(), "%s", re.Detail)
	if re.Route != nil {
		c := re.Route.Value.(*target).cors
		addLines(&ctx.Response.Header, c.answer(header(&ctx.Request.Header, "Origin")).bytes())
	}
	if n := ctx.Request.Header.ContentLength(); n > 0 || n == -1 {
		p.refuse(ctx)
	}
}

func unroutableReason(k route.Kind) string {
	switch k {
	case route.BadPath:
		return "bad_path"
	case route.BadParam:
		return "bad_parameter"
	}
	return "no_route"
}

// ambiguous refuses a request of which nobody can be sure where it ends.
func (p *Proxy) ambiguous(ctx *fasthttp.RequestCtx, why string) {
	status, reason := fasthttp.StatusBadRequest, "bad_head"
	switch why {
	case badVersion:
		status, reason = fasthttp.StatusHTTPVersionNotSupported, "http_version"
	case tooManyLines:
		status, reason = fasthttp.StatusRequestHeaderFieldsTooLarge, "limits.header_lines"
	}
	p.because(ctx, reason)
	problem(ctx, status, "%s", why)
	ctx.Response.SetConnectionClose()
	p.refuse(ctx)
}

// badPublic is badRequest for clients, who have lines in the access log.
func (p *Proxy) badPublic(ctx *fasthttp.RequestCtx, err error) {
	p.badRequest(ctx, err)
	if v := p.access.visit(p, ctx); v != nil {
		v.method, v.target, v.host = "", "", "" // nobody knows
		switch ctx.Response.StatusCode() {
		case fasthttp.StatusRequestHeaderFieldsTooLarge:
			v.failed("limits.header_bytes")
		case fasthttp.StatusRequestTimeout:
			v.failed("limits.header_timeout")
		default:
			v.failed("bad_head")
		}
		v.end(ctx.Response.StatusCode(), int64(len(ctx.Response.Body())), zap.String("broken", complaint(err)))
	}
}

// badRequest answers what the HTTP server could not read as a request.
func (p *Proxy) badRequest(ctx *fasthttp.RequestCtx, err error) {
	var small *fasthttp.ErrSmallBuffer
	var netErr net.Error
	switch {
	case errors.As(err, &small):
		problem(ctx, fasthttp.StatusRequestHeaderFieldsTooLarge, "the request's head is larger than %d bytes; send fewer or shorter headers and cookies (limits.header_bytes)", p.set().MaxHead)
	case errors.As(err, &netErr) && netErr.Timeout():
		problem(ctx, fasthttp.StatusRequestTimeout, "the request did not arrive within %s", p.set().HeadTimeout)
	default:
		problem(ctx, fasthttp.StatusBadRequest, "this is not a well-formed HTTP request: %s", complaint(err))
	}
	ctx.Response.SetConnectionClose()
}

// complaint is what the HTTP server's error says about a request, less what is
// about the server.
func complaint(err error) string {
	var small *fasthttp.ErrSmallBuffer
	var timeout net.Error
	switch {
	case errors.As(err, &small):
		return "the head is too large (limits.header_bytes)"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "the client was too slow (limits.header_timeout)"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "the client hung up within its request"
	}
	s, _, _ := strings.Cut(err.Error(), ": buffer size=")
	s = strings.TrimPrefix(s, "error when reading request headers: ")
	return shorten(strings.TrimPrefix(s, "fasthttp: "))
}

// shorten cuts what may be as long as a client likes.
func shorten(s string) string {
	if len(s) > 160 {
		s = strings.ToValidUTF8(s[:160], "") + "..."
	}
	return s
}

// A successor takes a client connection over from the HTTP server.
type successor interface {
	takeOver(conn park.Conn, buffered io.Reader)
	drop() // instead of takeOver or after its panic: the connection is closed
	owner() *Proxy
}

// succeed makes s take the connection over, without a response of the server's.
func succeed(ctx *fasthttp.RequestCtx, conn park.Conn, s successor) {
	s.owner().active.Add(1) // until takeOver returns
	conn.Attach(s)
	ctx.HijackSetNoResponse(true)
	ctx.Hijack(takeOver)
}

// takeOver is the one hijack handler: static, so that it costs no allocation,
// and a recovery boundary.
func takeOver(c net.Conn) {
	conn := c.(interface{ UnsafeConn() net.Conn }).UnsafeConn().(park.Conn)
	s := conn.Attached().(successor)
	p := s.owner()
	defer p.active.Done()
	defer func() {
		if caught := recover(); caught != nil {
			s.drop()
			p.abandon(conn.ID(), caught)
		}
	}()
	p.fault("takeover")
	s.takeOver(conn, c)
}
