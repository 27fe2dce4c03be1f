package proxy

import (
	"bytes"
	"crypto/subtle"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/golang-jwt/jwt/v5"
	"github.com/valyala/fasthttp"
)

// A guard decides who may use the internal listener.
type guard struct {
	token    string                 // static
	hosts    []string               // static, lower case
	page     bool                   // static: there is a page, which may send what its browser sends
	readOnly bool                   // static: browsers may only read
	known    atomic.Pointer[string] // the Host header admitted last: publishers send the same again and again
}

func (g *guard) init(o InternalOptions) {
	g.token, g.page, g.readOnly = o.Token, o.Page != nil, o.ReadOnly
	for _, h := range o.Hosts {
		g.hosts = append(g.hosts, strings.ToLower(h))
	}
}

// admit answers with a problem, and reports false, if the request may not pass.
func (g *guard) admit(ctx *fasthttp.RequestCtx) bool {
	return g.admitCaller(ctx) && g.admitWrite(ctx)
}

// admitWrite refuses what a browser sends to change something, if browsers may only
// read. Each tells of itself: all send Origin with every request that is no GET or
// HEAD, whoever's script it is. It is no defence against who has the token and another
// program; it keeps hands that look from what they could touch by mistake.
func (g *guard) admitWrite(ctx *fasthttp.RequestCtx) bool {
	if !g.readOnly || ctx.IsGet() || ctx.IsHead() || !fromBrowser(ctx) {
		return true
	}
	problem(ctx, fasthttp.StatusForbidden, "browsers may only read here: internal.page is \"read_only\" in the configuration")
	return false
}

func (g *guard) admitCaller(ctx *fasthttp.RequestCtx) bool {
	if g.token == "" {
		return g.admitLocal(ctx)
	}
	scheme, token, _ := strings.Cut(string(ctx.Request.Header.Peek("Authorization")), " ")
	token = strings.TrimSpace(token)
	if strings.EqualFold(scheme, "Bearer") && (subtle.ConstantTimeCompare([]byte(token), []byte(g.token)) == 1 || g.signed(token)) {
		return true
	}
	problem(ctx, fasthttp.StatusUnauthorized, "send the token of the configuration's internal.token: \"Authorization: Bearer TOKEN\", or a JWT (HS256) signed with it that has not expired")
	ctx.Response.Header.Set("WWW-Authenticate", "Bearer")
	return false
}

// signed reports that token is a JWT signed with ours and not expired, which is
// what GRIP libraries send.
func (g *guard) signed(token string) bool {
	_, err := jwt.Parse(token, func(*jwt.Token) (any, error) { return []byte(g.token), nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired())
	return err == nil
}

// admitLocal refuses what a web page could have made a browser on this machine
// send: without a token, being here is all that admits anybody. Only the proxy's own
// page may, and it is known by what no script can choose: Origin, Sec-Fetch-Site and
// Host are the browser's. Each line stops another attack:
//
//   - Origin: a page of another site, or of another port of this machine, posts here.
//     Its own Origin comes with that, or "null" from a sandbox or a file; none is this
//     listener's.
//   - Sec-Fetch-Site: it sends a GET, which has no Origin, as an image or a script, to
//     find out by what it takes or fails with what is here. "same-site" is another port
//     of the same host: any other program's page. (Not all browsers send it, and over
//     plain HTTP only to this machine; a GET changes nothing.)
//   - Host: a name of the attacker's that was made to point here (DNS rebinding). To the
//     browser that page has the very origin it asks, so that both lines above let it
//     pass; but its name is in Host, and in Origin too, and no name that a name server
//     can turn is known here.
func (g *guard) admitLocal(ctx *fasthttp.RequestCtx) bool {
	switch {
	case !g.admitsOrigin(ctx) || foreignFetch(ctx):
		problem(ctx, fasthttp.StatusForbidden, "the internal listener takes no requests from web pages; set internal.token, and send it, if it should")
		return false
	case !g.admitsHost(ctx):
		problem(ctx, fasthttp.StatusForbidden, "the Host header names neither an IP address nor localhost nor a host of internal.listen; use one of these, or set internal.token")
		return false
	}
	return true
}

// admitsOrigin reports that no page has sent the request, or the proxy's own: one
// whose origin is this very listener, by the Host that admitsHost looks at next. https
// is not spoken here, so an https origin is somebody else's, in front: with a token it
// may be.
func (g *guard) admitsOrigin(ctx *fasthttp.RequestCtx) bool {
	origins := ctx.Request.Header.PeekAll("Origin")
	if len(origins) == 0 {
		return true
	}
	host, ok := bytes.CutPrefix(origins[0], []byte("http://"))
	return ok && g.page && len(origins) == 1 && len(host) > 0 && bytes.Equal(host, ctx.Request.Header.Host())
}

// foreignFetch reports that a page of another origin has sent the request, as far as
// the browser tells. "none" is the person, who typed the address.
func foreignFetch(ctx *fasthttp.RequestCtx) bool {
	for _, site := range ctx.Request.Header.PeekAll("Sec-Fetch-Site") {
		if string(site) != "same-origin" && string(site) != "none" {
			return true
		}
	}
	return false
}

// admitsHost is the defence against DNS names that were made to point here.
func (g *guard) admitsHost(ctx *fasthttp.RequestCtx) bool {
	host := ctx.Request.Header.Host()
	if known := g.known.Load(); known != nil && string(host) == *known {
		return true
	}
	if ctx.LocalAddr().Network() == "unix" && !forBrowsers(ctx) {
		return true // no browser gets there, but by a tunnel that somebody made for one
	}
	if len(host) == 0 && !ctx.Request.Header.IsHTTP11() {
		return true // nor does any speak HTTP/1.0
	}
	name := string(host)
	if !g.knows(strings.ToLower(name)) {
		return false
	}
	g.known.Store(&name)
	return true
}

// forBrowsers reports that a browser has sent the request, as all do that change
// something, or that it is for what only browsers show.
func forBrowsers(ctx *fasthttp.RequestCtx) bool {
	return fromBrowser(ctx) || bytes.HasPrefix(ctx.Request.Header.RequestURI(), []byte("/admin/"))
}

// fromBrowser reports that the request says that a browser sends it.
func fromBrowser(ctx *fasthttp.RequestCtx) bool {
	h := &ctx.Request.Header
	return len(h.PeekAll("Origin")) > 0 || len(h.PeekAll("Sec-Fetch-Site")) > 0
}

// knows tells whether no name server can say where the host is.
func (g *guard) knows(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host == "localhost" || slices.Contains(g.hosts, host)
}
