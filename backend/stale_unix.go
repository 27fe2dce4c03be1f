//go:build unix

package backend

import "syscall"

// stale looks at an idle connection without waiting: with nothing to read it is
// alive as far as one can tell. An end is a closed connection, and a byte that
// no request asked for would be taken for the next answer. The byte may be
// consumed, for the connection is not used again.
func (c *conn) stale() bool {
	if c.sys == nil {
		return false
	}
	stale := true
	err := c.sys.Control(func(fd uintptr) {
		var one [1]byte
		_, err := syscall.Read(int(fd), one[:])
		stale = err != syscall.EAGAIN && err != syscall.EWOULDBLOCK && err != syscall.EINTR
	})
	return stale || err != nil
}
