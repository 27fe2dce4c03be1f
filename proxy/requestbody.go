package proxy

import (
	"errors"
	"fmt"
	"io"
	"time"

	"cometproxy/backend"
	"cometproxy/park"
)

// A requestBody is a request's body on its way to the app. One goroutine at a
// time reads it: the exchange's uploader and, when that is done, the handler.
type requestBody struct {
	stream io.Reader
	conn   park.Conn
	size   int64         // as announced; negative: not announced
	limit  int64         // more is an error; 0: no bound
	read   int64         // bytes
	ended  bool          // read to its end
	over   chan struct{} // closed when more has been read than a hold may have
}

// Read implements io.Reader.
func (b *requestBody) Read(p []byte) (int, error) {
	n, err := b.stream.Read(p)
	if err == io.EOF && b.size < 0 && b.conn.MetEnd() {
		// The HTTP server takes the end of the connection, where a chunk or the
		// last one's end should come, for the end of the body.
		err = io.ErrUnexpectedEOF
	}
	before := b.read
	b.read += int64(n)
	if before <= maxInstructed && b.read > maxInstructed {
		close(b.over)
	}
	b.ended = err == io.EOF || b.size >= 0 && b.read >= b.size
	if b.limit > 0 && b.read > b.limit {
		return 0, errBodyTooLarge
	}
	return n, err
}

// bodyPatience is how long the rest of a request's body may take when the answer
// that holds it is already there.
const bodyPatience = 10 * time.Second

var (
	errLargeRequest = fmt.Errorf("the app holds this request, whose body has more than %d bytes: too much for a hold; send less with a poll", maxInstructed)
	errSlowRequest  = errors.New("the app holds this request, whose body did not come to its end: too slow for a hold; send less with a poll")
)

// readOn reads the body of a request that is to be held to its end, for what is
// left of it would be taken for the client's next request; x has been told all
// that there is to tell.
func (f *forwarding) readOn(conn park.Conn, x *backend.Exchange) error {
	if f.body.size > maxInstructed {
		return errLargeRequest
	}
	patience := time.NewTimer(bodyPatience)
	defer patience.Stop()
	select {
	case <-x.UploadDone():
	case <-f.body.over:
		return errLargeRequest
	case <-patience.C:
		return errSlowRequest
	}
	x.Close()
	end := time.Now().Add(bodyPatience)
	conn.SetReadPace(bodyPatience)
	piece := make([]byte, 4<<10)
	for !f.body.ended && f.body.read <= maxInstructed {
		if _, err := f.body.Read(piece); err != nil && err != io.EOF || time.Now().After(end) {
			return errSlowRequest
		}
	}
	if f.body.read > maxInstructed {
		return errLargeRequest
	}
	return nil
}
