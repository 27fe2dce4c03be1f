package proxy

import (
	"bytes"
	"math/rand/v2"
	"net"
	"net/netip"

	"github.com/valyala/fasthttp"

	"cometproxy/backend"
	"cometproxy/grip"
	"cometproxy/proxy/route"
)

// A lineKind is what a header line means to who forwards it.
type lineKind uint8

const (
	endLine       lineKind = iota // for the other end: it goes through as it is
	hopLine                       // for this connection only (RFC 9110, section 7.6.1), or GRIP's
	forwardedFor                  // X-Forwarded-For, and so on
	forwardedHost                 //
	forwardedBy                   // X-Forwarded-Proto
	forwardedLine                 // Forwarded (RFC 7239)
	viaLine                       // Via
	hostLine                      // Host
	twinLine                      // X_Forwarded_For and the like, which some apps take for the real ones
)

// kindOf looks at a header field's name.
func kindOf(name []byte) lineKind {
	if grip.Reserved(name) {
		return hopLine
	}
	is := func(s string) bool { return equalFold(name, s) }
	switch len(name) {
	case 2:
		return when(is("TE"), hopLine)
	case 3:
		return when(is("Via"), viaLine)
	case 4:
		return when(is("Host"), hostLine)
	case 6:
		return when(is("Expect"), hopLine)
	case 7:
		return when(is("Upgrade") || is("Trailer"), hopLine)
	case 9:
		return when(is("Forwarded"), forwardedLine)
	case 10:
		return when(is("Connection") || is("Keep-Alive"), hopLine)
	case 14:
		return when(is("Content-Length"), hopLine)
	case 15:
		if kind := xForwarded(name, "X-Forwarded-For", forwardedFor); kind != endLine {
			return kind
		}
	case 16:
		if kind := xForwarded(name, "X-Forwarded-Host", forwardedHost); kind != endLine {
			return kind
		}
		return when(is("Proxy-Connection"), hopLine)
	case 17:
		if kind := xForwarded(name, "X-Forwarded-Proto", forwardedBy); kind != endLine {
			return kind
		}
		return when(is("Transfer-Encoding"), hopLine)
	case 18:
		return when(is("Proxy-Authenticate"), hopLine)
	case 19:
		return when(is("Proxy-Authorization"), hopLine)
	}
	return endLine
}

func when(yes bool, kind lineKind) lineKind {
	if yes {
		return kind
	}
	return endLine
}

// xForwarded compares name with proper, taking - and _ for equal: apps that see
// both as one variable (CGI, WSGI, Rack) would believe the client.
func xForwarded(name []byte, proper string, kind lineKind) lineKind {
	found := kind
	for i, c := range name {
		switch {
		case c == '_' && proper[i] == '-':
			found = twinLine
		case c|0x20 != proper[i]|0x20:
			return endLine
		}
	}
	return found
}

// A forwardedHead is the head of a request on its way to a backend, in memory
// that is used again.
type forwardedHead struct {
	buf                           []byte // method, target, lines
	method, lines                 int    // where they end, and begin
	noHost                        bool
	id                            []byte // of the request; empty: none
	chain, proto, host, forwarded []byte // what proxies before this one have said
}

// write makes the head that goes to the backend: the client's, line for line, less
// what concerns its connection only or is GRIP's, and with what the app should
// know of the client, changed as the route says. It returns the protocol to
// change to, if the client asks for that; ok is false if the route's prefix is
// written in a way that cannot be taken off.
func (f *forwardedHead) write(ctx *fasthttp.RequestCtx, o *ForwardOptions, t *target) (upgrade string, ok bool) {
	h := &ctx.Request.Header
	uri := h.RequestURI()
	if t.stripPrefix != "" {
		if uri, ok = stripped(uri, t.stripPrefix); !ok {
			return "", false
		}
	}
	client := clientIP(ctx.RemoteAddr())
	trusted := o.trusts(client)
	named, upgrading := connectionNames(h)
	*f = forwardedHead{buf: append(append(f.buf[:0], h.Method()...), uri...), noHost: true}
	f.method, f.lines = len(h.Method()), len(f.buf)
	authority, absolute := route.Authority(h.RequestURI())
	for k, v := range h.AllInOrder() {
		kind := kindOf(k)
		switch {
		case t.request.removes(k):
			continue
		case kind == hostLine:
			f.noHost = false
			if absolute { // what the route was chosen by
				v = authority
			}
		case kind == hopLine:
			if upgrading && upgrade == "" && equalFold(k, "Upgrade") {
				upgrade = string(v)
			}
			continue
		case kind == twinLine, containsName(named, k):
			continue
		case kind != endLine && kind != viaLine:
			if trusted && o.NoXForwarded && kind != forwardedLine {
				break
			}
			if trusted {
				f.note(kind, v)
			}
			continue
		case len(o.RequestID) > 0 && equalFold(k, o.RequestID):
			if f.id == nil && usableID(v) {
				f.id = v
			}
			continue
		}
		f.add(k, v)
	}
	if absolute && f.noHost && !t.request.removes([]byte("Host")) {
		f.noHost = false
		f.add([]byte("Host"), authority)
	}
	for _, line := range t.request.in {
		f.noHost = f.noHost && !equalFold(line[0], "Host")
		f.add(line[0], line[1])
	}
	f.addForwarded(ctx, o, client)
	f.addID(o)
	return upgrade, true
}

// fill gives the head to a request; nothing can be added any more.
func (f *forwardedHead) fill(r *backend.Request) {
	r.Method, r.Target, r.Lines, r.NoHost = f.buf[:f.method], f.buf[f.method:f.lines], f.buf[f.lines:], f.noHost
}

func (f *forwardedHead) add(name, value []byte) {
	f.buf = append(f.buf, name...)
	f.buf = append(f.buf, ": "...)
	f.buf = append(f.buf, value...)
	f.buf = append(f.buf, "\r\n"...)
}

// note keeps what a trusted proxy says of its client.
func (f *forwardedHead) note(kind lineKind, v []byte) {
	switch {
	case kind == forwardedFor:
		f.chain = joinValue(f.chain, v)
	case kind == forwardedLine:
		f.forwarded = joinValue(f.forwarded, v)
	case kind == forwardedBy && f.proto == nil:
		f.proto = v
	case kind == forwardedHost && f.host == nil:
		f.host = v
	}
}

// joinValue makes one list of two header lines of the same name.
func joinValue(list, v []byte) []byte {
	if len(list) == 0 {
		return v
	}
	return bytes.Join([][]byte{list, v}, []byte(", "))
}

// addForwarded adds what the app should know of the client, as the options say.
func (f *forwardedHead) addForwarded(ctx *fasthttp.RequestCtx, o *ForwardOptions, client netip.Addr) {
	proto, host := f.proto, f.host
	if proto == nil {
		proto = []byte("http")
		if ctx.IsTLS() {
			proto = []byte("https")
		}
	}
	if authority, ok := route.Authority(ctx.Request.Header.RequestURI()); ok && host == nil {
		host = authority
	} else if host == nil {
		host = ctx.Request.Header.Host()
	}
	if !o.NoXForwarded {
		if client.IsValid() || len(f.chain) > 0 {
			f.addChain(client)
		}
		f.add([]byte("X-Forwarded-Proto"), proto)
		if len(host) > 0 {
			f.add([]byte("X-Forwarded-Host"), host)
		}
	}
	if o.Forwarded {
		f.addRFC7239(client, proto, host)
	} else if len(f.forwarded) > 0 {
		f.add([]byte("Forwarded"), f.forwarded)
	}
	if o.Via {
		version := "1.1"
		if !ctx.Request.Header.IsHTTP11() {
			version = "1.0"
		}
		f.add([]byte("Via"), []byte(version+viaName))
	}
}

// viaName is what Via calls this proxy, behind the version.
const viaName = " cometproxy"

func (f *forwardedHead) addChain(client netip.Addr) {
	f.buf = append(f.buf, "X-Forwarded-For: "...)
	f.buf = append(f.buf, f.chain...)
	if client.IsValid() {
		if len(f.chain) > 0 {
			f.buf = append(f.buf, ", "...)
		}
		f.buf = client.AppendTo(f.buf)
	}
	f.buf = append(f.buf, "\r\n"...)
}

// addRFC7239 adds one element to Forwarded: for=192.0.2.1;host="a:80";proto=http.
func (f *forwardedHead) addRFC7239(client netip.Addr, proto, host []byte) {
	f.buf = append(f.buf, "Forwarded: "...)
	if len(f.forwarded) > 0 {
		f.buf = append(append(f.buf, f.forwarded...), ", "...)
	}
	f.buf = append(f.buf, "for="...)
	switch {
	case !client.IsValid():
		f.buf = append(f.buf, "unknown"...)
	case client.Is6():
		f.buf = append(client.AppendTo(append(f.buf, `"[`...)), `]"`...)
	default:
		f.buf = client.AppendTo(f.buf)
	}
	if len(host) > 0 && !bytes.ContainsAny(host, "\"\\") {
		f.buf = append(append(append(f.buf, `;host="`...), host...), '"')
	}
	f.buf = append(append(f.buf, ";proto="...), proto...)
	f.buf = append(f.buf, "\r\n"...)
}

// addID adds the request's id: the one it came with, or a new one.
func (f *forwardedHead) addID(o *ForwardOptions) {
	if o.RequestID == "" {
		return
	}
	f.buf = append(append(f.buf, o.RequestID...), ": "...)
	start := len(f.buf)
	if f.id != nil {
		f.buf = append(f.buf, f.id...)
	} else {
		f.buf = appendID(f.buf)
	}
	f.id = f.buf[start:len(f.buf):len(f.buf)]
	f.buf = append(f.buf, "\r\n"...)
}

// appendID appends a new id of a request.
func appendID(b []byte) []byte {
	for range 2 {
		for n, shift := rand.Uint64(), 60; shift >= 0; shift -= 4 {
			b = append(b, "0123456789abcdef"[n>>shift&15])
		}
	}
	return b
}

// usableID reports that a request's own id is kept: up to 128 characters that do
// no harm in any log.
func usableID(id []byte) bool {
	for _, c := range id {
		switch {
		case 'a' <= c|0x20 && c|0x20 <= 'z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == ':', c == '/', c == '+', c == '=', c == '~':
		default:
			return false
		}
	}
	return 0 < len(id) && len(id) <= 128
}

// clientIP is the address of who is connected; it is not valid for a socket.
func clientIP(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		ip, _ := netip.AddrFromSlice(tcp.IP)
		return ip.Unmap()
	}
	return netip.Addr{}
}

// connectionNames are the fields that Connection names besides the usual ones,
// and whether it asks for an upgrade.
func connectionNames(h *fasthttp.RequestHeader) (named [][]byte, upgrade bool) {
	for k, v := range h.AllInOrder() {
		if !equalFold(k, "Connection") {
			continue
		}
		for option := range bytes.SplitSeq(v, []byte(",")) {
			switch option = bytes.TrimSpace(option); {
			case len(option) == 0, equalFold(option, "keep-alive"), equalFold(option, "close"), equalFold(option, "Host"):
			case equalFold(option, "Upgrade"):
				upgrade = true
			default:
				named = append(named, option)
			}
		}
	}
	return named, upgrade
}

func containsName(list [][]byte, name []byte) bool {
	for _, l := range list {
		if len(l) == len(name) && bytes.EqualFold(l, name) {
			return true
		}
	}
	return false
}
