//go:build unix

package park

import (
	"net"
	"sync"
	"syscall"
)

// rawOf is the way to a socket below conn that tryWrite takes; nil when there
// is none, as for TLS.
func rawOf(conn net.Conn) syscall.RawConn {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// tryWrite writes what the socket takes at once. n < len(b) with a nil error
// means that it would have had to wait.
func tryWrite(raw syscall.RawConn, b []byte) (n int, err error) {
	op := writeOps.Get().(*writeOp)
	op.b = b
	failed := raw.Write(op.call)
	n, err = op.n, op.err
	op.b, op.n, op.err = nil, 0, nil
	writeOps.Put(op)
	if failed != nil && err == nil && n == 0 && !isTimeout(failed) {
		// Not even tried: the connection is closed. (A write deadline that
		// somebody left behind is no reason to fail; the finisher sets its own.)
		err = failed
	}
	return n, err
}

// writeOp is what one raw write needs; pooled, so that it allocates nothing.
type writeOp struct {
	b    []byte
	n    int
	err  error
	call func(fd uintptr) bool
}

var writeOps = sync.Pool{New: func() any {
	op := new(writeOp)
	op.call = op.write
	return op
}}

func (op *writeOp) write(fd uintptr) bool {
	for op.n < len(op.b) {
		n, err := syscall.Write(int(fd), op.b[op.n:])
		switch {
		case n > 0:
			op.n += n
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return true
		case err != nil:
			op.err = err
			return true
		default: // wrote nothing and says nothing
			return true
		}
	}
	return true // also when not all is written: never wait
}
