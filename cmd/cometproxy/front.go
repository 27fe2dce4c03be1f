package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"go.uber.org/zap"

	"cometproxy/cmd/cometproxy/internal/config"
	"cometproxy/front"
)

// certificateCheck is how often the files of certificates are looked at.
const certificateCheck = 5 * time.Second

var tlsVersions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// listenPublic opens what clients connect to. The certificates are nil if none of
// it is TLS.
func listenPublic(c *config.Public, pairs []config.Certificate, log *zap.Logger) (lns []net.Listener, certificates *front.Certificates, err error) {
	const elsewhere = `":%s" for all`
	plain, err := listen(c.Listen, elsewhere)
	if err != nil {
		return nil, nil, fmt.Errorf("public.listen: %w", err)
	}
	secure, err := listen(c.TLSListen, elsewhere)
	if err != nil {
		closeAll(plain)
		return nil, nil, fmt.Errorf("public.tls_listen: %w", err)
	}
	if len(secure) > 0 {
		var files []front.Pair
		for _, p := range pairs {
			files = append(files, front.Pair(p))
		}
		if certificates, err = front.NewCertificates(files, tlsVersions[c.TLSMinVersion]); err != nil {
			closeAll(append(plain, secure...))
			return nil, nil, fmt.Errorf("certificate: %w", err)
		}
	}
	for _, ln := range plain {
		lns = append(lns, announced(ln, c, log))
	}
	for _, ln := range secure {
		lns = append(lns, certificates.Listener(announced(ln, c, log)))
	}
	return lns, certificates, nil
}

// announced is ln, with the PROXY protocol if somebody speaks that.
func announced(ln net.Listener, c *config.Public, log *zap.Logger) net.Listener {
	if len(c.ProxyFrom) == 0 {
		return ln
	}
	return front.AnnouncedListener(ln, c.ProxyFrom, func(peer net.Addr, err error) {
		log.Warn("a connection is closed, for its address is one of proxy_protocol_from (told every 10s at most)",
			zap.Stringer("client", peer), zap.Error(err))
	})
}

// watchCertificates reads changed files again, until the process ends.
func watchCertificates(c *front.Certificates, log *zap.Logger) {
	c.Watch(certificateCheck, nil, func(err error) {
		if err != nil {
			log.Error("a certificate has changed and cannot be used; clients get those from before", zap.Error(err))
			return
		}
		log.Info("certificates have changed and were read again")
	})
}
