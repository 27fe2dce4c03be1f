package proxy

import (
	"fmt"
	"strings"

	"github.com/valyala/fasthttp"
)

const (
	corsExposed = "Comet-Cursor, Comet-Id, Comet-Channel, Comet-Gap, Retry-After, Preference-Applied"
	corsAllowed = "Prefer, Last-Event-ID, Authorization, Comet-Cursor"
)

// cors has the header lines of one route's answers ready, by origin.
// https://fetch.spec.whatwg.org/#http-cors-protocol
type cors struct {
	lines     map[string]*lines // origin, lower case -> header lines of an answer to it
	any       *lines            // to every other origin; nil: it may not read
	varies    *lines            // to nobody in particular; may be nil
	preflight []byte            // further lines of an answer to a preflight request
}

// lines are header lines, each ending in CRLF. They never change, and all answers
// that have them share them; nil is none.
type lines struct{ text []byte }

func (l *lines) bytes() []byte {
	if l == nil {
		return nil
	}
	return l.text
}

func newCORS(o *CORS) *cors {
	c := &cors{lines: make(map[string]*lines), varies: &lines{[]byte("Vary: Origin\r\n")}}
	credentials := ""
	if o.Credentials {
		credentials = "Access-Control-Allow-Credentials: true\r\n"
	}
	for _, origin := range o.Origins {
		line := []byte("Access-Control-Allow-Origin: " + origin + "\r\n" + credentials +
			"Access-Control-Expose-Headers: " + corsExposed + "\r\n")
		if origin == "*" {
			c.any, c.varies = &lines{line}, nil
			continue
		}
		c.lines[strings.ToLower(origin)] = &lines{append(line, "Vary: Origin\r\n"...)}
	}
	c.preflight = fmt.Appendf(nil, "Access-Control-Allow-Methods: GET, HEAD\r\nAccess-Control-Allow-Headers: %s\r\n", corsAllowed)
	if o.MaxAge > 0 {
		c.preflight = fmt.Appendf(c.preflight, "Access-Control-Max-Age: %d\r\n", int(o.MaxAge.Seconds()))
	}
	return c
}

// answer returns the header lines for an answer to a request with this Origin
// header.
func (c *cors) answer(origin []byte) *lines {
	if c == nil {
		return nil
	}
	if len(origin) > 0 {
		if line, ok := c.lines[strings.ToLower(string(origin))]; ok {
			return line
		}
		if c.any != nil {
			return c.any
		}
	}
	return c.varies
}

// allows reports that scripts of the origin may read the route.
func (c *cors) allows(origin []byte) bool {
	if c == nil || len(origin) == 0 {
		return false
	}
	_, ok := c.lines[strings.ToLower(string(origin))]
	return ok || c.any != nil
}

// addLines adds header lines, each ending in CRLF, to an answer.
func addLines(h *fasthttp.ResponseHeader, lines []byte) {
	for line := range strings.Lines(string(lines)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\r\n"), ": ")
		h.Add(name, value)
	}
}

// options answers OPTIONS on a native route.
func (p *Proxy) options(ctx *fasthttp.RequestCtx, c *cors, origin []byte) {
	ctx.Response.SetStatusCode(fasthttp.StatusNoContent)
	h := &ctx.Response.Header
	h.Set("Allow", nativeMethods)
	if c.allows(origin) && header(&ctx.Request.Header, "Access-Control-Request-Method") != nil {
		addLines(h, c.preflight)
	}
}
