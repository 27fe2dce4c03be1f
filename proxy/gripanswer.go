package proxy

import (
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"cometproxy/channels"
)

// A gripAnswer is the answer to a GRIP hold: the app's own, or a message laid over
// it (grip.md, "What a hold is answered with").
type gripAnswer struct {
	held   *heldAnswer
	load   *payload        // the message; nil: the held answer as it is
	cursor channels.Cursor // zero: nothing was waited for
	gap    bool            // it cannot be proved that nothing was missed
	retry  int64           // seconds: the Retry-After of a drain; 0: none
}

// gripAnswer says how a GRIP hold that ended so is to be answered.
//
// A gap ends a hold with the app's own answer. The cursor is then the position
// from which on nothing is missed: what is still kept comes with the next holds.
func (p *Proxy) gripAnswer(held *heldAnswer, e *channels.Ending) gripAnswer {
	a := gripAnswer{held: held, cursor: p.hub.Cursor(e.Cursor), gap: len(e.Gaps) > 0, retry: p.retryHint()}
	switch {
	case a.gap:
		p.grip.behind.Add(1)
		a.cursor.Number = e.Lost
	case len(e.Messages) > 0:
		load := e.Messages[0].Data.(*payload)
		if !load.hint {
			a.load = load
		}
	}
	return a
}

func (a *gripAnswer) status() (code int, reason string) {
	switch {
	case a.load == nil:
		code, reason = a.held.status, a.held.reason()
	case a.load.grip != nil:
		code, reason = a.load.grip.status, a.load.grip.reason
	default:
		code = fasthttp.StatusOK
	}
	if reason == "" {
		reason = fasthttp.StatusMessage(code)
	}
	return code, reason
}

// appendLines appends the header lines: those of the held answer, less those that
// the message has too, and then the message's.
func (a *gripAnswer) appendLines(b []byte) []byte {
	switch {
	case a.load == nil:
		b = append(b, a.held.lines()...)
	case a.load.grip == nil:
		b = appendOtherLines(b, a.held.lines(), "Content-Type: \r\n")
		b = append(b, "Content-Type: "...)
		b = append(b, a.load.contentType...)
		b = append(b, "\r\n"...)
	default:
		b = appendOtherLines(b, a.held.lines(), a.load.grip.lines)
		b = append(b, a.load.grip.lines...)
	}
	if a.retry > 0 && !hasLine(a.held.lines(), "Retry-After") {
		b = append(b, "Retry-After: "...)
		b = strconv.AppendInt(b, a.retry, 10)
		b = append(b, "\r\n"...)
	}
	if a.cursor == (channels.Cursor{}) {
		return b
	}
	b = append(b, "Comet-Cursor: "...)
	b = a.cursor.AppendToken(b)
	b = append(b, "\r\n"...)
	if a.gap { // without the channels' names, which are between the app and the proxy
		b = append(b, "Comet-Gap: true\r\n"...)
	}
	return b
}

// ofBody are header lines about the body that the app's answer has. On a message
// they would be lies: a browser would ask with the ETag of the one and be told
// that it still has the other.
var ofBody = []string{"ETag", "Last-Modified", "Content-Range", "Accept-Ranges", "Content-MD5", "Digest", "Content-Digest", "Repr-Digest"}

// appendOtherLines appends the lines that go with another body and whose names
// are not among those of others.
func appendOtherLines(b []byte, lines, others string) []byte {
	for line := range strings.Lines(lines) {
		name, _, _ := strings.Cut(line, ":")
		if !hasLine(others, name) && !containsFold(ofBody, name) {
			b = append(b, line...)
		}
	}
	return b
}

func hasLine(lines, name string) bool {
	for line := range strings.Lines(lines) {
		if other, _, _ := strings.Cut(line, ":"); strings.EqualFold(other, name) {
			return true
		}
	}
	return false
}

// appendBody appends the body, and returns its bytes in the end of b.
func (a *gripAnswer) appendBody(b []byte) []byte {
	if a.load == nil {
		return append(b, a.held.body()...)
	}
	return append(b, a.load.body...)
}

func (a *gripAnswer) bodyLen() int {
	if a.load == nil {
		return len(a.held.body())
	}
	return len(a.load.body)
}

// bodiless reports that an answer of this status ends with its head (RFC 9110,
// section 6.4.1).
func bodiless(status int) bool {
	return status < 200 || status == fasthttp.StatusNoContent || status == fasthttp.StatusNotModified
}

// append appends the whole answer for a client that was held.
func (a *gripAnswer) append(b []byte, s shape, date bool) []byte {
	status, reason := a.status()
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	b = append(b, reason...)
	b = append(b, "\r\n"...)
	if date {
		b = append(b, "Date: "...)
		b = fasthttp.AppendHTTPDate(b, time.Now())
		b = append(b, "\r\n"...)
	}
	b = a.appendLines(b)
	switch {
	case s&shapeClose != 0:
		b = append(b, "Connection: close\r\n"...)
	case s&shapeHTTP10 != 0:
		b = append(b, "Connection: keep-alive\r\n"...)
	}
	toHead := s&shapeHead != 0
	if !bodiless(status) && !(toHead && a.bodyLen() == 0) { // HEAD: the app did not say how long it would be
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, int64(a.bodyLen()), 10)
		b = append(b, "\r\n"...)
	}
	b = append(b, "\r\n"...)
	if toHead || bodiless(status) {
		return b
	}
	return a.appendBody(b)
}

// write answers a request that need not be held.
func (a *gripAnswer) write(ctx *fasthttp.RequestCtx) {
	status, reason := a.status()
	r := &ctx.Response
	r.SetStatusCode(status)
	r.Header.SetStatusMessage([]byte(reason))
	addLines(&r.Header, a.appendLines(nil))
	if !bodiless(status) {
		r.SetBodyRaw(a.appendBody(nil))
	}
}
