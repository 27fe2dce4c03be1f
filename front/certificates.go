package front

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Pair names the PEM files of a certificate, with its chain, and of its key.
type Pair struct{ Cert, Key string }

// Certificates are those that clients are shown. They are read again when their
// files change.
type Certificates struct {
	now atomic.Pointer[tls.Config] // what handshakes use

	mu     sync.Mutex  // guards the following
	pairs  []Pair      // the files
	base   *tls.Config // without certificates
	loaded [][2][]byte // what the files said
}

// NewCertificates reads the files. minVersion is of package tls.
func NewCertificates(pairs []Pair, minVersion uint16) (*Certificates, error) {
	c := new(Certificates)
	use, err := c.Prepare(pairs, minVersion)
	if err == nil {
		use()
	}
	return c, err
}

// Prepare reads other files, and use has them used from then on.
func (c *Certificates) Prepare(pairs []Pair, minVersion uint16) (use func(), err error) {
	next := &Certificates{pairs: pairs, base: &tls.Config{MinVersion: minVersion, NextProtos: []string{"http/1.1"}}}
	if _, err := next.load(); err != nil {
		return nil, err
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.pairs, c.base, c.loaded = next.pairs, next.base, next.loaded
		c.now.Store(next.now.Load())
	}, nil
}

// load reads the files, and puts what they say in use if it is good and new.
func (c *Certificates) load() (changed bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	texts := make([][2][]byte, len(c.pairs))
	config := c.base.Clone()
	for i, p := range c.pairs {
		for k, name := range []string{p.Cert, p.Key} {
			if texts[i][k], err = os.ReadFile(name); err != nil {
				return false, err
			}
		}
		pair, err := tls.X509KeyPair(texts[i][0], texts[i][1])
		if err != nil {
			return false, fmt.Errorf("%s and %s are no certificate with its key: %s", p.Cert, p.Key, strings.TrimPrefix(err.Error(), "tls: "))
		}
		config.Certificates = append(config.Certificates, pair)
	}
	if c.loaded != nil && same(c.loaded, texts) {
		return false, nil
	}
	c.loaded = texts
	c.now.Store(config)
	return true, nil
}

func same(a, b [][2][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i][0], b[i][0]) || !bytes.Equal(a[i][1], b[i][1]) {
			return false
		}
	}
	return true
}

// Watch looks at the files from time to time, until stop is closed. It tells of
// changed ones: err is nil if they are used from now on, and else why they are not
// and those from before are. It tells once of each reason.
//
// It reads them all: names lead through links that are exchanged, and what was
// written without a change of time or size is found too.
func (c *Certificates) Watch(every time.Duration, stop <-chan struct{}, told func(err error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	last := ""
	for {
		select {
		case <-tick.C:
		case <-stop:
			return
		}
		changed, err := c.load()
		switch {
		case err == nil:
			last = ""
			if changed {
				told(nil)
			}
		case err.Error() != last:
			last = err.Error()
			told(err)
		}
	}
}

// Listener is TLS over ln. Clients get the first certificate that fits the name
// that they ask for and what they can verify, else the first of all. Shaking hands
// is left to the first Read. Who speaks plain HTTP there is told so.
func (c *Certificates) Listener(ln net.Listener) net.Listener {
	config := &tls.Config{}
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.now.Load(), nil }
	return tls.NewListener(plainListener{ln}, config)
}
