package park

import (
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// The calls for raw descriptors. None waits. Read and Write are package syscall's,
// as are those of package net: so the race detector knows that what a client in
// this process did before it wrote is before what the server does then.

// readFD: again means that there is nothing yet.
func readFD(fd int, p []byte) (n int, again bool, err error) {
	for {
		n, err = syscall.Read(fd, p)
		switch err {
		case nil:
			return n, false, nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, true, nil
		default:
			return 0, false, os.NewSyscallError("read", err)
		}
	}
}

// writeFD writes what the socket takes.
func writeFD(fd int, p []byte) (written int, err error) {
	for written < len(p) {
		n, err := syscall.Write(fd, p[written:])
		switch err {
		case nil:
			written += n
		case syscall.EINTR:
		case syscall.EAGAIN:
			return written, nil
		default:
			return written, os.NewSyscallError("write", err)
		}
	}
	return written, nil
}

// unreadFD is how many bytes there are to read. The end of the input is none.
func unreadFD(fd int) int {
	n, err := unix.IoctlGetUint32(fd, unix.SIOCINQ)
	if err != nil {
		return 0
	}
	return int(n)
}

func closeFD(fd int) { _ = unix.Close(fd) }

func closeWriteFD(fd int) error {
	return os.NewSyscallError("shutdown", unix.Shutdown(fd, unix.SHUT_WR))
}

func localFD(fd int) *net.TCPAddr {
	sa, err := unix.Getsockname(fd)
	return tcpAddr(sa, err)
}

func peerFD(fd int) *net.TCPAddr {
	sa, err := unix.Getpeername(fd)
	return tcpAddr(sa, err)
}

func tcpAddr(sa unix.Sockaddr, err error) *net.TCPAddr {
	if err != nil {
		return nil
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return &net.TCPAddr{IP: sa.Addr[:], Port: sa.Port}
	case *unix.SockaddrInet6:
		ip := netip.AddrFrom16(sa.Addr)
		if ip.IsLinkLocalUnicast() && sa.ZoneId != 0 {
			if ifc, err := net.InterfaceByIndex(int(sa.ZoneId)); err == nil {
				ip = ip.WithZone(ifc.Name)
			}
		}
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, uint16(sa.Port)))
	}
	return nil
}

// bare is a newcomer as a descriptor; one whose connection cannot be that is
// left as it is.
func (c newcomer) bare() newcomer {
	tcp, ok := c.conn.(*net.TCPConn)
	if !ok {
		return c
	}
	sc, err := tcp.SyscallConn()
	if err != nil {
		return c
	}
	fd := -1
	err = sc.Control(func(old uintptr) {
		if dup, err := unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0); err == nil {
			fd = dup
		}
	})
	if err != nil || fd < 0 {
		return c
	}
	_ = tcp.Close() // the descriptor it had, and its place with Go's poller
	c.conn, c.fd = nil, fd
	return c
}

// whole is a newcomer as a connection; nil when that failed and it is closed.
func (c newcomer) whole() net.Conn {
	if c.conn != nil {
		return c.conn
	}
	f := os.NewFile(uintptr(c.fd), "")
	defer f.Close()
	conn, err := net.FileConn(f) // has a duplicate
	if err != nil {
		return nil
	}
	return conn
}

// backlog takes connections from a TCP listener's descriptor. It is for one
// goroutine.
type backlog struct {
	raw  syscall.RawConn
	fds  []int
	take func() []int // some connections that need not be waited for
}

const backlogSlice = 64 // accepted at a time, for an accepted one is not yet counted

// newBacklog returns nil for listeners that are not TCP's own.
func newBacklog(ln net.Listener) *backlog {
	tcp, ok := ln.(*net.TCPListener)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	b := &backlog{raw: raw, fds: make([]int, 0, backlogSlice)}
	accept := b.accept
	b.take = func() []int {
		b.fds = b.fds[:0]
		_ = raw.Control(accept)
		return b.fds
	}
	return b
}

// accept leaves errors to the listener's Accept, which meets them again.
func (b *backlog) accept(ln uintptr) {
	for len(b.fds) < backlogSlice {
		fd, _, err := unix.Accept4(int(ln), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		setOptions(fd)
		b.fds = append(b.fds, fd)
	}
}

// setOptions does to a descriptor what package net and setKeepAlive do to a
// connection.
func setOptions(fd int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(keepAlive.Idle.Seconds()))
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(keepAlive.Interval.Seconds()))
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepAlive.Count)
}
