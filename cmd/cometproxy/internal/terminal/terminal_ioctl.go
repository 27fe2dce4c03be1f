//go:build linux || darwin || freebsd

package terminal

import (
	"os"
	"syscall"
	"unsafe"
)

// isTerminal asks for the attributes that only terminals have.
func isTerminal(f *os.File) bool {
	raw, err := f.SyscallConn()
	if err != nil {
		return false
	}
	var failed syscall.Errno
	err = raw.Control(func(fd uintptr) {
		var attributes syscall.Termios
		_, _, failed = syscall.Syscall(syscall.SYS_IOCTL, fd, getAttributes, uintptr(unsafe.Pointer(&attributes)))
	})
	return err == nil && failed == 0
}
