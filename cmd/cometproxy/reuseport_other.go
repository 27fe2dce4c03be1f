//go:build !unix

package main

import (
	"errors"
	"syscall"
)

func sharePort(string, string, syscall.RawConn) error {
	return errors.New("this system cannot share a port: leave public.reuse_port out")
}
