package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"go.uber.org/zap"

	"cometproxy/cmd/cometproxy/internal/config"
	"cometproxy/front"
)

// certificateCheck is how often the files of certificates are looked at.
const certificateCheck = 5 * time.Second

var tlsVersions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// Kinds of doors, as their keys are called.
const (
	plainDoor    = "public.listen"
	tlsDoor      = "public.tls_listen"
	internalDoor = "internal.listen"
)

// A door is a listener of the configuration.
type door struct {
	kind, address string
	share         bool           // other processes may listen there too
	nth           int            // of those with the same address, which can only be of port 0
	from          []netip.Prefix // who speaks the PROXY protocol there
	socket        net.Listener   // the system's
	served        net.Listener   // with TLS and the PROXY protocol over it
}

// doors are all that are open. They belong to the goroutine that starts and reloads.
type doors struct {
	log          *zap.Logger
	certificates *front.Certificates // nil: there was no TLS yet
	open         []*door
}

// plan makes the doors of a configuration: those that are open already, and others,
// which it opens. If one cannot be opened, none is. use has its certificates used.
func (d *doors) plan(c *config.Config) (all, opened []*door, use func(), err error) {
	if use, err = d.readCertificates(c); err != nil {
		return nil, nil, nil, fmt.Errorf("certificate: %w", err)
	}
	count := make(map[string]int)
	for _, w := range []struct {
		kind      string
		addresses []string
		from      []netip.Prefix
	}{{internalDoor, c.Internal.Listen, nil}, {plainDoor, c.Public.Listen, c.Public.ProxyFrom}, {tlsDoor, c.Public.TLSListen, c.Public.ProxyFrom}} {
		for _, address := range w.addresses {
			next := &door{kind: w.kind, address: address, nth: count[w.kind+address], from: w.from,
				share: c.Public.ReusePort && w.kind != internalDoor}
			count[w.kind+address]++
			old := d.find(next)
			if old != nil && slices.Equal(old.from, next.from) {
				all = append(all, old)
				continue
			}
			if err := d.unlock(next, old); err != nil {
				closeDoors(opened)
				return nil, nil, nil, fmt.Errorf("%s: %w", w.kind, err)
			}
			all, opened = append(all, next), append(opened, next)
		}
	}
	return all, opened, use, nil
}

// closing are the doors that are open and not among all.
func (d *doors) closing(all []*door) (old []*door) {
	for _, o := range d.open {
		if !slices.Contains(all, o) {
			old = append(old, o)
		}
	}
	return old
}

func (d *doors) find(like *door) *door {
	for _, o := range d.open {
		if o.kind == like.kind && o.address == like.address && o.nth == like.nth {
			return o
		}
	}
	return nil
}

// unlock opens a door. If old is at the same address it is the same socket, so that
// no connection is refused.
func (d *doors) unlock(next, old *door) (err error) {
	if old != nil {
		next.socket, err = sameSocket(old.socket)
	} else {
		elsewhere := `":%s" for all`
		if next.kind == internalDoor {
			elsewhere = `"127.0.0.1:%s"`
		}
		next.socket, err = listen(next.address, elsewhere, next.share)
	}
	if err != nil {
		return err
	}
	next.served = next.socket
	if len(next.from) > 0 {
		next.served = front.AnnouncedListener(next.served, next.from, func(peer net.Addr, err error) {
			d.log.Warn("a connection from one of proxy_protocol_from is closed: it did not begin with a PROXY header (told every 10s at most)",
				zap.Stringer("client", peer), zap.Error(err))
		})
	}
	if next.kind == tlsDoor {
		next.served = d.certificates.Listener(next.served)
	}
	return nil
}

// sameSocket is another listener of the same socket.
func sameSocket(ln net.Listener) (net.Listener, error) {
	tcp, ok := ln.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("%s cannot be opened a second time", ln.Addr())
	}
	f, err := tcp.File()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return net.FileListener(f)
}

// readCertificates reads those of a configuration, none if it has no TLS. The first
// that are read are watched from then on.
func (d *doors) readCertificates(c *config.Config) (use func(), err error) {
	var pairs []front.Pair
	if len(c.Public.TLSListen) > 0 {
		for _, p := range c.Certificates {
			pairs = append(pairs, front.Pair(p))
		}
	}
	version := tlsVersions[c.Public.TLSMinVersion]
	switch {
	case d.certificates != nil:
		return d.certificates.Prepare(pairs, version)
	case len(pairs) == 0:
		return func() {}, nil
	}
	certificates, err := front.NewCertificates(pairs, version)
	if err != nil {
		return nil, err
	}
	d.certificates = certificates
	go certificates.Watch(certificateCheck, nil, func(err error) {
		if err != nil {
			d.log.Error("a certificate has changed and cannot be used; clients get those from before", zap.Error(err))
			return
		}
		d.log.Info("certificates have changed and were read again")
	})
	return func() {}, nil
}

// served are the listeners of doors, the public and the internal ones.
func served(doors []*door) (public, internal []net.Listener) {
	for _, d := range doors {
		if d.kind == internalDoor {
			internal = append(internal, d.served)
		} else {
			public = append(public, d.served)
		}
	}
	return public, internal
}

// sockets are the addresses of doors.
func sockets(doors []*door) (addresses []net.Addr) {
	for _, d := range doors {
		addresses = append(addresses, d.socket.Addr())
	}
	return addresses
}

func closeDoors(doors []*door) {
	for _, d := range doors {
		d.served.Close()
	}
}
