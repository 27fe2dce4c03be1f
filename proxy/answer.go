package proxy

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"cometproxy/channels"
)

// shape is what an answer's bytes depend on besides what it tells.
type shape uint8

const (
	shapeHTTP10 shape       = 1 << iota // the client speaks HTTP/1.0
	shapeClose                          // the connection ends with this answer
	shapeRaw                            // format=raw
	shapes      = 1 << iota             // that answers of native polls have
	shapeHead   = shapes                // the request was a HEAD; GRIP holds only
)

// An answer to a native poll, as bytes: the head without its last CRLF, between
// which and the rest a hold's own header lines go.
type answer struct {
	bytes []byte
	split int // where the own lines go
}

// with is the answer with lines of its own, in scratch.
func (a *answer) with(own, scratch []byte) []byte {
	scratch = append(scratch[:0], a.bytes[:a.split]...)
	scratch = append(scratch, own...)
	return append(scratch, a.bytes[a.split:]...)
}

// appendAnswer appends an answer for a client that was held to b, which is empty.
func (p *Proxy) appendAnswer(b []byte, e *channels.Ending, s shape) answer {
	scratch := scratches.Get().(*[]byte)
	defer giveScratch(scratch)
	status, body := p.content(e, s, scratch)
	b = slices.Grow(b, headRoom+len(body))
	if status == fasthttp.StatusOK {
		b = append(b, "HTTP/1.1 200 OK\r\n"...)
	} else {
		b = append(b, "HTTP/1.1 204 No Content\r\n"...)
	}
	if !p.set().NoDate {
		b = append(b, "Date: "...)
		b = fasthttp.AppendHTTPDate(b, time.Now())
		b = append(b, "\r\n"...)
	}
	p.eachHeader(e, s, func(name, value string) {
		b = append(b, name...)
		b = append(b, ": "...)
		b = append(b, value...)
		b = append(b, "\r\n"...)
	})
	switch {
	case s&shapeClose != 0:
		b = append(b, "Connection: close\r\n"...)
	case s&shapeHTTP10 != 0:
		b = append(b, "Connection: keep-alive\r\n"...)
	}
	split := len(b)
	if status == fasthttp.StatusOK {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, int64(len(body)), 10)
		b = append(b, "\r\n"...)
	}
	b = append(b, "\r\n"...)
	return answer{append(b, body...), split}
}

// headRoom is more than the head of most answers takes.
const headRoom = 384

// writeAnswer answers a poll that need not be held.
func (p *Proxy) writeAnswer(ctx *fasthttp.RequestCtx, e *channels.Ending, s shape) {
	r := &ctx.Response
	p.eachHeader(e, s, r.Header.Add)
	status, body := p.content(e, s, new([]byte))
	r.SetStatusCode(status)
	r.SetBodyRaw(body)
}

// content is an answer's status, 200 or 204, and its body, which is in room if it
// had to be made. A raw answer has one message; a gap alone is told in its head.
func (p *Proxy) content(e *channels.Ending, s shape, room *[]byte) (status int, body []byte) {
	switch {
	case e.Empty(), s&shapeRaw != 0 && len(e.Messages) == 0:
		return fasthttp.StatusNoContent, nil
	case s&shapeRaw != 0:
		return fasthttp.StatusOK, e.Messages[0].Data.(*payload).body
	}
	*room = p.appendBody((*room)[:0], e)
	return fasthttp.StatusOK, *room
}

// eachHeader calls add for each header line that an answer to a poll has
// whoever gets it.
func (p *Proxy) eachHeader(e *channels.Ending, s shape, add func(name, value string)) {
	switch {
	case e.Empty():
	case s&shapeRaw == 0:
		add("Content-Type", "application/json")
	default:
		if len(e.Gaps) > 0 {
			add("Comet-Gap", escapeList(e.Gaps))
		}
		if len(e.Messages) > 0 {
			m := e.Messages[0]
			add("Content-Type", m.Data.(*payload).contentType)
			add("Comet-Id", p.hub.Cursor(m.Number).String())
			add("Comet-Channel", url.PathEscape(m.Channel))
		}
	}
	add("Comet-Cursor", p.hub.Cursor(e.Cursor).String())
	add("Cache-Control", "no-store")
	add("X-Content-Type-Options", "nosniff")
	if n := p.retryHint(); n > 0 {
		add("Retry-After", strconv.FormatInt(n, 10))
	}
}

func escapeList(names []string) string {
	escaped := make([]string, len(names))
	for i, n := range names {
		escaped[i] = strings.ReplaceAll(url.PathEscape(n), ",", "%2C")
	}
	return strings.Join(escaped, ", ")
}

// appendBody appends the JSON of an answer that is not empty.
func (p *Proxy) appendBody(b []byte, e *channels.Ending) []byte {
	size := 128
	for _, m := range e.Messages {
		size += m.Size()
	}
	b = slices.Grow(b, size)
	b = append(b, `{"messages":[`...)
	for i, m := range e.Messages {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendMessage(b, m, p.hub.Cursor(m.Number))
	}
	b = append(b, `],"cursor":"`...)
	b = p.hub.Cursor(e.Cursor).AppendToken(b)
	b = append(b, '"')
	if len(e.Gaps) > 0 {
		b = append(b, `,"gap":true,"gap_channels":[`...)
		for i, name := range e.Gaps {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, name)
		}
		b = append(b, ']')
	}
	return append(b, "}\n"...)
}
