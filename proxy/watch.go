package proxy

import (
	"sync"

	"cometproxy/park"
)

// An inputWatch looks out for a client that hangs up while its request is with
// a backend: from when the answer proves slow, and not before the request's body
// has been read to its end, for until then that is what the client sends.
type inputWatch struct {
	conn    park.Conn
	streams bool          // the body is streamed; set before the exchange
	gone    chan struct{} // closed when the client is

	mu     sync.Mutex
	isSlow bool   // guarded by mu
	ended  bool   // guarded by mu: the body was read to its end
	over   bool   // guarded by mu
	stop   func() // guarded by mu: ends the watch; nil while there is none
}

func (w *inputWatch) begin(conn park.Conn) {
	*w = inputWatch{conn: conn, gone: make(chan struct{})}
}

// slow is the exchange's OnSlow.
func (w *inputWatch) slow() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.isSlow = true
	w.startLocked()
}

func (w *inputWatch) bodyEnded() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.startLocked()
}

func (w *inputWatch) startLocked() {
	if w.over || !w.isSlow || w.streams && !w.ended || w.stop != nil {
		return
	}
	gone := w.gone
	w.stop = w.conn.WatchInput(func() { close(gone) })
}

// end ends the watch, if there is one; when it has returned the connection may
// be read from again.
func (w *inputWatch) end() {
	w.mu.Lock()
	stop := w.stop
	w.over, w.stop = true, nil
	w.mu.Unlock()
	if stop != nil {
		stop()
	}
}
