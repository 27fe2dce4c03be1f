package backend

import (
	"bytes"
	"fmt"

	"github.com/valyala/fasthttp"
)

// readAnswerHead reads heads until the one of the final answer, or 101.
func (x *Exchange) readAnswerHead(c *conn) error {
	for range maxInterims {
		both, err := c.readHead(x.b.opt.MaxHeaderBytes)
		if err != nil {
			return err
		}
		status := c.head.StatusCode()
		switch {
		case status == fasthttp.StatusSwitchingProtocols:
			if x.req.Upgrade == "" {
				return errUnasked101
			}
			x.noReuse = true
			return nil
		case status < 100 || status > 999:
			return errBadHead
		case status < 200:
			continue
		}
		x.body.begin(c, string(x.req.Method) == "HEAD")
		x.noReuse = both || x.req.Upgrade != "" || c.head.ConnectionClose() ||
			string(c.head.Protocol()) != "HTTP/1.1" || x.body.unasked()
		return nil
	}
	return errInterim
}

// readHead reads one head of at most limit bytes into c.head. both is true when
// it frames the body in two ways at once.
//
// fasthttp parses; but only when the head is complete, so that a reader that is
// too small can be replaced before, and what fasthttp does not report can be
// looked for in the text.
func (c *conn) readHead(limit int) (both bool, err error) {
	searched, size := 0, 0
	for {
		buf, _ := c.br.Peek(c.br.Buffered())
		if !maybeHTTP(buf) {
			return false, errNotHTTP
		}
		if size = headSize(buf, searched); size > limit || size == 0 && len(buf) >= limit {
			return false, fmt.Errorf("%w %d bytes", errHeadTooLarge, limit)
		}
		if size > 0 {
			length, coding := framing(buf[:size])
			both = length && coding
			if coding && bytes.HasPrefix(buf, []byte("HTTP/1.0")) {
				return false, errHTTP10Coding
			}
			break
		}
		searched = max(len(buf)-3, 0)
		if len(buf) == c.br.Size() {
			c.grow(4 * len(buf))
		}
		if _, err := c.br.Peek(len(buf) + 1); err != nil {
			return false, err
		}
	}
	before := c.br.Buffered()
	if err := c.head.Read(c.br); err != nil {
		return false, headError(err)
	}
	if before-c.br.Buffered() != size {
		// Two opinions on where the head ends are one too many.
		return false, errBadHead
	}
	return both, nil
}

// maybeHTTP is false as soon as what has come cannot become an answer.
func maybeHTTP(b []byte) bool {
	const begin = "HTTP/1."
	n := min(len(b), len(begin))
	return string(b[:n]) == begin[:n]
}

// headSize is the length of the head at the start of b with its empty line, or
// zero if it is not complete. No head ends before from.
func headSize(b []byte, from int) int {
	for {
		i := bytes.IndexByte(b[from:], '\n')
		if i < 0 {
			return 0
		}
		from += i + 1
		switch rest := b[from:]; {
		case len(rest) > 0 && rest[0] == '\n':
			return from + 1
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return from + 2
		}
	}
}

// framing tells which of the lines that frame a body are in head.
func framing(head []byte) (length, coding bool) {
	for {
		_, rest, ok := bytes.Cut(head, []byte("\n"))
		if !ok {
			return length, coding
		}
		head = rest
		colon := bytes.IndexByte(head[:min(len(head), 64)], ':')
		if colon < 0 {
			continue
		}
		name := bytes.TrimSpace(head[:colon])
		length = length || equalFold(name, "content-length")
		coding = coding || equalFold(name, "transfer-encoding")
	}
}
