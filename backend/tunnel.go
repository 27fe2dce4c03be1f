package backend

import (
	"errors"
	"net"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// Tunnel gives the connection away after a 101, with what the app sent behind
// the head. Its Close frees the place among the tunnels; Header stays valid.
// Tunnel panics when the answer is no 101 or was closed.
func (x *Exchange) Tunnel() (net.Conn, []byte) {
	if x.Header == nil || x.Header.StatusCode() != fasthttp.StatusSwitchingProtocols {
		panic("backend: Tunnel without a 101")
	}
	x.mu.Lock()
	c := x.c
	x.tunneled = true
	x.mu.Unlock()
	x.endWatch()
	_ = c.nc.SetDeadline(time.Time{})
	return &tunnel{Conn: c.nc, b: x.b, c: c}, c.leftover()
}

// tunnel is an upgraded connection in the caller's hands.
type tunnel struct {
	net.Conn
	b    *Backend
	c    *conn
	once sync.Once
}

func (t *tunnel) Close() error {
	t.once.Do(func() {
		t.b.discard(t.c)
		t.b.leave(t.c.target, true)
	})
	return nil
}

// CloseWrite tells the app that nothing more will come, if the transport can.
func (t *tunnel) CloseWrite() error {
	if w, ok := t.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return errors.ErrUnsupported
}
