//go:build !linux

package raw

import (
	"errors"
	"net/netip"
	"os/exec"
	"time"
)

var errSystem = errors.New("this needs Linux: its clients are bare epoll, and memory is read from /proc")

func Supported() error { return errSystem }

type Poller struct{}

func NewPoller() (*Poller, error)                            { return nil, errSystem }
func (*Poller) Close()                                       {}
func (*Poller) Add(fd int, token int32) error                { return errSystem }
func (*Poller) Wait(n int, d time.Duration) ([]int32, error) { return nil, errSystem }
func Dial(to netip.AddrPort, source netip.Addr) (int, error) { return -1, errSystem }
func Listen(at netip.AddrPort) (fd int, port int, err error) { return -1, 0, errSystem }
func Accept(listener int) (int, error)                       { return -1, errSystem }
func Read(fd int, b []byte) (int, error)                     { return 0, errSystem }
func Write(fd int, b []byte) error                           { return errSystem }
func Close(fd int)                                           {}
func Sleep(d time.Duration)                                  { time.Sleep(d) }
func CPU(pid int) (time.Duration, error)                     { return 0, errSystem }
func Contain(cmd *exec.Cmd)                                  {}
func KillGroup(pid int)                                      {}
