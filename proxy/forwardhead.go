package proxy

import (
	"bytes"
	"iter"
	"net"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"cometproxy/grip"
	"cometproxy/proxy/route"
)

// hopByHop are the header fields that concern one connection (RFC 9110, section
// 7.6.1), besides those that Connection names.
var hopByHop = []string{"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate",
	"Proxy-Authorization", "TE", "Trailer", "Transfer-Encoding", "Upgrade"}

// prepare makes the head that goes to the backend: the client's, less what
// concerns its connection only or is GRIP's, and with what the app should know of
// the client.
// It returns the protocol to change to, if the client asks for that.
func (f *forwarding) prepare(ctx *fasthttp.RequestCtx) (upgrade string) {
	ctx.Request.Header.CopyTo(&f.head)
	h := &f.head
	named := connectionTokens(headers(h, "Connection"))
	if slices.Contains(named, "upgrade") {
		upgrade = string(header(h, "Upgrade"))
	}
	removeHeaders(h, func(name string) bool {
		return containsFold(hopByHop, name) || grip.Reserved([]byte(name)) || slices.Contains(named, strings.ToLower(name)) && !strings.EqualFold(name, "Host")
	})
	if authority, ok := route.Authority(h.RequestURI()); ok {
		h.SetHostBytes(authority) // what the route was chosen by
	}
	f.addForwarded(ctx)
	if !slices.Contains(named, "cookie") {
		restoreCookies(h)
	}
	return upgrade
}

// restoreCookies puts the Cookie lines back as the client wrote them. Looking
// through a header takes them apart, and they come together again without the
// quotes around values, and without the values that have a backslash: Python's
// cookies are such.
func restoreCookies(h *fasthttp.RequestHeader) {
	h.DelAllCookies()
	h.DisableSpecialHeader() // or they would be taken apart again
	for k, v := range h.AllInOrder() {
		if equalFold(k, "Cookie") {
			h.AddBytesKV(k, v)
		}
	}
	h.EnableSpecialHeader()
}

// addForwarded sets X-Forwarded-For, -Proto and -Host. What the client says in
// them is believed only if it is on this machine: a proxy in front of this one.
// Names with underscores are removed: apps that see both as one variable
// (CGI, WSGI, Rack) would believe the client.
func (f *forwarding) addForwarded(ctx *fasthttp.RequestCtx) {
	h := &f.head
	client := clientIP(ctx.RemoteAddr())
	local := client == nil || client.IsLoopback()
	before := headers(h, "X-Forwarded-For")
	chain := bytes.Join(before, []byte(", "))
	keepProto, keepHost := header(h, "X-Forwarded-Proto"), header(h, "X-Forwarded-Host")
	removeHeaders(h, func(name string) bool {
		proper := strings.ReplaceAll(name, "_", "-")
		twin := proper != name
		return strings.EqualFold(proper, "X-Forwarded-For") ||
			strings.EqualFold(proper, "X-Forwarded-Proto") && (twin || !local || keepProto == nil) ||
			strings.EqualFold(proper, "X-Forwarded-Host") && (twin || !local || keepHost == nil)
	})
	if !local {
		chain = nil
	}
	if client != nil {
		if len(chain) > 0 {
			chain = append(chain, ", "...)
		}
		chain = append(chain, client.String()...)
	}
	if len(chain) > 0 {
		h.SetBytesV("X-Forwarded-For", chain)
	}
	if !local || keepProto == nil {
		h.Set("X-Forwarded-Proto", "http")
	}
	if host := h.Host(); len(host) > 0 && (!local || keepHost == nil) {
		h.SetBytesV("X-Forwarded-Host", host)
	}
}

func clientIP(a net.Addr) net.IP {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.IP
	}
	return nil
}

// copyAnswerHead makes the head of the answer to the client.
func copyAnswerHead(dst, src *fasthttp.ResponseHeader) {
	dst.SetStatusCode(src.StatusCode())
	dst.SetStatusMessage(src.StatusMessage())
	for k, v := range endToEnd(src) {
		dst.AddBytesKV(k, v)
	}
}

// endToEnd are the header lines of an app's answer that its client may see: not
// what concerns the app's connection only, and nothing of GRIP.
func endToEnd(src *fasthttp.ResponseHeader) iter.Seq2[[]byte, []byte] {
	var named []string
	for k, v := range src.All() {
		if equalFold(k, "Connection") {
			named = append(named, connectionTokens([][]byte{v})...)
		}
	}
	return func(yield func(k, v []byte) bool) {
		for k, v := range src.All() {
			name := string(k)
			if containsFold(hopByHop, name) || grip.Reserved(k) || slices.Contains(named, strings.ToLower(name)) {
				continue
			}
			if !yield(k, v) {
				return
			}
		}
	}
}

func removeHeaders(h *fasthttp.RequestHeader, unwanted func(name string) bool) {
	var remove []string
	for k := range h.All() {
		if name := string(k); unwanted(name) {
			remove = append(remove, name)
		}
	}
	for _, name := range remove {
		h.Del(name)
	}
}

// connectionTokens are the options of Connection header lines, in lower case.
func connectionTokens(values [][]byte) (tokens []string) {
	for _, v := range values {
		for t := range strings.SplitSeq(string(v), ",") {
			if t = strings.ToLower(strings.TrimSpace(t)); t != "" {
				tokens = append(tokens, t)
			}
		}
	}
	return tokens
}

func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(l string) bool { return strings.EqualFold(l, s) })
}
