package proxy

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"hash/maphash"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"cometproxy/channels"
	"cometproxy/park"
	"cometproxy/proxy/poll"
)

// The probe answers who wants to know what stands between him and this proxy:
//
//	GET PROBE           what came of the request, at once, and more text than is worth compressing
//	GET PROBE?wait=8    nothing, after 8 seconds: a poll like all others, on a channel where nobody can publish
//	GET PROBE?pieces    some lines, with pauses in between
//
// It is for everybody who can reach it. So it costs no more than a poll, its answers
// are small, and what it tells of a request are names, and the values of lines that
// are no secrets: what a proxy in front adds may be one.

const (
	probeVersion = 1
	probeField   = "Comet-Probe" // header field of all its answers

	maxProbeNames = 64   // of header lines told
	maxProbeText  = 256  // bytes of one name or value
	probePadding  = 3072 // bytes: more than what proxies think too small to compress
)

// isProbe reports that a request is for the probe.
func (p *Proxy) isProbe(ctx *fasthttp.RequestCtx) bool {
	at := p.set().Probe
	if at == "" {
		return false
	}
	_, target := originForm(ctx.Request.Header.RequestURI())
	path, _ := splitTarget(target)
	return string(path) == at
}

// probe answers a request for the probe.
func (p *Proxy) probe(ctx *fasthttp.RequestCtx) {
	h := &ctx.Response.Header
	h.Set(probeField, strconv.Itoa(probeVersion))
	h.Set("X-Content-Type-Options", "nosniff")
	if n := ctx.Request.Header.ContentLength(); n > 0 || n == -1 {
		problem(ctx, fasthttp.StatusBadRequest, "the probe takes no body")
		ctx.Response.SetConnectionClose()
		p.refuse(ctx)
		return
	}
	if !ctx.IsGet() && !ctx.IsHead() {
		problem(ctx, fasthttp.StatusMethodNotAllowed, "the probe is asked with GET")
		h.Set("Allow", "GET, HEAD")
		return
	}
	args := ctx.QueryArgs()
	switch {
	case ctx.IsGet() && args.Has("wait"):
		p.probeHold(ctx)
	case ctx.IsGet() && args.Has("pieces"):
		p.probePieces(ctx)
	default:
		p.probeEcho(ctx)
	}
}

// probeHold is a poll that ends with its time, to the second: how long it took is
// what was asked for.
func (p *Proxy) probeHold(ctx *fasthttp.RequestCtx) {
	_, query := splitTarget(ctx.Request.Header.RequestURI())
	r, err := poll.Parse(query, nil, nil, p.set().limits)
	if err != nil {
		problem(ctx, fasthttp.StatusBadRequest, "%s", err)
		return
	}
	q := channels.Query{Channels: []string{nowhere}, Accepts: channels.Native, MaxMessages: 1, Start: channels.Now}
	s := shapeOf(ctx, false)
	e := p.hub.Look(&q)
	if r.Wait <= 0 || ctx.Conn().(park.Conn).InputEnded() || p.draining() {
		p.writeAnswer(ctx, &e, s)
		return
	}
	h := holds.Get().(*hold)
	h.shape, h.own = s, probeLines
	p.keep(ctx, h, &q, e.Cursor, time.Now().Add(r.Wait))
}

// probeLines are the header lines of a probe's hold that no other poll has.
var probeLines = &lines{[]byte(probeField + ": " + strconv.Itoa(probeVersion) + "\r\n")}

// probeReport is what the probe tells of a request.
type probeReport struct {
	Probe      int      `json:"probe"`
	Nonce      string   `json:"nonce"`      // another one each time, unless somebody has kept the answer
	HTTP       string   `json:"http"`       // version of the request
	Connection string   `json:"connection"` // name of the connection it came by
	Names      []string `json:"names"`      // of its header lines

	Values map[string]string `json:"values"` // of some of them

	Timeout float64 `json:"timeout"`     // of holds, in seconds
	Max     float64 `json:"max_timeout"` //
	Padding string  `json:"padding"`
}

// probeValues are the lines whose values are told.
var probeValues = []string{"Host", "Connection", "Accept-Encoding", "Via", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host",
	"Comet-Cursor", "Last-Event-ID", "Prefer"}

func (p *Proxy) probeEcho(ctx *fasthttp.RequestCtx) {
	req := &ctx.Request.Header
	r := probeReport{Probe: probeVersion, Nonce: rand.Text(), HTTP: "1.0", Connection: p.connectionName(ctx.Conn().(park.Conn).ID()),
		Names: []string{}, Values: make(map[string]string), Padding: padding,
		Timeout: p.set().Hold.Timeout.Seconds(), Max: p.set().Hold.MaxTimeout.Seconds()}
	if req.IsHTTP11() {
		r.HTTP = "1.1"
	}
	for name := range req.AllInOrder() {
		if len(r.Names) < maxProbeNames {
			r.Names = append(r.Names, string(name[:min(len(name), maxProbeText)]))
		}
	}
	for _, name := range probeValues {
		if all := headers(req, name); len(all) > 0 {
			value := bytes.Join(all, []byte(", "))
			r.Values[name] = string(value[:min(len(value), maxProbeText)])
		}
	}
	body, _ := json.Marshal(&r) // cannot fail: texts and numbers
	h := &ctx.Response.Header
	h.SetContentType("application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Origin") // as polls with CORS have it
	h.Set("Comet-Cursor", p.hub.Cursor(p.hub.Position()).String())
	ctx.Response.SetBodyRaw(append(body, '\n'))
}

var padding = string(bytes.Repeat([]byte("what repeats itself is worth compressing; "), probePadding/42))

// connectionName is the same for requests of one connection, and tells nothing else.
func (p *Proxy) connectionName(id park.ID) string {
	return strconv.FormatUint(maphash.Comparable(connectionSeed, id), 36)
}

var connectionSeed = maphash.MakeSeed()
