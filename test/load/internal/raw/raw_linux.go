package raw

import (
	"fmt"
	"io"
	"net/netip"
	"os/exec"
	"syscall"
	"time"
	"unsafe"
)

// Supported returns nil where this package works.
func Supported() error { return nil }

// A Poller tells which of its sockets can be read. Level-triggered: what is not
// read is told again.
type Poller struct {
	fd     int
	events [MaxEvents]syscall.EpollEvent
	ready  [MaxEvents]int32
}

func NewPoller() (*Poller, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	return &Poller{fd: fd}, nil
}

func (p *Poller) Close() { syscall.Close(p.fd) }

// Add watches a socket until it is closed. Wait will call it by its token.
func (p *Poller) Add(fd int, token int32) error {
	event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: token}
	return syscall.EpollCtl(p.fd, syscall.EPOLL_CTL_ADD, fd, &event)
}

// Wait returns the tokens of at most n sockets with something to read, and none
// if the limit is over first; below 0 there is none. The slice is valid until
// the next call.
//
// The runtime is not told that the thread blocks: handing over to another one
// and back would cost more than most events. So a Wait without a limit is for
// programs that have nothing else to run, not even a garbage collection.
func (p *Poller) Wait(n int, limit time.Duration) ([]int32, error) {
	got, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events[0])),
		uintptr(min(n, MaxEvents)), uintptr(limit.Milliseconds()), 0, 0)
	if errno != 0 && errno != syscall.EINTR {
		return nil, fmt.Errorf("epoll_pwait: %w", errno)
	}
	if errno != 0 {
		got = 0
	}
	for i := range int(got) {
		p.ready[i] = p.events[i].Fd
	}
	return p.ready[:got], nil
}

func sockaddr(a netip.AddrPort) (syscall.Sockaddr, int) {
	if a.Addr().Unmap().Is4() {
		return &syscall.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().Unmap().As4()}, syscall.AF_INET
	}
	return &syscall.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}, syscall.AF_INET6
}

func socket(family int) (int, error) {
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err == syscall.EMFILE {
		return -1, fmt.Errorf("no descriptor left (ulimit -n): use fewer clients, or several processes: %w", err)
	}
	return fd, err
}

const ipBindAddressNoPort = 24 // linux/in.h; package syscall lacks it

// Dial connects, from the source if that is valid.
func Dial(to netip.AddrPort, source netip.Addr) (fd int, err error) {
	address, family := sockaddr(to)
	if fd, err = socket(family); err != nil {
		return -1, err
	}
	if err = connect(fd, address, source); err != nil {
		syscall.Close(fd)
		return -1, fmt.Errorf("connecting to %s: %w", to, err)
	}
	return fd, nil
}

func connect(fd int, to syscall.Sockaddr, source netip.Addr) error {
	if source.IsValid() {
		// The port is chosen by connect, which knows that only the pair has to be unique.
		syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, ipBindAddressNoPort, 1)
		from, _ := sockaddr(netip.AddrPortFrom(source, 0))
		if err := syscall.Bind(fd, from); err != nil {
			return err
		}
	}
	patience := syscall.Timeval{Sec: 20}
	syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_SNDTIMEO, &patience)
	for {
		err := syscall.Connect(fd, to)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
		return syscall.SetNonblock(fd, true)
	}
}

// Listen opens a listening socket and returns its port, too.
func Listen(at netip.AddrPort) (fd int, port int, err error) {
	address, family := sockaddr(at)
	if fd, err = socket(family); err != nil {
		return -1, 0, err
	}
	syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	if err = syscall.Bind(fd, address); err == nil {
		err = syscall.Listen(fd, 4096)
	}
	if err == nil {
		err = syscall.SetNonblock(fd, true)
	}
	if err != nil {
		syscall.Close(fd)
		return -1, 0, fmt.Errorf("listening at %s: %w", at, err)
	}
	name, err := syscall.Getsockname(fd)
	switch name := name.(type) {
	case *syscall.SockaddrInet4:
		port = name.Port
	case *syscall.SockaddrInet6:
		port = name.Port
	}
	return fd, port, err
}

// Accept returns the next connection, or ErrAgain.
func Accept(listener int) (int, error) {
	fd, _, err := syscall.Accept4(listener, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
	if err == syscall.EAGAIN || err == syscall.EINTR || err == syscall.ECONNABORTED {
		return -1, ErrAgain
	}
	if err == nil {
		syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	}
	return fd, err
}

// Read reads what there is: io.EOF at the end, ErrAgain if there is nothing.
func Read(fd int, b []byte) (int, error) {
	for {
		n, err := syscall.Read(fd, b)
		switch {
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return 0, ErrAgain
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// Write writes everything, and waits for a slow reader up to 5 seconds.
func Write(fd int, b []byte) error {
	for {
		n, err := syscall.Write(fd, b) // the runtime swallows SIGPIPE
		if n > 0 {
			b = b[n:]
		}
		switch {
		case len(b) == 0 && err == nil:
			return nil
		case err == syscall.EAGAIN:
			if err := awaitWritable(fd); err != nil {
				return err
			}
		case err != nil && err != syscall.EINTR:
			return err
		}
	}
}

type pollFD struct {
	fd      int32
	events  int16
	revents int16
}

func awaitWritable(fd int) error {
	const pollOut = 4
	ask, patience := pollFD{fd: int32(fd), events: pollOut}, syscall.Timespec{Sec: 5}
	n, _, errno := syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&ask)), 1, uintptr(unsafe.Pointer(&patience)), 0, 0, 0)
	if errno != 0 && errno != syscall.EINTR {
		return errno
	}
	if n == 0 && errno == 0 {
		return fmt.Errorf("the other side has read nothing for 5 s")
	}
	return nil
}

func Close(fd int) { syscall.Close(fd) }

// Sleep sleeps for less than the millisecond that the runtime's timers know.
func Sleep(d time.Duration) {
	t := syscall.NsecToTimespec(int64(d))
	syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&t)), 0, 0)
}

// CPU is the processor time of a process, user and system, all its threads, to
// the nanosecond.
func CPU(pid int) (time.Duration, error) {
	const scheduled = 2 // of linux/posix-timers.h: CPUCLOCK_SCHED of a process
	var t syscall.Timespec
	clock := int32(^pid<<3) | scheduled
	_, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&t)), 0)
	if errno != 0 {
		return 0, fmt.Errorf("processor time of process %d: %w", pid, errno)
	}
	return time.Duration(t.Nano()), nil
}

// Contain makes a command end when this process does, with a process group of
// its own.
func Contain(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// KillGroup ends what is left of a contained command.
func KillGroup(pid int) { syscall.Kill(-pid, syscall.SIGKILL) }
