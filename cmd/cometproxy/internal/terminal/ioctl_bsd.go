//go:build darwin || freebsd

package terminal

import "syscall"

const getAttributes = syscall.TIOCGETA
