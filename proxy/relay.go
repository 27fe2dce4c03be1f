package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"cometproxy/backend"
	"cometproxy/park"
)

// A relay passes a backend's answer on as it comes: its head at once, each piece
// of its body when it is there. It takes the client's connection over from the
// HTTP server, which would wait for full buffers.
type relay struct {
	proxy   *Proxy
	visit   *visit // nil: not logged
	status  int
	sent    int64 // bytes of the body
	x       *backend.Exchange
	head    []byte
	slow    slowClient
	noBody  bool // HEAD, 204, 304: whatever the head says
	chunked bool
	keep    bool // the client's connection can go on afterwards

	mu sync.Mutex
	f  *forwarding // the exchange's; nil when it is closed; guarded by mu
}

func newRelay(p *Proxy, ctx *fasthttp.RequestCtx, f *forwarding, x *backend.Exchange) *relay {
	r := &relay{proxy: p, visit: p.takeVisit(ctx), status: ctx.Response.StatusCode(), f: f, x: x, noBody: x.BodySize() == 0 || bodiless(ctx.Response.StatusCode())}
	r.keep = !ctx.Request.Header.ConnectionClose() && x.UploadFinished() && !p.draining()
	h := &ctx.Response.Header
	switch {
	case r.noBody:
	case x.BodySize() >= 0:
		h.SetContentLength(int(x.BodySize()))
	case ctx.Request.Header.IsHTTP11():
		r.chunked = true
		h.SetContentLength(-1)
	default:
		r.keep = false // the end of the connection is the end of the body
	}
	if !r.keep {
		h.SetConnectionClose()
	} else if !ctx.Request.Header.IsHTTP11() {
		h.Set("Connection", "keep-alive")
	}
	r.head = h.AppendBytes(nil)
	return r
}

// owner implements successor.
func (r *relay) owner() *Proxy { return r.proxy }

// takeOver implements successor. When the request has been sent to its end the
// rest happens in a goroutine of the relay's own, so that a stream that goes on
// for hours does not keep the HTTP server's buffers. Until then the HTTP
// server's reader is what the request's body comes from.
func (r *relay) takeOver(conn park.Conn, buffered io.Reader) {
	if !r.x.UploadFinished() {
		conn.SetReadPace(r.proxy.set().BodyTimeout)
		err := r.send(conn)
		r.close() // stops the upload: nobody reads conn any more
		r.report(err)
		conn.Detach(buffered)
		if raw := conn.Raw(); err == nil {
			lingerClose(raw)
		} else {
			raw.Close()
		}
		return
	}
	carried := conn.Detach(buffered)
	r.proxy.active.Add(1)
	go r.run(conn, carried)
}

// drop implements successor.
func (r *relay) drop() { r.close() }

// run is the relay's own goroutine, and within the hijack's recovery boundary.
func (r *relay) run(conn park.Conn, carried []byte) {
	p := r.proxy
	defer p.active.Done()
	defer p.recoverConn(conn.ID())
	defer r.close()
	raw := conn.Raw()
	if p.spool != nil && !r.noBody {
		r.slow.watch(r, conn.ID())
		defer r.slow.end()
	}
	input := &keptInput{conn: raw, stopping: make(chan struct{}), done: make(chan struct{}), bytes: carried, broken: r.x.Cancel}
	go func() { defer p.recoverConn(conn.ID()); input.read() }()
	err := r.send(raw)
	carried, alive := input.stop()
	r.slow.end()
	r.close()
	r.report(err)
	if err != nil || !alive || !r.keep {
		p.lot.Close(conn.ID())
		return
	}
	raw.SetDeadline(time.Time{})
	p.lot.Idle(conn.ID(), carried)
}

// close ends the exchange, once.
func (r *relay) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.f != nil {
		r.x.Close()
		forwardings.Put(r.f)
		r.f = nil
	}
}

func (r *relay) report(err error) {
	if err == nil {
		r.visit.end(r.status, r.sent)
	} else {
		r.visit.end(r.status, r.sent, zap.NamedError("broken", err))
	}
	var be *backend.Error
	switch {
	case err == nil:
	case errors.As(err, &be) && be.Kind != backend.KindCancelled, errors.Is(err, io.ErrUnexpectedEOF):
		r.proxy.log.Warn("an answer of the app ended too early; the client's connection is closed so that it can tell", zap.Error(err))
	default:
		r.proxy.log.Debug("a client hung up before its answer was complete", zap.Error(err))
	}
}

// send writes the answer. Whatever fails leaves it incomplete, for the client
// to see: no end of chunks, fewer bytes than announced.
func (r *relay) send(client net.Conn) error {
	if err := r.proxy.write(client, r.head); err != nil {
		return err
	}
	body := r.x.Body()
	if r.noBody || body == nil {
		return nil
	}
	vbuf := relayBuffers.Get().(*[relayBuffer]byte)
	defer relayBuffers.Put(vbuf)
	buf := vbuf[chunkRoom : relayBuffer-2]
	for {
		n, err := body.Read(buf)
		if n > 0 {
			r.slow.sending()
			werr := r.piece(client, vbuf, n)
			if kept := r.slow.sent(); kept != nil {
				body = kept
			}
			if werr != nil {
				return werr
			}
			r.sent += int64(n)
		}
		if err == io.EOF {
			if r.chunked {
				return r.proxy.write(client, r.slow.tail(r))
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// end is the end of a body in chunks, with the app's trailers.
func (r *relay) end() []byte {
	b := []byte("0\r\n")
	for line := range bytes.Lines(r.x.Header.TrailerHeader()) {
		if name, _, ok := bytes.Cut(line, []byte(":")); ok && kindOf(name) != hopLine {
			b = append(b, line...)
		}
	}
	return append(b, "\r\n"...)
}

const (
	relayBuffer = 32 << 10
	chunkRoom   = 8 // in front, for the largest chunk's size line
)

var relayBuffers = sync.Pool{New: func() any { return new([relayBuffer]byte) }}

// piece writes n bytes of body that lie in buf behind the room for a chunk's
// size, as one write.
func (r *relay) piece(client net.Conn, buf *[relayBuffer]byte, n int) error {
	if !r.chunked {
		return r.proxy.write(client, buf[chunkRoom:chunkRoom+n])
	}
	size := fmt.Appendf(nil, "%x\r\n", n)
	begin := chunkRoom - len(size)
	copy(buf[begin:], size)
	copy(buf[chunkRoom+n:], "\r\n")
	return r.proxy.write(client, buf[begin:chunkRoom+n+2])
}

// write gives a client, or an app behind a tunnel, the time to take b.
func (p *Proxy) write(c net.Conn, b []byte) error {
	c.SetWriteDeadline(time.Now().Add(p.set().SendTimeout))
	_, err := c.Write(b)
	return err
}

// keptInput is what a client sends ahead of its next turn while it is being sent
// an answer. It is read so that its hanging up is noticed.
type keptInput struct {
	conn     net.Conn
	stopping chan struct{} // closed by stop
	done     chan struct{} // closed when read ends
	bytes    []byte        // owned by read until done is closed
	ended    bool          // likewise
	broken   func()        // called when the input ends or breaks
}

// maxCarried bounds what a client can send ahead. To read no further is not to
// notice any more that it hangs up; so one that has sent more is given patience to
// be through with its answer, which it perhaps is and nobody here knows yet, and
// is then taken for gone.
const (
	maxCarried = 32 << 10
	patience   = 10 * time.Second
)

func (k *keptInput) read() {
	defer close(k.done)
	room := make([]byte, 1)
	for len(k.bytes) < maxCarried {
		n, err := k.conn.Read(room)
		k.bytes = append(k.bytes, room[:n]...)
		if n > 0 && len(room) == 1 {
			room = make([]byte, 2048)
		}
		if err == nil {
			continue
		}
		var ne net.Error
		if !errors.As(err, &ne) || !ne.Timeout() {
			k.ended = true
			k.broken()
		}
		return
	}
	select {
	case <-k.stopping:
	case <-time.After(patience):
		k.ended = true
		k.broken()
	}
}

// stop ends the reading. What was read is the beginning of the client's next
// requests; alive reports that more can come.
func (k *keptInput) stop() (carried []byte, alive bool) {
	close(k.stopping)
	k.conn.SetReadDeadline(time.Unix(1, 0))
	<-k.done
	return k.bytes, !k.ended
}
