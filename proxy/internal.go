package proxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"cometproxy/proxy/route"
)

// internalHead is how large the head of a request on the internal listener may be.
const internalHead = 16 << 10

// MaxInternalConns is how many connections the internal listener takes.
const MaxInternalConns = 512

func (p *Proxy) newInternalServer() *fasthttp.Server {
	return &fasthttp.Server{
		Handler:        p.handleInternal,
		ErrorHandler:   p.badInternal,
		Logger:         quiet{p.log},
		ReadBufferSize: internalHead,
		ReadTimeout:    30 * time.Second,
		WriteTimeout:   time.Minute,
		IdleTimeout:    time.Minute,
		Concurrency:    MaxInternalConns,
		HeaderReceived: func(*fasthttp.RequestHeader) fasthttp.RequestConfig {
			return fasthttp.RequestConfig{MaxRequestBodySize: p.set().Publish.MaxRequest}
		},
		DisablePreParseMultipartForm: true,
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
		NoDefaultDate:                p.set().NoDate,
		CloseOnShutdown:              true,
	}
}

// handleInternal is the handler of the internal listener.
func (p *Proxy) handleInternal(ctx *fasthttp.RequestCtx) {
	defer func() {
		if caught := recover(); caught != nil {
			p.log.Error("a panic was caught while an internal request was handled; it is answered with 500",
				zap.Any("panic", caught), zap.StackSkip("stack", 1))
			ctx.Response.Reset()
			problem(ctx, fasthttp.StatusInternalServerError, "cometproxy failed at this request; its log says where")
		}
	}()
	p.fault("internal")
	path, _ := splitTarget(ctx.Request.Header.RequestURI())
	if bytes.HasPrefix(path, []byte("/health/")) {
		p.health(ctx, string(path))
		return
	}
	page := p.set().Internal.Page
	if page != nil && (string(path) == "/" || bytes.HasPrefix(path, []byte("/page/"))) {
		method(ctx, "GET", func() { page.Shell(ctx, string(path)) })
		return
	}
	if !p.set().auth.admit(ctx) {
		return
	}
	rest, isChannel := bytes.CutPrefix(path, []byte("/channels/"))
	switch {
	case string(path) == "/channels" || string(path) == "/channels/":
		method(ctx, "GET", func() { p.listChannels(ctx) })
	case isChannel:
		if ctx.IsGet() || ctx.IsHead() {
			p.channel(ctx, rest)
			return
		}
		p.whilePublishing(ctx, func() { p.channel(ctx, rest) })
		if ctx.IsPost() {
			p.set().Observer.Published(ctx.Response.StatusCode())
		}
	case string(path) == "/publish" || string(path) == "/publish/":
		p.whilePublishing(ctx, func() { p.publishItems(ctx) })
		p.set().Observer.Published(ctx.Response.StatusCode())
	case string(path) == "/reload" && p.set().Internal.Reload != nil:
		method(ctx, "POST", func() { p.reloadAsked(ctx) })
	case string(path) == "/metrics" && p.set().Internal.Metrics != nil:
		method(ctx, "GET", func() { p.set().Internal.Metrics(ctx) })
	case bytes.HasPrefix(path, []byte("/admin/")) && page != nil:
		method(ctx, "GET", func() { page.Data(ctx, string(path)) })
	case bytes.HasPrefix(path, []byte("/debug/")):
		p.debug(ctx, string(path))
	default:
		problem(ctx, fasthttp.StatusNotFound, "there is nothing at this path; the internal listener has / for browsers, /channels, /channels/{channel}, /channels/{channel}/messages, /publish/, /metrics and /health/ready")
	}
}

// reloadAsked is POST /reload.
func (p *Proxy) reloadAsked(ctx *fasthttp.RequestCtx) {
	if err := p.set().Internal.Reload(); err != nil {
		problem(ctx, fasthttp.StatusUnprocessableEntity, "%s", err)
		return
	}
	writeJSON(ctx, map[string]string{"status": "reloaded"})
}

// method runs f if the request's method is the one, or HEAD for GET.
func method(ctx *fasthttp.RequestCtx, name string, f func()) {
	if string(ctx.Method()) == name || name == "GET" && ctx.IsHead() {
		f()
		return
	}
	methodNotAllowed(ctx, name)
}

func methodNotAllowed(ctx *fasthttp.RequestCtx, allow string) {
	problem(ctx, fasthttp.StatusMethodNotAllowed, "%s is not for this path; use %s", shorten(string(ctx.Method())), allow)
	ctx.Response.Header.Set("Allow", allow)
}

// channel handles /channels/{channel} and what is below it.
func (p *Proxy) channel(ctx *fasthttp.RequestCtx, rest []byte) {
	segment, below, nested := bytes.Cut(rest, []byte{'/'})
	if nested && string(below) != "messages" {
		problem(ctx, fasthttp.StatusNotFound, "below a channel there is only /channels/{channel}/messages; a \"/\" in a channel's name is written %%2F")
		return
	}
	name, err := route.UnescapeSegment(segment)
	if err == nil {
		err = route.ValidChannel(name)
	}
	switch {
	case err != nil:
		problem(ctx, fasthttp.StatusBadRequest, "%s", err)
	case nested:
		method(ctx, "GET", func() { p.keptMessages(ctx, name) })
	case ctx.IsPost():
		p.publishOne(ctx, name)
	case ctx.IsGet() || ctx.IsHead():
		p.describeChannel(ctx, name)
	case ctx.IsDelete():
		p.deleteChannel(ctx, name)
	default:
		methodNotAllowed(ctx, "GET, HEAD, POST, DELETE")
	}
}

// badInternal answers what could not be read as a request.
func (p *Proxy) badInternal(ctx *fasthttp.RequestCtx, err error) {
	if errors.Is(err, fasthttp.ErrBodyTooLarge) {
		problem(ctx, fasthttp.StatusRequestEntityTooLarge, "the request's body is larger than %d bytes (publish.max_request); send less at once", p.set().Publish.MaxRequest)
		ctx.Response.SetConnectionClose()
		return
	}
	p.badRequest(ctx, err)
}

// health says whether the process is alive, and whether it takes clients. It
// needs no token: probes have none.
func (p *Proxy) health(ctx *fasthttp.RequestCtx, path string) {
	switch path {
	case "/health/live":
		method(ctx, "GET", func() { writeJSON(ctx, map[string]string{"status": "live"}) })
	case "/health/ready":
		method(ctx, "GET", func() { p.ready(ctx) })
	default:
		problem(ctx, fasthttp.StatusNotFound, "there are /health/live and /health/ready")
	}
}

func (p *Proxy) ready(ctx *fasthttp.RequestCtx) {
	switch state := p.state.Load(); {
	case state == stateNew:
		retryProblem(ctx, fasthttp.StatusServiceUnavailable, time.Second, "starting: clients are not accepted yet")
	case state > stateServing:
		retryProblem(ctx, fasthttp.StatusServiceUnavailable, 5*time.Second, "draining: parked polls are being answered, and this process is about to end")
	case p.acceptFailed.recent(5 * time.Second):
		retryProblem(ctx, fasthttp.StatusServiceUnavailable, 5*time.Second, "clients cannot be accepted at the moment; the log says why")
	case p.refused.recent(5 * time.Second):
		retryProblem(ctx, fasthttp.StatusServiceUnavailable, 5*time.Second, "full: new clients are turned away (limits.connections)")
	default:
		writeJSON(ctx, map[string]string{"status": "ready"})
	}
}

// writeJSON answers 200 with v, which must be of a kind that cannot fail.
func writeJSON(ctx *fasthttp.RequestCtx, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	jsonHead(ctx)
	ctx.Response.SetBody(append(b, '\n'))
}

func jsonHead(ctx *fasthttp.RequestCtx) {
	ctx.Response.Header.SetContentType("application/json")
	ctx.Response.Header.Set("Cache-Control", "no-store")
}

// InternalHosts are the host names of listener addresses, for
// InternalOptions.Hosts: what of "host:port" is no IP address.
func InternalHosts(addresses []string) (hosts []string) {
	for _, a := range addresses {
		host, _, err := net.SplitHostPort(a)
		if err != nil || host == "" || strings.HasPrefix(a, "unix:") {
			continue
		}
		if _, err := netip.ParseAddr(host); err != nil {
			hosts = append(hosts, host)
		}
	}
	return hosts
}
