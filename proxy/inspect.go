package proxy

import (
	"math"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/pprofhandler"

	"cometproxy/channels"
	"cometproxy/proxy/poll"
)

// channelInfo is a channel as the internal listener describes it.
type channelInfo struct {
	Name         string  `json:"name"`
	Waiters      int     `json:"waiters"`
	Messages     int     `json:"messages"`
	ID           *string `json:"id"` // of the newest message kept
	OldestWaiter float64 `json:"oldest_waiter_seconds"`
}

func (p *Proxy) channelInfo(i channels.Info) channelInfo {
	c := channelInfo{Name: i.Name, Waiters: i.Waiters, Messages: i.Messages,
		OldestWaiter: math.Round(i.OldestWaiter.Seconds()*1000) / 1000}
	if i.Last != 0 {
		id := p.hub.Cursor(i.Last).String()
		c.ID = &id
	}
	return c
}

// listChannels is GET /channels.
func (p *Proxy) listChannels(ctx *fasthttp.RequestCtx) {
	args := ctx.QueryArgs()
	limit, ok := limitArg(ctx, 100)
	if !ok {
		return
	}
	page, more := p.hub.List(string(args.Peek("prefix")), string(args.Peek("after")), limit)
	answer := struct {
		Channels []channelInfo `json:"channels"`
		Next     string        `json:"next,omitempty"`
	}{Channels: make([]channelInfo, 0, len(page))}
	for _, info := range page {
		if info.Name != nowhere {
			answer.Channels = append(answer.Channels, p.channelInfo(info))
		}
	}
	if more {
		answer.Next = page[len(page)-1].Name
	}
	writeJSON(ctx, answer)
}

func limitArg(ctx *fasthttp.RequestCtx, def int) (limit int, ok bool) {
	arg := ctx.QueryArgs().Peek("limit")
	if len(arg) == 0 {
		return def, true
	}
	limit, err := strconv.Atoi(string(arg))
	if err != nil || limit < 1 || limit > 1000 {
		problem(ctx, fasthttp.StatusBadRequest, "limit is a whole number from 1 to 1000")
		return 0, false
	}
	return limit, true
}

// describeChannel is GET /channels/{channel}.
func (p *Proxy) describeChannel(ctx *fasthttp.RequestCtx, name string) {
	info, ok := p.hub.Info(name)
	if !ok {
		problem(ctx, fasthttp.StatusNotFound, "nobody waits on this channel and nothing of it is kept")
		return
	}
	writeJSON(ctx, p.channelInfo(info))
}

// keptMessages is GET /channels/{channel}/messages.
func (p *Proxy) keptMessages(ctx *fasthttp.RequestCtx, name string) {
	_, query := splitTarget(ctx.Request.Header.RequestURI())
	r, err := poll.Parse(query, nil, nil, p.set().limits)
	if err != nil {
		problem(ctx, fasthttp.StatusBadRequest, "%s", err)
		return
	}
	if r.Raw {
		problem(ctx, fasthttp.StatusBadRequest, "format=raw is for polls; leave it out")
		return
	}
	q := p.query([]string{name}, &r)
	if len(ctx.QueryArgs().Peek("cursor")) == 0 {
		q.Start = channels.Earliest
	}
	e := p.hub.Look(&q)
	ctx.Response.Header.SetContentType("application/json")
	ctx.Response.Header.Set("Cache-Control", "no-store")
	ctx.Response.Header.Set("Comet-Cursor", p.hub.Cursor(e.Cursor).String())
	ctx.Response.SetBodyRaw(p.appendBody(nil, &e))
}

// deleteChannel is DELETE /channels/{channel}.
func (p *Proxy) deleteChannel(ctx *fasthttp.RequestCtx, name string) {
	r := p.hub.Delete(name)
	writeJSON(ctx, struct {
		Channel  string `json:"channel"`
		Released int    `json:"released"`
	}{name, r.Released})
}

// debug is what Options.Internal.Debug offers.
func (p *Proxy) debug(ctx *fasthttp.RequestCtx, path string) {
	if !p.set().Internal.Debug {
		problem(ctx, fasthttp.StatusNotFound, "debugging is off; set internal.debug = true")
		return
	}
	switch path {
	case "/debug/check":
		method(ctx, "GET", func() {
			if err := p.Check(); err != nil {
				plain(ctx, fasthttp.StatusInternalServerError, err.Error())
				return
			}
			plain(ctx, fasthttp.StatusOK, "ok: every invariant holds")
		})
	case "/debug/stats":
		method(ctx, "GET", func() { p.stats(ctx) })
	case "/debug/free":
		method(ctx, "POST", func() {
			giveBack()
			p.stats(ctx)
		})
	case "/debug/pprof":
		ctx.Redirect("/debug/pprof/", fasthttp.StatusFound)
	default:
		p.profiles(ctx, path)
	}
}

// profiles is /debug/pprof/. The library's handler has its index without the last
// slash, which the links in it need, and also wherever it knows no better.
func (p *Proxy) profiles(ctx *fasthttp.RequestCtx, path string) {
	name, ok := strings.CutPrefix(path, "/debug/pprof/")
	switch {
	case ok && name == "":
		ctx.URI().SetPath("/debug/pprof")
	case ok && (slices.Contains([]string{"cmdline", "profile", "symbol", "trace"}, name) || pprof.Lookup(name) != nil):
	default:
		problem(ctx, fasthttp.StatusNotFound, "there are /debug/check, /debug/stats, /debug/pprof/ and, for POST, /debug/free")
		return
	}
	pprofhandler.PprofHandler(ctx)
}

// stats are the figures of every part, as its package gives them.
func (p *Proxy) stats(ctx *fasthttp.RequestCtx) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	backends := make(map[string]any)
	for name, b := range p.set().Backends {
		backends[name] = b.Stats()
	}
	writeJSON(ctx, map[string]any{
		"channels":    p.hub.Stats(),
		"grip":        p.gripStats(),
		"connections": p.lot.Stats(),
		"backends":    backends,
		"spool":       p.spool.Stats(),
		"active":      p.active.count(),
		"goroutines":  runtime.NumGoroutine(),
		"memory": map[string]uint64{"heap_in_use": m.HeapInuse, "stack_in_use": m.StackInuse,
			"from_system": m.Sys, "given_back": m.HeapReleased},
	})
}
