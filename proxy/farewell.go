package proxy

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"time"

	"github.com/valyala/fasthttp"

	"cometproxy/park"
)

// A farewell is the last answer on a connection whose client is still sending a
// request's body that nobody wants. Closing at once would make the system answer
// the body with a reset, which may overtake the answer; so what comes is read
// and thrown away for a while (RFC 9112, section 9.6).
type farewell struct {
	proxy  *Proxy
	answer []byte
}

const (
	farewellTime  = 2 * time.Second
	farewellBytes = 4 << 20
)

// unread reports that a body of the request may not have been read to its end.
func unread(ctx *fasthttp.RequestCtx) bool {
	size := ctx.Request.Header.ContentLength()
	return size == -1 || size > smallBody
}

// refuse sends the response that ctx holds without reading the request's body: if
// that may not have been read to its end, the connection ends.
func (p *Proxy) refuse(ctx *fasthttp.RequestCtx) {
	if !unread(ctx) {
		return
	}
	ctx.Response.SetConnectionClose()
	ctx.Response.SkipBody = ctx.IsHead()
	var answer bytes.Buffer
	w := bufio.NewWriter(&answer)
	if ctx.Response.Write(w) != nil || w.Flush() != nil {
		return
	}
	succeed(ctx, ctx.Conn().(park.Conn), &farewell{p, answer.Bytes()})
}

// owner implements successor.
func (f *farewell) owner() *Proxy { return f.proxy }

// takeOver implements successor.
func (f *farewell) takeOver(conn park.Conn, buffered io.Reader) {
	conn.Detach(buffered)
	f.proxy.active.Add(1)
	go f.run(conn)
}

// drop implements successor.
func (f *farewell) drop() {}

func (f *farewell) run(conn park.Conn) {
	defer f.proxy.active.Done()
	defer f.proxy.recoverConn(conn.ID())
	raw := conn.Raw()
	defer raw.Close()
	if f.proxy.write(raw, f.answer) == nil {
		lingerClose(raw)
	}
}

// lingerClose ends what is sent, waits a while for the client to end too, and
// closes the connection.
func lingerClose(c net.Conn) {
	defer c.Close()
	half, ok := c.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	c.SetReadDeadline(time.Now().Add(farewellTime))
	io.CopyN(io.Discard, c, farewellBytes)
}
