package test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

// An authority signs certificates, which are files of its directory.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := certificate("test authority")
	template.IsCA, template.KeyUsage = true, x509.KeyUsageCertSign
	a.cert = a.sign("ca", template, template, &a.key.PublicKey, a.key, a.key)
	return a
}

func certificate(name string) *x509.Certificate {
	return &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true}
}

// issue makes NAME.pem and NAME.key.
func (a *authority) issue(name string) tls.Certificate {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	a.sign(name, certificate(name), a.cert, &key.PublicKey, a.key, key)
	pair, err := tls.LoadX509KeyPair(a.file(name+".pem"), a.file(name+".key"))
	if err != nil {
		a.t.Fatal(err)
	}
	return pair
}

func (a *authority) sign(name string, template, parent *x509.Certificate, public *ecdsa.PublicKey, signer, own *ecdsa.PrivateKey) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	keyDER, _ := x509.MarshalECPrivateKey(own)
	for file, block := range map[string]*pem.Block{name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "EC PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(a.file(file), pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	cert, _ := x509.ParseCertificate(der)
	return cert
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// TestBackendTLS: an app of https with an authority of its own, that wants to know
// who asks.
func TestBackendTLS(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	app := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s asks for %s", r.TLS.PeerCertificates[0].Subject.CommonName, r.TLS.ServerName)
	}))
	app.Config.ErrorLog = log.New(io.Discard, "", 0)
	app.TLS = &tls.Config{Certificates: []tls.Certificate{a.issue("app.internal")}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
	app.StartTLS()
	t.Cleanup(app.Close)
	a.issue("proxy.internal")
	ca := fmt.Sprintf("tls_ca = %q\n", a.file("ca.pem"))
	own := fmt.Sprintf("tls_cert = %q\ntls_key = %q\n", a.file("proxy.internal.pem"), a.file("proxy.internal.key"))
	const name = "tls_server_name = \"app.internal\"\n"
	for _, c := range []struct {
		name, keys  string
		status      int
		body, inLog string
	}{
		{"all is said", ca + own + name, 200, "proxy.internal asks for app.internal", ""},
		{"an authority nobody knows", own + name, 502, "", "certificate signed by unknown authority"},
		{"another name", ca + own, 502, "", "certificate"},
		{"no certificate of its own", ca + name, 502, "", "certificate required"},
	} {
		s := harness.Start(t, fmt.Sprintf("[[backend]]\nname = \"app\"\nurls = [%q]\n%s%s", app.URL, c.keys, appRoute))
		for range 2 {
			got := s.Client(t).Get(t, "/")
			if got.Status != c.status || c.body != "" && string(got.Body) != c.body {
				t.Errorf("%s: %d %s", c.name, got.Status, got.Body)
			}
		}
		s.Stop() // then the log is whole
		if !strings.Contains(s.Log(), c.inLog) {
			t.Errorf("%s: the log does not say %q:\n%s", c.name, c.inLog, s.Log())
		}
	}
}
