//go:build unix

package main

import "syscall"

// fileLimit is how many files the process may open. Go has raised the soft limit
// to the hard one when the program began.
func fileLimit() int {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil || uint64(l.Cur) > 1<<30 {
		return 0
	}
	return int(l.Cur)
}
