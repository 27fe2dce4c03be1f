package proxy

import "cometproxy/park"

// An inputWatch looks out for a client that hangs up while its request is with
// a backend. It begins when the answer proves slow, so that fast ones do not pay
// for it. Owned by the handler.
type inputWatch struct {
	conn park.Conn
	gone chan struct{} // closed when the client is
	stop func()        // nil until the watch has begun
}

func (w *inputWatch) init(conn park.Conn) {
	*w = inputWatch{conn: conn, gone: make(chan struct{})}
}

// slow is the exchange's OnSlow. The exchange calls it only when nobody reads
// the request's body from the client (any more).
func (w *inputWatch) slow() {
	gone := w.gone
	w.stop = w.conn.WatchInput(func() { close(gone) })
}

// end ends the watch, if there is one; when it has returned the connection may
// be read from again.
func (w *inputWatch) end() {
	if w.stop != nil {
		w.stop()
		w.stop = nil
	}
}
