package park

import (
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// poller tells what happens to the raw connections. It has an epoll set of its
// own, which is a member of that of Go's: so waiting for it is waiting as for any
// file, and takes no thread.
type poller struct {
	file *os.File        // static: the set
	raw  syscall.RawConn // static
	fd   int             // static; only used while connections are let in, which Shut ends first

	batch  atomic.Uint32              // counts the fetches begun
	events [pollSlice]unix.EpollEvent // owned by poll
}

// pollSlice is how many connections are looked at before those found readable
// are served: no more than there are workers kept.
const pollSlice = maxFree

// newPoller returns nil when the system has nothing left for one.
func newPoller() *poller {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil
	}
	if err := unix.SetNonblock(fd, true); err != nil { // or Go would not wait for it
		_ = unix.Close(fd)
		return nil
	}
	p := &poller{fd: fd, file: os.NewFile(uintptr(fd), "epoll")}
	p.raw, err = p.file.SyscallConn()
	if err != nil || p.file.SetReadDeadline(time.Time{}) != nil { // Go's poller has not taken it
		_ = p.file.Close()
		return nil
	}
	return p
}

// add registers a connection, for its whole life.
func (p *poller) add(fd int32, id ID) error {
	ev := unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET,
		Fd:     int32(id.slot()),
		Pad:    int32(id.gen()),
	}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, int(fd), &ev))
}

// now is the number of the last fetch that was begun.
func (p *poller) now() uint32 {
	if p == nil {
		return 0
	}
	return p.batch.Load()
}

func (p *poller) close() {
	if p != nil {
		_ = p.file.Close()
	}
}

// poll is the poller's goroutine: a Read that never ends, until the set is closed.
func (l *lot) poll() {
	defer l.host.done()
	_ = l.poller.raw.Read(l.tellAll)
}

// tellAll handles what has happened, and returns false to be called again when
// more has. That which happens after the last fetch has begun is an edge to Go's
// poller, so it need not be looked whether there is nothing left.
func (l *lot) tellAll(set uintptr) (enough bool) {
	p := l.poller
	for {
		n := p.fetch(int(set))
		for i := range n {
			ev := &p.events[i]
			l.heard(makeID(uint32(ev.Fd), uint32(ev.Pad)), told(ev.Events))
		}
		if n < len(p.events) {
			return false
		}
		// The workers run now, and are free again for the next ones: a storm
		// of requests does not start a worker for each.
		runtime.Gosched()
	}
}

func (p *poller) fetch(set int) int {
	for {
		p.batch.Add(1)
		n, err := unix.EpollWait(set, p.events[:], 0)
		if err != unix.EINTR {
			return max(n, 0)
		}
	}
}

func told(events uint32) (ev int) {
	if events&unix.EPOLLIN != 0 {
		ev |= evRead
	}
	if events&unix.EPOLLOUT != 0 {
		ev |= evWrite
	}
	if events&unix.EPOLLRDHUP != 0 {
		ev |= evHup
	}
	if events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		ev |= evBroken
	}
	return ev
}
