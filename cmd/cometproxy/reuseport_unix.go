//go:build unix

package main

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// sharePort lets other processes listen at the same address (SO_REUSEPORT, socket(7)).
func sharePort(_, _ string, raw syscall.RawConn) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	})
	if err != nil {
		return err
	}
	return failed
}
