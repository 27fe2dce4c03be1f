package proxy

import (
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
	token string                 // static
	hosts []string               // static, lower case
	known atomic.Pointer[string] // the Host header admitted last: publishers send the same again and again
}

func (g *guard) init(o InternalOptions) {
	g.token = o.Token
	for _, h := range o.Hosts {
		g.hosts = append(g.hosts, strings.ToLower(h))
	}
}

// admit answers with a problem, and reports false, if the request may not pass.
func (g *guard) admit(ctx *fasthttp.RequestCtx) bool {
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
// send: without a token, being here is all that admits anybody.
func (g *guard) admitLocal(ctx *fasthttp.RequestCtx) bool {
	h := &ctx.Request.Header
	switch {
	case len(h.Peek("Origin")) > 0 || string(h.Peek("Sec-Fetch-Site")) == "cross-site":
		problem(ctx, fasthttp.StatusForbidden, "the internal listener takes no requests from web pages; set internal.token, and send it, if it should")
		return false
	case !g.admitsHost(ctx):
		problem(ctx, fasthttp.StatusForbidden, "the Host header names neither an IP address nor localhost nor a host of internal.listen; use one of these, or set internal.token")
		return false
	}
	return true
}

// admitsHost is the defence against DNS names that were made to point here.
func (g *guard) admitsHost(ctx *fasthttp.RequestCtx) bool {
	host := ctx.Request.Header.Host()
	if known := g.known.Load(); known != nil && string(host) == *known {
		return true
	}
	if ctx.LocalAddr().Network() == "unix" {
		return true // no browser gets there
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
