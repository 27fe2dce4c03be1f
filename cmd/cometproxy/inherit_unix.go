//go:build unix

package main

import (
	"net"
	"os"
	"sync"

	"github.com/coreos/go-systemd/v22/activation"
)

// inherited are the sockets that a service manager has opened before this process
// (systemd's socket activation, sd_listen_fds(3)). They stay open here as long as the
// process lives, so that a reload can close a listener and open it again.
var inherited = sync.OnceValue(func() []*os.File { return activation.Files(true) })

// inheritedListener is a listener of the inherited socket with that address, nil if
// there is none.
func inheritedListener(network, address string) (net.Listener, error) {
	for _, f := range inherited() {
		ln, err := net.FileListener(f)
		if err != nil {
			continue // no stream socket: not ours
		}
		if sameAddress(ln.Addr(), network, address) {
			return ln, nil
		}
		ln.Close()
	}
	return nil, nil
}

// inheritedUnused are the addresses of inherited sockets of which no listener is
// among the open ones.
func inheritedUnused(open []net.Addr) (unused []string) {
	for _, f := range inherited() {
		ln, err := net.FileListener(f)
		if err != nil {
			unused = append(unused, f.Name()+" (no listening socket)")
			continue
		}
		used := false
		for _, a := range open {
			used = used || a.Network() == ln.Addr().Network() && a.String() == ln.Addr().String()
		}
		if !used {
			unused = append(unused, ln.Addr().String())
		}
		ln.Close()
	}
	return unused
}

// sameAddress compares a socket's address with a configured one. All ways to write
// "every address" are one.
func sameAddress(a net.Addr, network, address string) bool {
	if network == "unix" {
		return a.Network() == "unix" && a.String() == address
	}
	has, ok := a.(*net.TCPAddr)
	if !ok {
		return false
	}
	wanted, err := net.ResolveTCPAddr("tcp", address)
	if err != nil || has.Port != wanted.Port {
		return false
	}
	every := func(ip net.IP) bool { return ip == nil || ip.IsUnspecified() }
	return every(has.IP) && every(wanted.IP) || has.IP.Equal(wanted.IP)
}
