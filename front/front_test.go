package front

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pires/go-proxyproto"
)

// write makes the files of a certificate.
func write(t *testing.T, dir, name string) Pair {
	t.Helper()
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{name}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, _ := x509.MarshalECPrivateKey(key)
	p := Pair{filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")}
	for file, b := range map[string]*pem.Block{p.Cert: {Type: "CERTIFICATE", Bytes: cert}, p.Key: {Type: "EC PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// TestWatch: in virtual time, what is told of files that change, break and are mended.
func TestWatch(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		p := write(t, dir, "a.example")
		c, err := NewCertificates([]Pair{p}, tls.VersionTLS12)
		if err != nil {
			t.Fatal(err)
		}
		news := make(chan error, 10)
		stop := make(chan struct{})
		go c.Watch(time.Second, stop, func(err error) { news <- err })
		step := func(want ...bool) { // true: an error
			t.Helper()
			time.Sleep(3 * time.Second)
			synctest.Wait()
			var told []error
			for len(news) > 0 {
				told = append(told, <-news)
			}
			ok := len(told) == len(want)
			for i := range min(len(told), len(want)) {
				ok = ok && (told[i] != nil) == want[i]
			}
			if !ok {
				t.Errorf("told %v, want %v", told, want)
			}
		}
		serial := func() *big.Int { return c.now.Load().Certificates[0].Leaf.SerialNumber }
		step()
		first := serial()
		write(t, dir, "a.example")
		step(false)
		second := serial()
		if second.Cmp(first) == 0 {
			t.Error("the certificate is that of before")
		}
		os.WriteFile(p.Key, []byte("nonsense"), 0o600)
		step(true)
		os.Remove(p.Key)
		step(true)
		if serial().Cmp(second) != 0 {
			t.Error("a broken file took the certificate away")
		}
		if _, err := c.Prepare([]Pair{p}, tls.VersionTLS12); err == nil {
			t.Error("files that are broken replace those that are not")
		}
		write(t, dir, "a.example")
		step(false)
		close(stop)
		synctest.Wait()
	})
}

// pipes is a listener of connections in memory, all of them from one address.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return fromHere{c}, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return here }

var here = &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}

type fromHere struct{ net.Conn }

func (fromHere) RemoteAddr() net.Addr { return here }

// FuzzAnnounced: whatever comes first, the connection is either closed or begins
// behind a header, with every byte that follows it and no other.
func FuzzAnnounced(f *testing.F) {
	for _, version := range []byte{1, 2} {
		b, _ := proxyproto.HeaderProxyFromAddrs(version, here, here).Format()
		f.Add(b, []byte("GET / HTTP/1.1\r\n\r\n"))
		f.Add(b[:len(b)-1], []byte("x"))
	}
	f.Add([]byte("PROXY UNKNOWN\r\n"), []byte("PROXY UNKNOWN\r\n"))
	f.Add([]byte("\r\n\r\n\x00\r\nQUIT\n"), []byte("\x21\x11\x00\x0c"))
	from := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	f.Fuzz(func(t *testing.T, first, rest []byte) {
		ln := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
		l := AnnouncedListener(ln, from, func(net.Addr, error) {})
		defer l.Close()
		near, far := net.Pipe()
		ln.conns <- near
		sent := append(bytes.Clone(first), rest...)
		go func() {
			far.Write(sent)
			far.Close()
		}()
		got := make(chan net.Conn, 1)
		go func() {
			c, _ := l.Accept()
			got <- c
		}()
		closed := make(chan struct{})
		go func() {
			io.Copy(io.Discard, far) // ends when the other side closes
			close(closed)
		}()
		select {
		case c := <-got:
			if c == nil {
				return
			}
			behind, _ := io.ReadAll(c)
			c.Close()
			if !bytes.HasSuffix(sent, behind) || len(behind) == len(sent) {
				t.Errorf("%q: it begins with %q", sent, behind)
			}
		case <-closed:
			select {
			case c := <-got:
				if c != nil {
					c.Close()
				}
			default:
			}
		}
	})
}
