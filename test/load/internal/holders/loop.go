package holders

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"cometproxy/test/load/internal/raw"
)

// A loop is the least that a server can be: one thread that reads requests
// whose heads it does not look at, but for the first line.
type loop struct {
	listener int
	poller   *raw.Poller
	partial  map[int][]byte // begun requests
	in       []byte

	request func(fd int, head, body []byte) (complete bool)
	gone    func(fd int)
}

func newLoop(address string) (*loop, error) {
	found, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, err
	}
	at := netip.AddrPortFrom(found.AddrPort().Addr().Unmap(), uint16(found.Port))
	l := &loop{partial: make(map[int][]byte), in: make([]byte, 1<<16), gone: func(int) {}}
	if l.poller, err = raw.NewPoller(); err != nil {
		return nil, err
	}
	if l.listener, _, err = raw.Listen(at); err != nil {
		return nil, err
	}
	return l, l.poller.Add(l.listener, int32(l.listener))
}

func (l *loop) run() error {
	debug.SetGCPercent(-1) // it makes next to no garbage, and Wait must not be waited for
	runtime.LockOSThread()
	for {
		ready, err := l.poller.Wait(raw.MaxEvents, -time.Second)
		if err != nil {
			return err
		}
		for _, fd := range ready {
			if int(fd) == l.listener {
				err = l.accept()
			} else {
				l.read(int(fd))
			}
			if err != nil {
				return err
			}
		}
	}
}

func (l *loop) accept() error {
	for {
		fd, err := raw.Accept(l.listener)
		if errors.Is(err, raw.ErrAgain) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := l.poller.Add(fd, int32(fd)); err != nil {
			return err
		}
	}
}

func (l *loop) read(fd int) {
	before := l.partial[fd]
	n, err := raw.Read(fd, l.in[copy(l.in, before):])
	if errors.Is(err, raw.ErrAgain) {
		return
	}
	if err != nil || len(before)+n == len(l.in) {
		delete(l.partial, fd)
		l.gone(fd)
		raw.Close(fd)
		return
	}
	text := l.in[:len(before)+n]
	head, body, found := bytes.Cut(text, []byte("\r\n\r\n"))
	if found && l.request(fd, head, body) {
		if before != nil {
			delete(l.partial, fd)
		}
		return
	}
	l.partial[fd] = append([]byte(nil), text...)
}

// between is what stands between two texts, at the first place where they do.
func between(b []byte, before, after string) []byte {
	_, rest, _ := bytes.Cut(b, []byte(before))
	found, _, _ := bytes.Cut(rest, []byte(after))
	return found
}

// bodyIsComplete compares a body with the length that its head tells.
func bodyIsComplete(head, body []byte) bool {
	n, err := strconv.Atoi(string(bytes.TrimSpace(between(head, "Content-Length:", "\r\n"))))
	return err != nil || len(body) >= n
}
