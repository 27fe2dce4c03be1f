package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"
)

// A Failure is why nothing could be asked.
type Failure struct {
	Kind string `json:"kind"`
	Text string `json:"text"`
	Do   string `json:"do"`
}

// Explain puts an error of connecting to u in plain words.
func Explain(err error, u *url.URL, now time.Time) *Failure {
	if f := explainTLS(err, u, now); f != nil {
		return f
	}
	host := u.Hostname()
	var dns *net.DNSError
	var address *net.AddrError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return &Failure{"name", fmt.Sprintf("there is no host %q", clean(dns.Name)), "Is the name spelled right, and does DNS have it yet? (dig " + host + ")"}
	case errors.As(err, &dns):
		return &Failure{"name", fmt.Sprintf("the name server does not answer for %q: %s", clean(dns.Name), clean(dns.Err)), "Try again, or with another name server."}
	case errors.As(err, &address):
		return &Failure{"name", clean(address.Error()), "Write http://host:port/path or https://host/path."}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &Failure{"refused", fmt.Sprintf("nothing listens at %s", at(u)), "Is the proxy in front, or cometproxy, running, and on that port?"}
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return &Failure{"unreachable", fmt.Sprintf("there is no way to %s from here: %s", at(u), clean(reason(err))), "Look at routes and firewalls; a name may have an IPv6 address that nothing serves."}
	case isTimeout(err):
		return &Failure{"timeout", fmt.Sprintf("%s does not answer", at(u)), "A firewall that drops what comes looks like this: is the port open?"}
	case errors.Is(err, syscall.ECONNRESET):
		return &Failure{"reset", fmt.Sprintf("%s broke the connection off (RST) before it answered", at(u)), "Its log says why; a filter in between can also be it."}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &Failure{"closed", fmt.Sprintf("%s closed the connection without an answer", at(u)), "Is that a port for HTTP?"}
	case strings.Contains(err.Error(), "malformed HTTP"):
		return &Failure{"no HTTP", fmt.Sprintf("what answers at %s does not speak HTTP", at(u)), "Is it the right port?"}
	}
	return &Failure{"failed", clean(reason(err)), "Try the same with curl -v."}
}

// explainTLS is Explain for what goes wrong with TLS; nil: it is something else.
func explainTLS(err error, u *url.URL, now time.Time) *Failure {
	host := u.Hostname()
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var plain tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return expired(invalid.Cert, host, now)
	case errors.As(err, &invalid):
		return &Failure{"certificate", fmt.Sprintf("the certificate of %s cannot be used: %s", host, clean(invalid.Error())), "Have another one issued."}
	case errors.As(err, &name):
		return &Failure{"wrong name", fmt.Sprintf("the certificate is not for %s: it is for %s", host, namesOf(name.Certificate)),
			"Serve the certificate of this name (with several: does the server choose by SNI?), or ask for a name that it has."}
	case errors.As(err, &unknown):
		return untrusted(unknown.Cert, host)
	case errors.As(err, &plain):
		f := &Failure{"no TLS", fmt.Sprintf("%s does not speak TLS", at(u)), "Write http:// for that port, or ask the port that has the certificate."}
		if string(plain.RecordHeader[:]) == "HTTP/" {
			f.Text = fmt.Sprintf("%s speaks plain HTTP, not TLS", at(u))
		}
		return f
	case errors.As(err, &alert):
		return refusedTLS(alert, host)
	}
	return nil
}

func expired(c *x509.Certificate, host string, now time.Time) *Failure {
	if c == nil {
		return &Failure{"expired", fmt.Sprintf("the certificate of %s is out of date", host), "Renew it; the chain counts too."}
	}
	if now.Before(c.NotBefore) {
		return &Failure{"not yet valid", fmt.Sprintf("the certificate of %s is valid from %s on only", host, day(c.NotBefore)), "Is the clock of this machine right?"}
	}
	return &Failure{"expired", fmt.Sprintf("the certificate of %s expired on %s", host, day(c.NotAfter)),
		"Renew it, and have the server load it again (nginx -s reload; cometproxy finds changed files by itself)."}
}

func untrusted(c *x509.Certificate, host string) *Failure {
	if c != nil && c.Subject.String() == c.Issuer.String() {
		return &Failure{"self-signed", fmt.Sprintf("the certificate of %s is signed by itself", host),
			"Browsers will refuse it. Have one issued by an authority, or name it with -cacert FILE."}
	}
	issuer := "somebody"
	if c != nil && c.Issuer.String() != "" {
		issuer = fmt.Sprintf("%q", clean(c.Issuer.String()))
	}
	return &Failure{"unknown issuer", fmt.Sprintf("the certificate of %s is issued by %s, whom this machine does not know", host, issuer),
		"Serve the whole chain (fullchain.pem, not cert.pem). An authority of your own: -cacert FILE."}
}

// refusedTLS is what the other end said.
func refusedTLS(alert tls.AlertError, host string) *Failure {
	switch uint8(alert) {
	case 112:
		return &Failure{"unknown name", fmt.Sprintf("the server has no certificate for %s", host), "Add one, or a default server."}
	case 70:
		return &Failure{"TLS version", "the server speaks none of TLS 1.2 and 1.3", "Allow TLS 1.2 and 1.3 there."}
	case 116, 42, 48:
		return &Failure{"client certificate", "the server wants a certificate of its clients", "Ask from inside, past that check: -connect HOST:PORT."}
	}
	return &Failure{"TLS refused", fmt.Sprintf("the server refused TLS: %s", clean(alert.Error())), "Has it a certificate, and ciphers that go with its key? Its log says why."}
}

// speaksTLS is the failure of plain HTTP at a port of TLS.
func speaksTLS(u *url.URL) *Failure {
	better := *u
	better.Scheme = "https"
	return &Failure{"TLS port", fmt.Sprintf("%s speaks TLS, and was asked by plain HTTP", at(u)), "Write " + better.String() + "."}
}

// wantsTLS reports that an answer is the complaint of a server about plain HTTP at
// its port for TLS.
func wantsTLS(a *Answer) bool {
	text := string(a.Body)
	return a.Status == 400 && (strings.Contains(text, "sent to HTTPS port") || strings.Contains(text, "HTTP request to an HTTPS server") ||
		strings.Contains(text, "plain HTTP to an SSL-enabled server port"))
}

func namesOf(c *x509.Certificate) string {
	var names []string
	if c != nil {
		names = append(names, c.DNSNames...)
		for _, ip := range c.IPAddresses {
			names = append(names, ip.String())
		}
		if len(names) == 0 && c.Subject.CommonName != "" {
			return clean(c.Subject.CommonName) + ", as a common name only, which nobody looks at any more"
		}
	}
	if len(names) == 0 {
		return "nobody"
	}
	return clean(strings.Join(names, ", "))
}

// at is the host and the port of a URL.
func at(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	if u.Scheme == "https" {
		return u.Host + ":443"
	}
	return u.Host + ":80"
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout() || errors.Is(err, os.ErrDeadlineExceeded)
}

// reason is the innermost text of an error that has an operation's around it.
func reason(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		err = op.Err
	}
	return err.Error()
}
