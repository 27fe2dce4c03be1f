package crowd

import (
	"bytes"
	"errors"
	"fmt"
)

// An answer is a parsed HTTP answer. Its slices are of the buffer it was parsed
// from.
type answer struct {
	status int
	body   []byte
	close  bool            // the server ends the connection after it
	kept   [maxKept][]byte // values of the headers that are kept; nil: not there
	size   int             // of the whole answer
}

// maxKept is how many headers of an answer a Target may keep.
const maxKept = 2

var errBadAnswer = errors.New("this is no HTTP/1 answer")

// parseAnswer parses the first answer in b. Without an error and with size 0 the
// answer is not complete yet.
func parseAnswer(b []byte, keep []Keep, a *answer) error {
	*a = answer{}
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return nil
	}
	line, rest, _ := bytes.Cut(b[:end+2], []byte("\r\n"))
	if len(line) < 12 || string(line[:7]) != "HTTP/1." {
		return fmt.Errorf("%w: %.80q", errBadAnswer, line)
	}
	status, ok := digits(line[9:12])
	if !ok {
		return fmt.Errorf("%w: %.80q", errBadAnswer, line)
	}
	a.status, a.close = int(status), line[7] == '0'
	length, chunked := -1, false
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		name, value, _ := bytes.Cut(line, []byte(":"))
		a.header(name, bytes.TrimSpace(value), keep, &length, &chunked)
	}
	return a.readBody(b[end+4:], end+4, length, chunked)
}

// header notes a header line that matters.
func (a *answer) header(name, value []byte, keep []Keep, length *int, chunked *bool) {
	switch {
	case is(name, "content-length"):
		if n, ok := digits(value); ok {
			*length = int(n)
		}
	case is(name, "transfer-encoding"):
		*chunked = bytes.EqualFold(value, []byte("chunked"))
	case is(name, "connection"):
		if bytes.EqualFold(value, []byte("close")) {
			a.close = true
		} else if bytes.EqualFold(value, []byte("keep-alive")) {
			a.close = false
		}
	}
	for i := range keep {
		if is(name, keep[i].Header) {
			a.kept[i] = value
		}
	}
}

func is(name []byte, want string) bool {
	return len(name) == len(want) && bytes.EqualFold(name, []byte(want))
}

func (a *answer) readBody(b []byte, head, length int, chunked bool) error {
	bodiless := a.status == 204 || a.status == 304
	switch {
	case bodiless:
		a.size = head
	case chunked:
		return a.readChunks(b, head)
	case length < 0:
		return errors.New("an answer has neither Content-Length nor chunks; servers that end their answers by closing cannot be measured")
	case len(b) >= length:
		a.body, a.size = b[:length], head+length
	}
	return nil
}

// readChunks joins the chunks of a body, if all are there.
func (a *answer) readChunks(b []byte, head int) error {
	var body []byte
	for at := 0; ; {
		line, _, found := bytes.Cut(b[at:], []byte("\r\n"))
		if !found {
			return nil
		}
		var size int
		if _, err := fmt.Sscanf(string(line), "%x", &size); err != nil || size < 0 {
			return fmt.Errorf("a chunk's size is %.20q", line)
		}
		at += len(line) + 2
		if len(b) < at+size+2 {
			return nil
		}
		body = append(body, b[at:at+size]...)
		at += size + 2
		if size == 0 {
			a.body, a.size = body, head+at
			return nil
		}
	}
}
