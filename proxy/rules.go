package proxy

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"

	"cometproxy/proxy/route"
)

// A HeaderEdit changes header lines: those it removes or sets are taken out, in
// any case, and those it sets are put behind the others.
type HeaderEdit struct {
	Set    map[string]string
	Remove []string
}

// An edit is a HeaderEdit made ready. The zero edit changes nothing.
type edit struct {
	out [][]byte    // names
	in  [][2][]byte // names and values, sorted
}

func newEdit(h HeaderEdit) edit {
	var e edit
	for name, value := range h.Set {
		e.out = append(e.out, []byte(name))
		e.in = append(e.in, [2][]byte{[]byte(name), []byte(value)})
	}
	slices.SortFunc(e.in, func(a, b [2][]byte) int { return bytes.Compare(a[0], b[0]) })
	for _, name := range h.Remove {
		e.out = append(e.out, []byte(name))
	}
	return e
}

func (e *edit) removes(name []byte) bool { return len(e.out) > 0 && containsName(e.out, name) }

// refuses answers a request that the route does not take, and reports that it did.
func (t *target) refuses(p *Proxy, ctx *fasthttp.RequestCtx) bool {
	method := string(ctx.Method())
	switch {
	case len(t.methods) > 0 && !slices.Contains(t.methods, method) && (method != "HEAD" || !slices.Contains(t.methods, "GET")):
		p.because(ctx, "route.methods")
		problem(ctx, fasthttp.StatusMethodNotAllowed, "%s is not allowed here; use %s", shorten(method), strings.Join(t.methods, ", "))
		ctx.Response.Header.Set("Allow", strings.Join(t.methods, ", "))
	case t.maxBody > 0 && int64(ctx.Request.Header.ContentLength()) > t.maxBody:
		t.tooLarge(p, ctx)
	default:
		return false
	}
	p.refuse(ctx)
	return true
}

// errBodyTooLarge is what reading a request's body ends with behind route.max_body.
var errBodyTooLarge = errors.New("the request's body is larger than allowed")

func (t *target) tooLarge(p *Proxy, ctx *fasthttp.RequestCtx) {
	p.because(ctx, t.bodyBound)
	problem(ctx, fasthttp.StatusRequestEntityTooLarge, "the request's body is larger than %d bytes, the most that is allowed here (%s)", t.maxBody, t.bodyBound)
}

// stripped is the target without the route's prefix, which the app does not know
// about; ok is false when it does not stand there as it is written.
func stripped(target []byte, prefix string) (short []byte, ok bool) {
	_, target = originForm(target)
	rest, ok := bytes.CutPrefix(target, []byte(prefix))
	switch {
	case !ok:
		return nil, false
	case len(rest) == 0:
		return []byte("/"), true
	case rest[0] == '?':
		return append([]byte("/"), rest...), true
	}
	return rest, rest[0] == '/'
}

// originForm takes a target that is a URL apart: into its authority, and what
// follows. Other targets have no authority.
func originForm(target []byte) (authority, rest []byte) {
	authority, absolute := route.Authority(target)
	if !absolute {
		return nil, target
	}
	_, rest, _ = bytes.Cut(target, []byte("://"))
	return authority, rest[len(authority):]
}

// A fixedAnswer is what a route answers by itself.
type fixedAnswer struct {
	status   int
	redirect string // where to: "https", or what stands before the request's target; empty: nowhere
	kind     string // Content-Type
	body     []byte
	edit     edit
}

func (f *fixedAnswer) write(p *Proxy, ctx *fasthttp.RequestCtx) {
	h := &ctx.Response.Header
	ctx.Response.SetStatusCode(f.status)
	switch {
	case f.redirect == "https" && p.secure(ctx):
		p.because(ctx, "https_already")
		problem(ctx, fasthttp.StatusNotFound, "this route only redirects to https, which this request came by")
	case f.redirect != "":
		to, ok := f.location(ctx, p.set().HTTPSPort)
		if !ok {
			p.because(ctx, "no_host")
			problem(ctx, fasthttp.StatusBadRequest, "this request has no Host that could be redirected to https")
			break
		}
		h.SetBytesV("Location", to)
	case !bodiless(f.status):
		h.SetContentType(f.kind)
		ctx.Response.SetBodyRaw(f.body)
	}
	for _, line := range f.edit.in {
		h.SetBytesKV(line[0], line[1])
	}
	p.refuse(ctx)
}

// location is where a request is redirected to: the same host and target by
// https, or another place and the same target.
//
// A host without a port is reached at the usual ones, whatever happens on the way to
// this proxy. One with a port is reached as it listens: so the port becomes port, if
// that is not 0.
func (f *fixedAnswer) location(ctx *fasthttp.RequestCtx, port int) (to []byte, ok bool) {
	host, target := originForm(ctx.Request.Header.RequestURI())
	if host == nil {
		host = ctx.Request.Header.Host()
	}
	if f.redirect != "https" {
		return append([]byte(f.redirect), target...), true
	}
	if i := bytes.LastIndexByte(host, ':'); i > bytes.LastIndexByte(host, ']') {
		host = host[:i:i] // the port is that of http
		if port != 0 && port != 443 {
			host = strconv.AppendInt(append(host, ':'), int64(port), 10)
		}
	}
	if len(host) == 0 {
		return nil, false
	}
	return append(append([]byte("https://"), host...), target...), true
}
