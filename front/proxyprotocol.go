package front

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pires/go-proxyproto"
)

const (
	announceTime = 5 * time.Second // for a proxy in front to say who its client is
	maxAnnounced = 1024            // connections that are waited for at one time
	complainTime = 10 * time.Second
)

// AnnouncedListener is ln for connections that a load balancer introduces by a
// header of the PROXY protocol, version 1 or 2 (HAProxy's proxy-protocol.txt).
// Connections from an address within from must begin with one, and are closed
// otherwise; from others none is taken. The connection's RemoteAddr is what the
// header says. bad is told of headers that are none, not too often.
func AnnouncedListener(ln net.Listener, from []netip.Prefix, bad func(peer net.Addr, err error)) net.Listener {
	l := &announcedListener{Listener: ln, from: from, bad: bad,
		ready: make(chan accepted), done: make(chan struct{}), places: make(chan struct{}, maxAnnounced)}
	go l.run()
	return l
}

type announcedListener struct {
	net.Listener
	from   []netip.Prefix
	bad    func(net.Addr, error)
	ready  chan accepted
	done   chan struct{} // closed by Close
	places chan struct{} // one for each connection that is waited for

	mu         sync.Mutex
	closed     bool      // guarded by mu
	complained time.Time // guarded by mu
}

type accepted struct {
	conn net.Conn
	err  error
}

// run accepts, so that one silent connection does not keep the others.
func (l *announcedListener) run() {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			l.give(accepted{err: err})
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		if !l.trusts(conn.RemoteAddr()) {
			l.give(accepted{conn: conn})
			continue
		}
		select {
		case l.places <- struct{}{}:
			go func() {
				l.introduce(conn)
				<-l.places
			}()
		default:
			l.complain(conn, errors.New("too many connections that have not sent their header yet"))
		}
	}
}

// give waits for who accepts.
func (l *announcedListener) give(a accepted) {
	select {
	case l.ready <- a:
	case <-l.done:
		if a.conn != nil {
			_ = a.conn.Close()
		}
	}
}

func (l *announcedListener) trusts(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return false
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	for _, p := range l.from {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// introduce reads the header of a connection and hands it on.
func (l *announcedListener) introduce(conn net.Conn) {
	_ = conn.SetReadDeadline(time.Now().Add(announceTime))
	r := bufio.NewReader(conn)
	h, err := proxyproto.Read(r)
	if err != nil {
		l.complain(conn, fmt.Errorf("no header of the PROXY protocol: %w", err))
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	a := &announced{Conn: conn, peer: conn.RemoteAddr()}
	if tcp, _, ok := h.TCPAddrs(); ok && h.Command == proxyproto.PROXY {
		a.peer = tcp
	}
	ahead, _ := r.Peek(r.Buffered())
	a.ahead = append(a.ahead, ahead...) // or the reader would stay with the connection
	l.give(accepted{conn: a})
}

func (l *announcedListener) complain(conn net.Conn, err error) {
	_ = conn.Close()
	l.mu.Lock()
	due := time.Since(l.complained) >= complainTime && !l.closed
	if due {
		l.complained = time.Now()
	}
	l.mu.Unlock()
	if due {
		l.bad(conn.RemoteAddr(), err)
	}
}

// Accept implements net.Listener.
func (l *announcedListener) Accept() (net.Conn, error) {
	select {
	case a := <-l.ready:
		return a.conn, a.err
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *announcedListener) Close() error {
	l.mu.Lock()
	first := !l.closed
	l.closed = true
	l.mu.Unlock()
	if first {
		close(l.done)
	}
	return l.Listener.Close()
}

// announced is a connection behind its header. It is a park.Announced.
type announced struct {
	net.Conn
	peer  net.Addr // static
	ahead []byte   // what was read behind the header; owned by who reads
}

func (a *announced) RemoteAddr() net.Addr { return a.peer }

// NetConn is the connection below, as that of TLS has one.
func (a *announced) NetConn() net.Conn { return a.Conn }

func (a *announced) Read(p []byte) (int, error) {
	if len(a.ahead) > 0 && len(p) > 0 {
		n := copy(p, a.ahead)
		a.ahead = a.ahead[n:]
		return n, nil
	}
	return a.Conn.Read(p)
}

// CloseWrite ends what is sent.
func (a *announced) CloseWrite() error {
	if half, ok := a.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Bare implements park.Announced.
func (a *announced) Bare() (net.Conn, net.Addr, []byte) { return a.Conn, a.peer, a.ahead }
