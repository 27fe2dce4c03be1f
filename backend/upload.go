package backend

import (
	"errors"
	"io"
	"strconv"
	"sync"
	"time"
)

// alreadyDone is the UploadDone of every request that was sent in one piece.
var alreadyDone = func() <-chan struct{} { c := make(chan struct{}); close(c); return c }()

// UploadDone is closed when the body of the request is not read any more:
// because it was sent, or because sending it has failed.
func (x *Exchange) UploadDone() <-chan struct{} {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.upDone == nil {
		return alreadyDone
	}
	return x.upDone
}

// UploadFinished is true when the body of the request was read to its end, so
// that the client's connection stands behind it. An answer to a complete request
// never finds it false.
func (x *Exchange) UploadFinished() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.bodyRead
}

// markRead notes that the last piece of the body is in memory. It comes before
// that piece is sent, and so before any answer to it.
func (x *Exchange) markRead() {
	x.mu.Lock()
	x.bodyRead = true
	x.mu.Unlock()
}

// send writes the request, or what of it can be written without delay, and
// starts the upload of the rest. An app that takes no more may have answered
// already, so a failed write is only noted.
func (x *Exchange) send(c *conn) error {
	r := &x.req
	c.scratch = r.appendHead(c.scratch[:0], c.target.host, x.b.opt.IdleTimeout >= 0)
	if r.Body == nil || r.BodySize == 0 {
		x.markRead()
	}
	inline := !r.hasBody() || r.Body == nil && len(r.BodyBytes) <= inlineBody
	if inline && r.Body == nil {
		c.scratch = append(c.scratch, r.BodyBytes...)
	}
	_ = c.nc.SetWriteDeadline(deadline(x.b.opt.BodyTimeout))
	_, err := c.nc.Write(c.scratch)
	if err != nil || inline {
		// A body that is left unread by an early failure is the client's to end.
		x.uploadEnded(c, nil, err)
		return nil
	}
	done := make(chan struct{})
	x.mu.Lock()
	x.upDone = done
	x.mu.Unlock()
	x.watch() // for a goroutine runs anyway, and OnSlow has to wait
	go x.upload(c, done)
	return nil
}

// upload runs in its own goroutine. It touches Request.Body, the writing half
// of c, and what x.mu guards.
func (x *Exchange) upload(c *conn, done chan struct{}) {
	defer close(done)
	var readErr, writeErr error
	if x.req.Body == nil {
		writeErr = x.writeBytes(c, x.req.BodyBytes)
	} else {
		readErr, writeErr = x.copyBody(c)
	}
	x.uploadEnded(c, readErr, writeErr)
}

func (x *Exchange) writeBytes(c *conn, p []byte) error {
	for len(p) > 0 {
		n := min(len(p), 2*copyBuffer) // pieces, for the deadline is for each
		if err := x.write(c, p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

func (x *Exchange) write(c *conn, p []byte) error {
	_ = c.nc.SetWriteDeadline(deadline(x.b.opt.BodyTimeout))
	_, err := c.nc.Write(p)
	return err
}

const (
	sizeRoom = 8 // for a chunk's size line before its data
	lastLine = "0\r\n\r\n"
)

var uploadBuffers = sync.Pool{New: func() any {
	return new([sizeRoom + copyBuffer + 2 + len(lastLine)]byte)
}}

// copyBody sends Request.Body, every piece as soon as it is there.
func (x *Exchange) copyBody(c *conn) (readErr, writeErr error) {
	buf := uploadBuffers.Get().(*[sizeRoom + copyBuffer + 2 + len(lastLine)]byte)
	defer uploadBuffers.Put(buf)
	chunked := x.req.BodySize < 0
	left := x.req.BodySize
	for empty := 0; chunked || left > 0; {
		data := buf[sizeRoom : sizeRoom+copyBuffer]
		if !chunked && left < int64(len(data)) {
			data = data[:left]
		}
		n, err := x.req.Body.Read(data)
		end := errors.Is(err, io.EOF)
		if n > 0 || chunked && end {
			if chunked && end || !chunked && int64(n) == left {
				x.markRead()
			}
			var out []byte
			if chunked {
				out = frame(buf[:], n, end)
			} else {
				out = data[:n]
				left -= int64(n)
			}
			if werr := x.write(c, out); werr != nil {
				return nil, werr
			}
			empty = 0
		}
		switch {
		case end && left > 0:
			return errBodyShort, nil
		case end:
			return nil, nil
		case err != nil && (chunked || left > 0):
			return err, nil
		}
		if empty++; empty > 100 {
			return io.ErrNoProgress, nil
		}
	}
	return nil, nil
}

// frame puts a chunk's lines around the n bytes at sizeRoom of buf, and the
// last chunk behind it, and returns the piece to write.
func frame(buf []byte, n int, last bool) []byte {
	start, end := sizeRoom, sizeRoom
	if n > 0 {
		var line [sizeRoom]byte
		size := append(strconv.AppendInt(line[:0], int64(n), 16), '\r', '\n')
		start -= len(size)
		copy(buf[start:], size)
		end += n
		end += copy(buf[end:], "\r\n")
	}
	if last {
		end += copy(buf[end:], lastLine)
	}
	return buf[start:end]
}

// uploadEnded notes how sending ended and starts the time the app has for its
// answer.
func (x *Exchange) uploadEnded(c *conn, readErr, writeErr error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case readErr != nil:
		if !x.stopping {
			x.abortLocked(KindBody, readErr)
		}
		return
	case writeErr == nil:
		x.uploaded = true
		x.headDeadline = deadline(x.b.opt.AnswerTimeout)
	default:
		x.sendErr = writeErr
		if isTimeout(writeErr) && !x.headDone && !x.stopping {
			x.abortLocked(KindTimeout, errBodyUntaken)
			return
		}
		// The answer may be on its way, or lie here already.
		x.headDeadline = time.Now().Add(lingerAnswer)
	}
	if x.c == c && !x.headDone && x.upDone != nil {
		x.armLocked(c) // the exchanging goroutine may be reading with another deadline
	}
}

// stopUpload waits until nobody touches Request.Body. The connection is closed
// already, or the upload has ended.
func (x *Exchange) stopUpload() {
	x.mu.Lock()
	done, read := x.upDone, x.bodyRead
	x.stopping = true
	x.mu.Unlock()
	if done == nil {
		return
	}
	select {
	case <-done:
		return
	default:
	}
	if !read && x.req.Interrupt != nil {
		x.req.Interrupt()
	}
	<-done
}
