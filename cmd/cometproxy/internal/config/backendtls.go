package config

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
)

// checkBackendTLS reads the files that https URLs need.
func checkBackendTLS(s *section, b *Backend, ca, cert, key string) {
	if s.ok("urls") && s.given["urls"] && !anyHTTPS(b.URLs) {
		for _, name := range []string{"tls_ca", "tls_cert", "tls_key", "tls_server_name"} {
			if s.given[name] {
				s.warn(name, "has no effect: none of the urls begins with https://")
			}
		}
	}
	if ca != "" {
		if text, ok := s.secretFile("tls_ca", ca); ok {
			b.Roots = x509.NewCertPool()
			if !b.Roots.AppendCertsFromPEM([]byte(text)) {
				s.problem("tls_ca", "the file %s has no certificate in PEM (-----BEGIN CERTIFICATE-----)", quoted(ca))
			}
		}
	}
	switch {
	case cert != "" && key == "":
		s.problem("tls_cert", "needs its key: write tls_key = \"/path/to/key.pem\"")
		return
	case cert == "" && key != "":
		s.problem("tls_key", "needs its certificate: write tls_cert = \"/path/to/cert.pem\"")
		return
	case cert == "":
		return
	}
	pair, ok := s.keyPair("tls_cert", "tls_key", cert, key)
	if !ok {
		return
	}
	b.Certificates = []tls.Certificate{pair}
}

func anyHTTPS(urls []string) bool {
	for _, u := range urls {
		if strings.HasPrefix(u, "https://") {
			return true
		}
	}
	return false
}
