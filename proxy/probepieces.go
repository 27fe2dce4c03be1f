package proxy

import (
	"fmt"
	"io"
	"net"
	"time"

	"github.com/valyala/fasthttp"

	"cometproxy/park"
)

// Each answer in pieces has a goroutine, which a poll has not; so there are few at
// one time.
const (
	maxProbing  = 16
	probeCount  = 3 // pieces
	probePause  = time.Second
	probeFormat = "{\"piece\":%d,\"of\":%d,\"after\":%.3f}\n"
)

// A probePiecer answers the probe in pieces, so that whoever asks sees whether they
// come one by one.
type probePiecer struct {
	proxy   *Proxy
	visit   *visit // nil: not logged
	head    []byte
	chunked bool
}

func (p *Proxy) probePieces(ctx *fasthttp.RequestCtx) {
	if p.probing.Add(1) > maxProbing {
		p.probing.Add(-1)
		retryProblem(ctx, fasthttp.StatusServiceUnavailable, 5*time.Second, "as many probes are under way as allowed; try again")
		return
	}
	h := &ctx.Response.Header
	h.SetContentType("application/json")
	h.Set("Cache-Control", "no-store")
	h.SetConnectionClose()
	s := &probePiecer{proxy: p, visit: p.takeVisit(ctx), chunked: ctx.Request.Header.IsHTTP11()}
	if s.chunked {
		h.SetContentLength(-1)
	} // else the end of the connection is the end of the body
	s.head = h.AppendBytes(nil)
	succeed(ctx, ctx.Conn().(park.Conn), s)
}

// owner implements successor.
func (s *probePiecer) owner() *Proxy { return s.proxy }

// takeOver implements successor.
func (s *probePiecer) takeOver(conn park.Conn, buffered io.Reader) {
	conn.Detach(buffered)
	s.proxy.active.Add(1)
	go s.run(conn)
}

// drop implements successor.
func (s *probePiecer) drop() { s.proxy.probing.Add(-1) }

func (s *probePiecer) run(conn park.Conn) {
	p := s.proxy
	defer p.active.Done()
	defer p.recoverConn(conn.ID())
	defer p.probing.Add(-1)
	raw := conn.Raw()
	sent, err := s.send(raw)
	s.visit.end(fasthttp.StatusOK, sent)
	if err == nil {
		lingerClose(raw)
	}
	p.lot.Close(conn.ID())
}

func (s *probePiecer) send(raw net.Conn) (sent int64, err error) {
	begin := time.Now()
	if err := s.proxy.write(raw, s.head); err != nil {
		return 0, err
	}
	for i := range probeCount {
		if i > 0 {
			time.Sleep(probePause)
		}
		piece := fmt.Appendf(nil, probeFormat, i+1, probeCount, time.Since(begin).Seconds())
		sent += int64(len(piece))
		if s.chunked {
			piece = fmt.Appendf(nil, "%x\r\n%s\r\n", len(piece), piece)
			if i == probeCount-1 {
				piece = append(piece, "0\r\n\r\n"...)
			}
		}
		if err := s.proxy.write(raw, piece); err != nil {
			return sent, err
		}
	}
	return sent, nil
}
