package config

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// around warns of what is unwise in the files that a configuration names, and in the
// configuration's own. Parse leaves that out: what it says depends on its text, and
// on what the files hold.
func (r *reader) around() {
	internal, grip := r.found["internal"], r.found["grip"]
	for _, s := range append([]*section{internal}, r.presenceSections...) {
		if path, _ := s.raw["token_file"].(string); path != "" {
			s.private("token_file", path)
		} else if token, _ := s.raw["token"].(string); token != "" {
			s.privateHere("token")
		}
	}
	if text, _ := grip.raw["sig_key"].(string); text != "" {
		if path, ok := strings.CutPrefix(text, "file:"); ok {
			grip.private("sig_key", path)
		} else {
			grip.privateHere("sig_key")
		}
	}
	for i, s := range r.certSections {
		c := r.config.Certificates[i]
		s.private("key", c.Key)
		s.lifetime("cert", r.pairs[i])
	}
	for _, s := range r.backendSections {
		if path, _ := s.raw["tls_key"].(string); path != "" {
			s.private("tls_key", path)
		}
	}
	for i, s := range r.routeSections {
		for name, set := range map[string]map[string]string{"set_request_headers": r.config.Routes[i].SetRequestHeaders, "set_answer_headers": r.config.Routes[i].SetAnswerHeaders} {
			for field, value := range set {
				if secretField(field, value) {
					s.privateHere(name)
					break
				}
			}
		}
	}
	r.names()
}

// private warns if everybody on this machine can read a file that holds a secret.
func (s *section) private(name, path string) {
	if forEverybody(path) {
		s.warn(name, "every user of this machine can read the file %s: chmod o-r, and let the group of the user that runs cometproxy read it", quoted(path))
	}
}

// privateHere is private for a secret in the configuration itself.
func (s *section) privateHere(name string) {
	if forEverybody(s.r.file) {
		s.warn(name, "this is a secret, and every user of this machine can read this file: chmod o-r %s", s.r.file)
	}
}

// forEverybody reports that a file, and all folders above it, are open to everybody.
// What a container is handed as a secret is nobody's but the container's.
func forEverybody(path string) bool {
	path, err := filepath.Abs(path)
	if err != nil || runtime.GOOS == "windows" || strings.HasPrefix(path, "/run/secrets/") || strings.HasPrefix(path, "/var/run/secrets/") {
		return false
	}
	if info, err := os.Stat(path); err != nil || info.Mode()&0o004 == 0 {
		return false
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err != nil || info.Mode()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}

// renewal is how long before its end a certificate should have been renewed; of one
// that is short-lived, a third of its life.
const renewal = 30 * 24 * time.Hour

// lifetime warns of certificates, of a chain, that end soon or have not begun.
func (s *section) lifetime(name string, chain []*x509.Certificate) {
	now := time.Now()
	for _, c := range chain {
		switch left := c.NotAfter.Sub(now); {
		case left < 0:
			s.warn(name, "the certificate of %s ended on %s: clients refuse it, renew it", quoted(c.Subject.String()), c.NotAfter.Format(time.DateOnly))
		case left < min(renewal, c.NotAfter.Sub(c.NotBefore)/3):
			s.warn(name, "the certificate of %s ends on %s, in %d days: renew it, changed files are read again", quoted(c.Subject.String()), c.NotAfter.Format(time.DateOnly), int(left.Hours()/24))
		case c.NotBefore.After(now):
			s.warn(name, "the certificate of %s begins on %s only: clients refuse it until then; is the clock right?", quoted(c.Subject.String()), c.NotBefore.Format(time.DateOnly))
		default:
			continue
		}
		return
	}
}

// names compares the names of the certificates with the hosts of the routes.
func (r *reader) names() {
	if len(r.config.Public.TLSListen) == 0 || len(r.pairs) == 0 {
		return
	}
	used := make([]bool, len(r.pairs))
	everyHost := false
	for i := range r.config.Routes {
		host := strings.Replace(r.config.Routes[i].Host, "*", "any", 1)
		if host == "" {
			everyHost = true
			continue
		}
		covered := false
		for k, chain := range r.pairs {
			if len(chain) > 0 && chain[0].VerifyHostname(host) == nil {
				covered, used[k] = true, true
			}
		}
		if !covered {
			r.routeSections[i].warn("host", "no [[certificate]] has the name %s: clients that come by https are shown another one and refuse it", quoted(r.config.Routes[i].Host))
		}
	}
	for i, chain := range r.pairs {
		switch {
		case len(chain) == 0:
		case len(chain[0].DNSNames)+len(chain[0].IPAddresses) == 0:
			r.certSections[i].warn("cert", "the certificate has no names (subjectAltName), and no client takes it: have it issued with those of the site")
		case !everyHost && !used[i]:
			r.certSections[i].warn("cert", "no route has a host that the certificate is for (%s)", strings.Join(chain[0].DNSNames, ", "))
		}
	}
}
