package config

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
)

// certificates reads and checks the [[certificate]] tables.
func (r *reader) certificates(tables []rawTable, public *section) {
	for _, table := range tables {
		c := Certificate{}
		s := r.table("certificate", table.values, table.at, &target{config: r.config, certificate: &c})
		for name, example := range map[string]string{"cert": "/etc/cometproxy/cert.pem", "key": "/etc/cometproxy/key.pem"} {
			if !s.given[name] {
				s.problem(name, "is missing: write %s = \"%s\"", name, example)
			}
		}
		var chain []*x509.Certificate
		if s.ok("cert", "key") {
			if pair, ok := s.keyPair("cert", "key", c.Cert, c.Key); ok {
				for _, der := range pair.Certificate {
					if one, err := x509.ParseCertificate(der); err == nil {
						chain = append(chain, one)
					}
				}
			}
		}
		r.certSections, r.pairs = append(r.certSections, s), append(r.pairs, chain)
		r.config.Certificates = append(r.config.Certificates, c)
	}
	listening := len(r.config.Public.TLSListen) > 0
	switch {
	case listening && len(tables) == 0 && public.ok("tls_listen"):
		public.problem("tls_listen", "needs a certificate: add a [[certificate]] table with cert and key")
	case !listening && len(tables) > 0 && public.ok("tls_listen"):
		public.warn("", "no tls_listen: the [[certificate]] is not used, write tls_listen = [\":443\"]")
	}
}

// keyPair reads a certificate and its key, and reports what is wrong with them.
func (s *section) keyPair(certName, keyName, cert, key string) (pair tls.Certificate, ok bool) {
	certText, ok := s.secretFile(certName, cert)
	keyText, okKey := s.secretFile(keyName, key)
	if !ok || !okKey {
		return pair, false
	}
	pair, err := tls.X509KeyPair([]byte(certText), []byte(keyText))
	if err != nil {
		s.problem(certName, "%s and %s are no certificate with its key: %s", quoted(cert), quoted(key), strings.TrimPrefix(err.Error(), "tls: "))
		return pair, false
	}
	return pair, true
}
