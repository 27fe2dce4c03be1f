package park

import (
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
)

// isTimeout: a deadline passed. Not every connection says os.ErrDeadlineExceeded
// then. ETIMEDOUT is something else, though it calls itself a timeout too: the
// system has given the peer up.
func isTimeout(err error) bool {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return true
	}
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout() && !errors.Is(err, syscall.ETIMEDOUT)
}

// isPassing: Accept may succeed when tried again later.
func isPassing(err error) bool {
	for _, e := range passing {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

var passing = []error{
	syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, // out of something
	syscall.ECONNABORTED, syscall.ECONNRESET, syscall.EINTR, syscall.EPROTO, // that one client has gone
}

// isClosed: the listener was closed. Listeners in memory have errors of their
// own with the same words.
func isClosed(err error) bool {
	return errors.Is(err, net.ErrClosed) || strings.Contains(err.Error(), net.ErrClosed.Error())
}
