package backend

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

// Kind says what went wrong, and so what the client is to be told.
type Kind uint8

const (
	// KindConnect: no connection to the app.
	KindConnect Kind = iota + 1
	// KindTimeout: the app took too long.
	KindTimeout
	// KindBusy: too much is under way already.
	KindBusy
	// KindBadAnswer: what the app sent is no HTTP answer, or it ended early.
	KindBadAnswer
	// KindBody: the request is at fault: its body could not be read to its end,
	// or its head cannot be sent.
	KindBody
	// KindCancelled: Request.Cancel or Exchange.Cancel; nobody waits any more.
	KindCancelled

	// NumKinds is one more than the last Kind.
	NumKinds
)

// Status is the HTTP status that tells a client of such an error. For
// KindCancelled it is nginx's 499, which is only ever logged.
func (k Kind) Status() int {
	switch k {
	case KindTimeout:
		return 504
	case KindBusy:
		return 503
	case KindBody:
		return 400
	case KindCancelled:
		return 499
	}
	return 502
}

func (k Kind) String() string {
	switch k {
	case KindConnect:
		return "connect"
	case KindTimeout:
		return "timeout"
	case KindBusy:
		return "busy"
	case KindBadAnswer:
		return "bad answer"
	case KindBody:
		return "request body"
	case KindCancelled:
		return "cancelled"
	}
	return "unknown"
}

// Error is every error of an exchange, except io.EOF and io.ErrUnexpectedEOF
// of an answer's body.
type Error struct {
	Kind    Kind
	Reason  string // a fixed word, finer than Kind: one of reasons, for logs and metrics
	Backend string // Options.Name
	Address string // host:port or path; empty when no connection was involved
	Err     error
}

func (e *Error) Error() string {
	var s strings.Builder
	s.WriteString("backend ")
	s.WriteString(e.Backend)
	if e.Address != "" {
		s.WriteString(" at ")
		s.WriteString(e.Address)
	}
	s.WriteString(": ")
	if e.Kind == KindBody { // the client's connection, not the app's
		fmt.Fprintf(&s, "the client's request: %v", e.Err)
		return s.String()
	}
	s.WriteString(plain(e.Err))
	return s.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Timeout makes *Error a net.Error as far as callers care.
func (e *Error) Timeout() bool { return e.Kind == KindTimeout }

var (
	errConnectLate  = errors.New("no connection within")
	errAnswerLate   = errors.New("no answer within")
	errQueueLate    = errors.New("no free connection within")
	errTLS          = errors.New("TLS")
	errQueueFull    = errors.New("all connections are in use and the queue is full: the app is too slow for what it gets")
	errTunnelsFull  = errors.New("all places for upgraded connections are in use")
	errClosed       = errors.New("the proxy is shutting down")
	errCancelled    = errors.New("the client is gone")
	errNotHTTP      = errors.New("what came is not an HTTP answer: does the URL lead to the right port?")
	errInterim      = errors.New("too many informational (1xx) answers")
	errUnasked101   = errors.New("answered 101 although no upgrade was asked for")
	errHTTP10Coding = errors.New("an HTTP/1.0 answer with a Transfer-Encoding")
	errHeadTooLarge = errors.New("the answer's head is larger than")
	errBadHead      = errors.New("malformed answer head")
	errClosedEarly  = errors.New("closed the connection without an answer: did it crash or restart?")
	errHalfHead     = errors.New("closed the connection in the middle of the answer's head")
	errBadChunk     = errors.New("malformed chunk in the answer's body")
	errBodyUntaken  = errors.New("took no more of the request's body: is the app stuck?")
	errBodyShort    = errors.New("the request's body ended before its announced length")
	errBadTarget    = errors.New("the request line holds blanks or control characters")
)

// reasons are the words of Error.Reason, each for the first error that it is.
var reasons = []struct {
	err  error
	word string
}{
	{errConnectLate, "connect_timeout"},
	{errTLS, "tls_failed"},
	{syscall.ECONNREFUSED, "connect_refused"},
	{errAnswerLate, "answer_timeout"},
	{errBodyUntaken, "request_body_timeout"},
	{errQueueLate, "queue_timeout"},
	{errQueueFull, "queue_full"},
	{errTunnelsFull, "tunnels_full"},
	{errClosed, "shutting_down"},
	{errCancelled, "client_gone"},
	{errClosedEarly, "closed_without_answer"},
	{errHalfHead, "head_cut_off"},
	{errHeadTooLarge, "head_too_large"},
	{errNotHTTP, "not_http"},
	{errBadChunk, "bad_chunk"},
}

// reasonOf finds the word for an error of kind k.
func reasonOf(k Kind, err error) string {
	for _, r := range reasons {
		if errors.Is(err, r.err) {
			return r.word
		}
	}
	switch k {
	case KindConnect:
		return "connect_failed"
	case KindTimeout:
		return "answer_body_timeout"
	case KindBody:
		return "bad_request_body"
	}
	return "bad_answer"
}

// plain says err in words for somebody who runs the app, not for a programmer.
func plain(err error) string {
	switch {
	case err == nil:
		return "unknown error"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused: is it running?"
	case errors.Is(err, syscall.ENOENT):
		return "no such socket: is it running?"
	case errors.Is(err, syscall.EACCES):
		return "permission denied: may the proxy's user connect to it?"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset: did it crash or restart?"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "too many open files: raise the limit (ulimit -n)"
	}
	var oe *net.OpError
	if errors.As(err, &oe) && oe.Err != nil {
		return oe.Op + ": " + oe.Err.Error()
	}
	return err.Error()
}

// isTimeout is true for a passed deadline of a connection.
func isTimeout(err error) bool {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return true
	}
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// headError removes from a parser's error what it quotes of the answer: that
// may be a cookie and has no place in a log.
func headError(err error) error {
	s := err.Error()
	for _, quote := range []string{", contents:", ": response \"", " of response \"", " in \""} {
		if i := strings.Index(s, quote); i >= 0 {
			s = s[:i]
		}
	}
	return fmt.Errorf("%w: %s", errBadHead, s)
}

// isAlert is true for what TLS says when the app refuses this proxy: with TLS 1.3
// that comes only after the handshake.
func isAlert(err error) bool {
	var oe *net.OpError
	return errors.As(err, &oe) && oe.Op == "remote error"
}

// isEnd is true when the other side ended the connection.
func isEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe)
}
