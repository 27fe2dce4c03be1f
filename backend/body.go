package backend

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

type bodyKind uint8

const (
	bodyNone    bodyKind = iota // there is none
	bodySized                   // Content-Length
	bodyChunked                 // until the last chunk
	bodyToClose                 // until the app closes
	bodyClosed                  // the exchange was closed
)

// body is the body of an answer. It is used by the goroutine that uses the
// exchange.
type body struct {
	x    *Exchange
	c    *conn
	kind bodyKind
	size int64
	left int64 // of the body, or of the chunk
	crlf bool  // the line end behind a chunk has still to be read
	end  bool  // read to its end, framing and trailers included
	err  error // stays
}

// begin decides how the body behind c.head is framed.
func (b *body) begin(c *conn, head bool) {
	*b = body{x: c.x, c: c}
	status, n := c.head.StatusCode(), c.head.ContentLength()
	switch {
	case head, status == 204, status == 304, n == 0:
	case n > 0:
		b.kind, b.size, b.left = bodySized, int64(n), int64(n)
	case n == -1:
		b.kind, b.size = bodyChunked, -1
	default:
		b.kind, b.size = bodyToClose, -1
	}
}

// unasked is true when the head announces a body where there may be none: behind
// HEAD, 204 and 304. Some apps send it all the same (gunicorn does after HEAD),
// and over this connection it would be read as the answer to the next request.
func (b *body) unasked() bool {
	n := b.c.head.ContentLength()
	return b.kind == bodyNone && (n > 0 || n == -1)
}

func (b *body) ended() bool { return b.kind == bodyNone || b.end }

// Body reads the answer's body, each piece as soon as it is there. It is nil
// when there is none. A body that ends too early gives io.ErrUnexpectedEOF, and
// whoever passes it on must not pretend that it was complete.
func (x *Exchange) Body() io.Reader {
	if x.body.kind == bodyNone {
		return nil
	}
	return &x.body
}

// BodySize is how long the body is, 0 when there is none (whatever the header
// says, as for HEAD), and -1 when that is not known before its end.
func (x *Exchange) BodySize() int64 { return x.body.size }

// BufferedBody returns the whole body, if it came together with the head and
// nothing of it was read before. It never waits. b is valid until Close.
func (x *Exchange) BufferedBody() (b []byte, ok bool) {
	y := &x.body
	if y.kind == bodyNone {
		return nil, true
	}
	if y.end || y.err != nil || y.crlf {
		return nil, false
	}
	buf, _ := y.c.br.Peek(y.c.br.Buffered())
	switch y.kind {
	case bodySized:
		if y.left != y.size || int64(len(buf)) < y.size {
			return nil, false
		}
		b = buf[:y.size]
		_, _ = y.c.br.Discard(len(b))
		y.left = 0
	case bodyChunked:
		if y.left > 0 {
			return nil, false
		}
		used, total := scanChunks(buf, nil)
		if used == 0 {
			return nil, false
		}
		b = buf[:0:total]
		_, _ = scanChunks(buf, &b)
		_, _ = y.c.br.Discard(used)
	default:
		return nil, false
	}
	y.end = true
	return b, true
}

// scanChunks returns the length of the complete chunked body at the start of
// buf and of its data; zeros when it is not complete, malformed (Read will tell)
// or has trailers. It moves the data to out, which may lie at the start of buf.
func scanChunks(buf []byte, out *[]byte) (used, total int) {
	for at := 0; ; {
		i := bytes.IndexByte(buf[at:], '\n')
		if i < 0 {
			return 0, 0
		}
		n, err := parseChunkLine(buf[at : at+i+1])
		at += i + 1
		if err != nil || n > int64(len(buf)) || len(buf)-at < int(n)+2 ||
			buf[at+int(n)] != '\r' || buf[at+int(n)+1] != '\n' {
			return 0, 0
		}
		if n == 0 {
			return at + 2, total
		}
		if out != nil {
			*out = append(*out, buf[at:at+int(n)]...)
		}
		total += int(n)
		at += int(n) + 2
	}
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.end || b.kind == bodyNone {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := b.read(p)
	if err != nil && err != io.EOF {
		b.err = b.explain(err)
		return n, b.err
	}
	return n, err
}

func (b *body) read(p []byte) (int, error) {
	if b.kind == bodyToClose {
		n, err := b.c.br.Read(p)
		b.end = err == io.EOF
		return n, err
	}
	if b.kind == bodyChunked && b.left == 0 {
		if err := b.nextChunk(); err != nil {
			return 0, err
		}
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.c.br.Read(p)
	b.left -= int64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if b.left == 0 {
		b.end = b.kind == bodySized
		b.crlf = b.kind == bodyChunked
	}
	return n, err
}

// nextChunk reads what lies between the data of two chunks, or behind the last:
// then the answer is io.EOF.
func (b *body) nextChunk() error {
	br := b.c.br
	if b.crlf {
		two, err := br.Peek(2)
		if err != nil {
			return early(err)
		}
		if two[0] != '\r' || two[1] != '\n' {
			return errBadChunk
		}
		_, _ = br.Discard(2)
		b.crlf = false
	}
	line, err := br.ReadSlice('\n')
	if err != nil {
		return early(err)
	}
	if b.left, err = parseChunkLine(line); err != nil || b.left > 0 {
		return err
	}
	if err := b.c.head.ReadTrailer(br); err != nil {
		return early(err)
	}
	b.end = true
	return io.EOF
}

// early turns an end where more must come into one that cannot be mistaken for
// the end of the body.
func early(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// parseChunkLine parses the line before a chunk's data: hexadecimal digits,
// perhaps an extension, which is ignored, CR and LF.
func parseChunkLine(line []byte) (int64, error) {
	line, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok || bytes.IndexByte(line, '\r') >= 0 {
		return 0, errBadChunk
	}
	if i := bytes.IndexByte(line, ';'); i >= 0 {
		line = line[:i]
	}
	line = bytes.TrimRight(line, " \t")
	if len(line) == 0 || len(line) > 15 {
		return 0, errBadChunk
	}
	var n int64
	for _, c := range line {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, errBadChunk
		}
		n = n<<4 | int64(c)
	}
	return n, nil
}

// explain turns what went wrong into what the caller gets.
func (b *body) explain(err error) error {
	x := b.x
	x.mu.Lock()
	cause := x.cause
	x.mu.Unlock()
	kind := KindBadAnswer
	switch {
	case cause != nil:
		x.b.count(cause.Kind)
		return cause
	case errors.Is(err, io.ErrUnexpectedEOF):
		x.b.count(kind)
		return io.ErrUnexpectedEOF
	case isTimeout(err):
		kind = KindTimeout
		err = fmt.Errorf("silent for %v within an answer's body", x.b.opt.AnswerBodyTimeout)
	case errors.Is(err, errBadChunk):
	case isEnd(err):
	default:
		err = headError(err)
	}
	x.b.count(kind)
	return x.b.fail(kind, b.c.target, err)
}
