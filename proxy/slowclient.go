package proxy

import (
	"errors"
	"io"
	"io/fs"
	"sync"
	"time"

	"go.uber.org/zap"

	"cometproxy/park"
	"cometproxy/proxy/spool"
)

// slowPiece is how long a client may take for a piece of an answer before the rest
// is kept for it on disk, so that the app need not wait for it.
const slowPiece = 100 * time.Millisecond

// A slowClient watches how a relay's client takes its answer. When it takes too
// long for a piece, another goroutine reads the rest of the body from the app, into
// a pipe of the spool, closes the exchange, and the relay goes on with the pipe. Its
// zero value watches nothing.
//
// The body belongs to the relay, which does not read while it writes. So it is taken
// over only then: in the state sending, which the relay leaves under mu.
type slowClient struct {
	r     *relay      // nil: nothing is watched
	conn  park.ID     // the client's
	timer *time.Timer // runs take while a piece is being written

	mu      sync.Mutex
	writing bool          // guarded by mu, like the following
	pipe    *spool.Pipe   // nil: the relay reads the app's body itself
	ended   chan struct{} // of pipe: closed when nobody reads the body any more
	trailer []byte        // what follows the body; valid when ended is closed
}

func (s *slowClient) watch(r *relay, conn park.ID) {
	s.r, s.conn = r, conn
	s.timer = time.AfterFunc(time.Hour, s.take)
	s.timer.Stop()
}

// sending begins a piece, and sent ends it: it returns where the rest of the body
// comes from now, nil if from where it came before.
func (s *slowClient) sending() {
	if s.r == nil || s.pipe != nil { // only take sets it, and not while nothing is written
		return
	}
	s.mu.Lock()
	s.writing = true
	s.mu.Unlock()
	s.timer.Reset(slowPiece)
}

func (s *slowClient) sent() io.Reader {
	if s.r == nil {
		return nil
	}
	s.timer.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = false
	if s.pipe == nil { // or a nil pointer would look like a reader
		return nil
	}
	return s.pipe
}

// take is what the timer runs, and a recovery boundary.
func (s *slowClient) take() {
	p := s.r.proxy
	defer p.recoverConn(s.conn)
	s.mu.Lock()
	if !s.writing || s.pipe != nil {
		s.mu.Unlock()
		return
	}
	pipe, err := p.spool.Pipe()
	if err != nil {
		s.mu.Unlock()
		p.spoolFailed.note(zap.Error(err))
		return
	}
	ended := make(chan struct{})
	s.pipe, s.ended = pipe, ended
	s.mu.Unlock()
	defer close(ended)
	defer pipe.End(io.ErrUnexpectedEOF) // of a panic
	_, err = io.CopyBuffer(pipe, s.r.x.Body(), make([]byte, relayBuffer))
	if err == nil && s.r.chunked {
		s.trailer = s.r.end()
	}
	s.r.close() // the app is done, whatever its client does
	var full *fs.PathError
	if errors.As(err, &full) {
		p.spoolFailed.note(zap.Error(err))
		err = io.ErrUnexpectedEOF // for who reads the log of this request
	}
	pipe.End(err)
}

// tail is what follows a body in chunks that was read to its end.
func (s *slowClient) tail(r *relay) []byte {
	if s.r == nil || s.pipe == nil {
		return r.end()
	}
	<-s.ended
	return s.trailer
}

// end stops the watch. Afterwards nobody reads the body.
func (s *slowClient) end() {
	if s.r == nil {
		return
	}
	s.timer.Stop()
	s.mu.Lock()
	s.writing = false
	pipe, ended := s.pipe, s.ended
	s.mu.Unlock()
	if pipe == nil {
		return
	}
	pipe.Close()
	s.r.mu.Lock()
	if s.r.f != nil {
		s.r.x.Cancel() // a Read of the body ends
	}
	s.r.mu.Unlock()
	<-ended
}
