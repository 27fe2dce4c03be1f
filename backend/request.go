package backend

import (
	"io"
	"strconv"
	"time"
)

// Request is what goes to the app. Everything it points to belongs to the
// exchange until Exchange fails or Close returns.
type Request struct {
	// Method and Target are the request line's, as they shall go out.
	Method, Target []byte
	// Lines are the header lines as they shall go out, each ended by CRLF.
	// What frames the message and rules this connection is written by this
	// package and must not be among them: Content-Length, Transfer-Encoding,
	// Trailer, Connection, Upgrade and Expect.
	Lines []byte
	// NoHost says that Lines have no Host: the app's address is given as one.
	NoHost bool

	// BodyBytes is a body that is completely in memory. It is ignored when
	// Body is set.
	BodyBytes []byte
	// Body is read while the answer is already being waited for, and each piece
	// is sent as it comes. One goroutine reads it.
	Body     io.Reader
	BodySize int64 // of Body; negative: unknown, sent in chunks
	// Interrupt makes a Read of Body that is waiting return soon, with whatever
	// error: for instance by a past deadline on the client's connection. It is
	// called at most once, when the exchange ends before the body does. If it is
	// nil, failing and closing wait until Read returns by itself.
	Interrupt func()

	// Key is the Backend's Key of the request's head.
	Key uint64

	// Upgrade is the protocol to change to ("websocket"), or empty. An upgrade
	// has a connection of its own.
	Upgrade string

	// Cancel is closed when nobody wants the answer any more. It is watched from
	// the moment SlowAfter has passed, while Body is sent, and while more of an
	// answer's body has to be waited for, until Close.
	Cancel <-chan struct{}
	// OnSlow is called once by the goroutine in Exchange: before it waits in the
	// queue, or when there is no answer after SlowAfter. So whoever has to watch
	// a client need not do it for fast answers. While Body has still to be read
	// it is put off, for only one may read from the client. It is not called
	// after Exchange returned: watching the client is up to the caller then.
	SlowAfter time.Duration
	OnSlow    func()
}

// hasBody tells a body from none; an empty one counts as none.
func (r *Request) hasBody() bool {
	if r.Body != nil {
		return r.BodySize != 0
	}
	return len(r.BodyBytes) > 0
}

// repeatable is true when sending the request twice does no more than once.
func (r *Request) repeatable() bool {
	if r.Upgrade != "" || r.Body != nil && r.BodySize != 0 {
		return false
	}
	switch string(r.Method) {
	case "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE":
		return true
	}
	return false
}

// checkTarget refuses a request line that would be read as something else.
func (r *Request) checkTarget() error {
	for _, part := range [][]byte{r.Method, r.Target} {
		for _, c := range part {
			if c <= ' ' || c == 0x7f {
				return errBadTarget
			}
		}
	}
	return nil
}

// appendHead appends the head of r as it goes over the wire.
func (r *Request) appendHead(dst []byte, host string, keepAlive bool) []byte {
	dst = append(dst, r.Method...)
	dst = append(dst, ' ')
	dst = append(dst, r.Target...)
	dst = append(dst, " HTTP/1.1\r\n"...)
	if r.NoHost {
		dst = appendLine(dst, "Host", host)
	}
	dst = append(dst, r.Lines...)
	dst = r.appendFraming(dst)
	switch {
	case r.Upgrade != "":
		dst = appendLine(dst, "Connection", "Upgrade")
		dst = appendLine(dst, "Upgrade", r.Upgrade)
	case !keepAlive:
		dst = appendLine(dst, "Connection", "close")
	}
	return append(dst, "\r\n"...)
}

// appendFraming appends the one line that says how long the body is.
func (r *Request) appendFraming(dst []byte) []byte {
	size := int64(len(r.BodyBytes))
	if r.Body != nil {
		size = r.BodySize
	}
	switch {
	case size < 0:
		return appendLine(dst, "Transfer-Encoding", "chunked")
	case size == 0:
		switch string(r.Method) {
		case "POST", "PUT", "PATCH": // without a length some apps wait or refuse
			return append(dst, "Content-Length: 0\r\n"...)
		}
		return dst
	}
	dst = append(dst, "Content-Length: "...)
	dst = strconv.AppendInt(dst, size, 10)
	return append(dst, "\r\n"...)
}

func appendLine(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, "\r\n"...)
}

// equalFold compares with lower, which is lower case.
func equalFold(name []byte, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
