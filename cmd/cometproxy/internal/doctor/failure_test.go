package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestExplain(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	cert := &x509.Certificate{DNSNames: []string{"b.example"}, NotBefore: now.AddDate(-2, 0, 0), NotAfter: now.AddDate(-1, 0, 0), Issuer: pkix.Name{CommonName: "Somebody"}}
	young := &x509.Certificate{NotBefore: now.AddDate(1, 0, 0), NotAfter: now.AddDate(2, 0, 0)}
	dial := func(err error) error { return &net.OpError{Op: "dial", Err: err} }
	for _, c := range []struct {
		err        error
		kind, text string
	}{
		{&net.DNSError{Name: "a.example", IsNotFound: true}, "name", `there is no host "a.example"`},
		{&net.DNSError{Name: "a.example", Err: "server misbehaving"}, "name", "name server"},
		{dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), "refused", "nothing listens at a.example:443"},
		{dial(syscall.EHOSTUNREACH), "unreachable", "no route"},
		{dial(os.ErrDeadlineExceeded), "timeout", "does not answer"},
		{syscall.ECONNRESET, "reset", "RST"},
		{io.EOF, "closed", "without an answer"},
		{errors.New(`malformed HTTP response "SSH-2.0"`), "no HTTP", "does not speak HTTP"},
		{errors.New("odd"), "failed", "odd"},
		{x509.CertificateInvalidError{Cert: cert, Reason: x509.Expired}, "expired", "expired on 2029-01-02"},
		{x509.CertificateInvalidError{Cert: young, Reason: x509.Expired}, "not yet valid", "from 2031-01-02"},
		{x509.CertificateInvalidError{Cert: cert, Reason: x509.NotAuthorizedToSign}, "certificate", "cannot be used"},
		{x509.HostnameError{Certificate: cert, Host: "a.example"}, "wrong name", "not for a.example: it is for b.example"},
		{x509.HostnameError{Certificate: &x509.Certificate{Subject: pkix.Name{CommonName: "a.example"}}, Host: "a.example"}, "wrong name", "common name only"},
		{x509.UnknownAuthorityError{Cert: cert}, "unknown issuer", "CN=Somebody"},
		{x509.UnknownAuthorityError{Cert: young}, "self-signed", "by itself"},
		{tls.RecordHeaderError{RecordHeader: [5]byte{'H', 'T', 'T', 'P', '/'}}, "no TLS", "plain HTTP, not TLS"},
		{tls.RecordHeaderError{}, "no TLS", "does not speak TLS"},
		{tls.AlertError(112), "unknown name", "no certificate for a.example"},
		{tls.AlertError(70), "TLS version", "1.2"},
		{tls.AlertError(116), "client certificate", "of its clients"},
		{tls.AlertError(40), "TLS refused", "handshake"},
	} {
		wrapped := &url.Error{Op: "Get", URL: "https://a.example/", Err: fmt.Errorf("around: %w", c.err)}
		f := Explain(wrapped, &url.URL{Scheme: "https", Host: "a.example"}, now)
		if f.Kind != c.kind || !strings.Contains(f.Text, c.text) || f.Do == "" {
			t.Errorf("%v: %+v, want %s with %q", c.err, f, c.kind, c.text)
		}
	}
}

func TestWantsTLS(t *testing.T) {
	for body, want := range map[string]bool{"<center>The plain HTTP request was sent to HTTPS port</center>": true, "Client sent an HTTP request to an HTTPS server.\n": true,
		"You're speaking plain HTTP to an SSL-enabled server port.": true, "bad": false} {
		if a := answer(400, 0, body); wantsTLS(&a) != want {
			t.Errorf("%q: %t", body, !want)
		}
	}
}
