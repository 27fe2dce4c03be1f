package proxy

import (
	"io"
	"net"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"cometproxy/backend"
	"cometproxy/park"
)

// A tunnel joins a client's connection with a backend's after both agreed to
// speak another protocol, byte for byte in both directions.
type tunnel struct {
	proxy *Proxy
	visit *visit // nil: not logged
	app   net.Conn
	ahead []byte // what the app sent behind its answer's head
	head  []byte
}

func newTunnel(p *Proxy, ctx *fasthttp.RequestCtx, x *backend.Exchange) *tunnel {
	h := &ctx.Response.Header
	for k, v := range x.Header.All() {
		if equalFold(k, "Upgrade") {
			h.SetBytesV("Upgrade", v)
		}
	}
	h.Set("Connection", "Upgrade")
	t := &tunnel{proxy: p, visit: p.takeVisit(ctx), head: h.AppendBytes(nil)}
	t.app, t.ahead = x.Tunnel()
	return t
}

// owner implements successor.
func (t *tunnel) owner() *Proxy { return t.proxy }

// takeOver implements successor. The tunnel lives in goroutines of its own: the
// HTTP server's buffers are free, and a shutdown does not wait for it.
func (t *tunnel) takeOver(conn park.Conn, buffered io.Reader) {
	carried := conn.Detach(buffered)
	t.proxy.tunnels.Add(1)
	go t.run(conn, carried)
}

// drop implements successor.
func (t *tunnel) drop() { t.app.Close() }

func (t *tunnel) run(conn park.Conn, carried []byte) {
	p := t.proxy
	defer p.tunnels.Add(-1)
	defer p.recoverConn(conn.ID())
	defer p.lot.Close(conn.ID())
	defer t.app.Close()
	client := conn.Raw()
	if t.proxy.write(client, append(t.head, t.ahead...)) != nil {
		return
	}
	if len(carried) > 0 && t.proxy.write(t.app, carried) != nil {
		return
	}
	client.SetDeadline(time.Time{})
	t.app.SetDeadline(time.Time{})
	var both sync.WaitGroup
	var sent int64
	both.Go(func() { defer p.recoverConn(conn.ID()); pipe(t.app, client) })
	both.Go(func() {
		defer p.recoverConn(conn.ID())
		sent = pipe(client, t.app)
		client.SetReadDeadline(time.Now().Add(tunnelEnd))
	})
	both.Wait()
	t.visit.end(fasthttp.StatusSwitchingProtocols, sent)
}

// tunnelEnd is how long a client may go on after its app has ended: a silent one
// must not keep the tunnel's place.
const tunnelEnd = time.Minute

// pipe copies one direction. When it ends in order the other end is told so and
// may go on speaking; when it breaks, both are over.
func pipe(dst, src net.Conn) (n int64) {
	n, err := io.Copy(onlyWriter{dst}, src)
	half, ok := dst.(interface{ CloseWrite() error })
	if err == nil && ok && half.CloseWrite() == nil {
		return n
	}
	dst.Close()
	src.Close()
	return n
}

// onlyWriter hides what else a connection can do from io.Copy.
type onlyWriter struct{ io.Writer }
