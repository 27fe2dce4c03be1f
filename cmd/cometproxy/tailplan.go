package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"cometproxy/cmd/cometproxy/internal/config"
)

// A tailPlan is what the command line asks to follow.
type tailPlan struct {
	file     string
	url      string // in place of names
	names    []string
	ca       string
	insecure bool
}

// tails finds out what to poll.
func (p *tailPlan) tails() ([]*tail, error) {
	trust, err := p.trust()
	if err != nil {
		return nil, err
	}
	if p.url != "" {
		u, err := url.Parse(p.url)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("%q is no URL: write http://host/path or https://host/path", p.url)
		}
		return []*tail{{target: p.url, client: pollClient(2*time.Minute, trust, nil)}}, nil
	}
	c, problems := config.Load(p.file)
	if c == nil {
		return nil, fmt.Errorf("the configuration has problems:\n%s", strings.TrimSpace(problems.Errors().String()))
	}
	base, err := publicURL(c, p.file)
	if err != nil {
		return nil, err
	}
	finder, err := newRouteFinder(c)
	if err != nil {
		return nil, err
	}
	var tails []*tail
	for _, name := range p.names {
		found, err := finder.find(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.file, err)
		}
		trust := trust.Clone()
		trust.ServerName = found.host
		if !p.insecure && p.ca == "" {
			if err := trustOwn(trust, c); err != nil {
				return nil, err
			}
		}
		tails = append(tails, &tail{target: base + found.path, host: found.host, only: []string{name},
			https:  c.Public.RedirectToHTTPS && strings.HasPrefix(base, "http://"),
			client: pollClient(c.Hold.Timeout+time.Minute, trust, c.Public.ProxyFrom)})
	}
	return tails, nil
}

// publicURL is where clients of this machine connect: by plain HTTP unless there is
// none, or that is sent away.
func publicURL(c *config.Config, file string) (string, error) {
	plain, secure := reachable(c.Public.Listen), reachable(c.Public.TLSListen)
	switch {
	case secure != "" && (plain == "" || c.Public.RedirectToHTTPS):
		return "https://" + secure, nil
	case plain != "":
		return "http://" + plain, nil
	}
	return "", fmt.Errorf("%s has no [public] listen or tls_listen with a port of its own: say with -url which route to poll", file)
}

// trust is what the command line says of certificates.
func (p *tailPlan) trust() (*tls.Config, error) {
	t := &tls.Config{InsecureSkipVerify: p.insecure}
	if p.ca == "" {
		return t, nil
	}
	text, err := os.ReadFile(p.ca)
	if err != nil {
		return nil, fmt.Errorf("-cacert: %w", err)
	}
	t.RootCAs = x509.NewCertPool()
	if !t.RootCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("-cacert: the file %s has no certificate in PEM (-----BEGIN CERTIFICATE-----)", p.ca)
	}
	return t, nil
}

// trustOwn trusts the certificates of a configuration and no others: who shows one
// of these is this proxy, whatever name it is reached by.
func trustOwn(t *tls.Config, c *config.Config) error {
	var own [][]byte
	for _, files := range c.Certificates {
		pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
		if err != nil {
			return fmt.Errorf("certificate: %w", err)
		}
		own = append(own, pair.Certificate[0])
		if names := pair.Leaf.DNSNames; t.ServerName == "" && len(names) > 0 && !strings.HasPrefix(names[0], "*") {
			t.ServerName = names[0]
		}
	}
	t.InsecureSkipVerify = true // for the names; VerifyConnection is stricter in all else
	t.VerifyConnection = func(s tls.ConnectionState) error {
		if !slices.ContainsFunc(own, func(leaf []byte) bool { return slices.Equal(leaf, s.PeerCertificates[0].Raw) }) {
			return fmt.Errorf("%w: its certificate is none of those of the configuration; is that this proxy? -cacert FILE or -insecure say what else to trust", errUntrusted)
		}
		return nil
	}
	return nil
}

// pollClient is a client for long polls. Where this machine is one of the proxies
// that begin a connection with a header of the PROXY protocol, so does the client.
func pollClient(timeout time.Duration, trust *tls.Config, announced []netip.Prefix) *http.Client {
	transport := &http.Transport{DisableCompression: true, TLSClientConfig: trust, TLSHandshakeTimeout: 10 * time.Second}
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if err := announce(conn, announced); err != nil {
			conn.Close()
			return nil, err
		}
		return conn, nil
	}
	return &http.Client{Timeout: timeout, Transport: transport}
}

// announce writes a header (version 1) that says what is so, if one is expected.
func announce(conn net.Conn, from []netip.Prefix) error {
	local, ok := conn.LocalAddr().(*net.TCPAddr)
	remote, okToo := conn.RemoteAddr().(*net.TCPAddr)
	if !ok || !okToo {
		return nil
	}
	me, it := local.AddrPort().Addr().Unmap().WithZone(""), remote.AddrPort().Addr().Unmap().WithZone("")
	if !slices.ContainsFunc(from, func(p netip.Prefix) bool { return p.Contains(me) }) {
		return nil
	}
	family := "TCP6"
	if me.Is4() {
		family = "TCP4"
	}
	_, err := fmt.Fprintf(conn, "PROXY %s %s %s %d %d\r\n", family, me, it, local.Port, remote.Port)
	return err
}
