package backend

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
)

// Options say where the app is and how much of it may be used. In every number
// and duration zero means the default and negative means what the field says.
type Options struct {
	// Name is what errors call the app. Default: the first URL.
	Name string
	// URLs are http://host:port, https://host[:port] or unix:/path. One of
	// several that fails is left out for a while.
	URLs []string

	Balance   Balance // which of them gets an exchange
	BalanceOn string  // the header field or cookie of ByHeader and ByCookie; a field's in lower case

	Health Health // checks, from Start to Close
	// EjectFailures is how many timeouts and broken answers in a row leave a URL
	// out; default 3, negative: they do not. One failure to connect always does.
	EjectFailures int
	EjectTime     time.Duration // how long at first, doubled from time to time up to a minute; default 5s
	// OnChange is told what is left out and taken in. It must not block, and
	// may be called by several goroutines at a time.
	OnChange func(Change)

	MaxConns       int           // exchanges under way at one time; default 256, negative: no limit
	MaxQueue       int           // exchanges waiting for one of them to end; default 10000, negative: nobody waits
	QueueTimeout   time.Duration // how long they wait; default 30s, negative: as long as it takes
	MaxTunnels     int           // upgraded connections, not counted in MaxConns; default 1024, negative: none
	ConnectTimeout time.Duration // default 5s, negative: the system's

	// AnswerTimeout runs from the request's last byte to the answer's head.
	// Default 60s, negative: none.
	AnswerTimeout time.Duration
	// BodyTimeout is how long the app may leave a piece of a request untaken.
	// Reading Request.Body is not timed here. Default 60s, negative: none.
	BodyTimeout time.Duration
	// AnswerBodyTimeout is how long the app may stay silent within the body of
	// an answer. Event streams are silent for long. Default 10m, negative: none.
	AnswerBodyTimeout time.Duration
	// IdleTimeout is how long an unused connection is kept. Keep it below the
	// app's own keep-alive time. Default 30s; negative: a connection for each
	// exchange.
	IdleTimeout time.Duration

	TLS *TLS // of https URLs; default: the system's CAs, no certificate

	MaxHeaderBytes int // of the head of an answer; default 64 KiB, negative: the default

	// Dial replaces the connecting (not the TLS part of https). It is called
	// from a goroutine of its own and should obey ctx. network is tcp or unix.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// TLS says whom an https app is to be, and who this proxy is to it.
type TLS struct {
	Roots        *x509.CertPool    // CAs that may vouch for the app; default: the system's
	Certificates []tls.Certificate // of this proxy, if the app asks for one
	ServerName   string            // the name that the app's certificate must have; default: the URL's host
}

// withName is the configuration for one host.
func (t *TLS) withName(host string) *tls.Config {
	if t.ServerName != "" {
		host = t.ServerName
	}
	return &tls.Config{ServerName: host, RootCAs: t.Roots, Certificates: t.Certificates, MinVersion: tls.VersionTLS12}
}

const (
	defaultMaxConns          = 256
	defaultMaxQueue          = 10000
	defaultMaxTunnels        = 1024
	defaultQueueTimeout      = 30 * time.Second
	defaultConnectTimeout    = 5 * time.Second
	defaultAnswerTimeout     = 60 * time.Second
	defaultBodyTimeout       = 60 * time.Second
	defaultAnswerBodyTimeout = 10 * time.Minute
	defaultIdleTimeout       = 30 * time.Second
	defaultMaxHeaderBytes    = 64 << 10
)

// withDefaults returns a copy in which no field but a negative one is special.
func (o Options) withDefaults() Options {
	number := func(p *int, def int) {
		if *p == 0 {
			*p = def
		}
	}
	duration := func(p *time.Duration, def time.Duration) {
		if *p == 0 {
			*p = def
		}
	}
	number(&o.EjectFailures, defaultEjectFailures)
	duration(&o.EjectTime, defaultEjectTime)
	number(&o.Health.Healthy, defaultHealthy)
	number(&o.Health.Unhealthy, defaultUnhealthy)
	duration(&o.Health.Interval, defaultHealthInterval)
	duration(&o.Health.Timeout, defaultHealthTimeout)
	number(&o.MaxConns, defaultMaxConns)
	number(&o.MaxQueue, defaultMaxQueue)
	number(&o.MaxTunnels, defaultMaxTunnels)
	duration(&o.QueueTimeout, defaultQueueTimeout)
	duration(&o.ConnectTimeout, defaultConnectTimeout)
	duration(&o.AnswerTimeout, defaultAnswerTimeout)
	duration(&o.BodyTimeout, defaultBodyTimeout)
	duration(&o.AnswerBodyTimeout, defaultAnswerBodyTimeout)
	duration(&o.IdleTimeout, defaultIdleTimeout)
	if o.MaxHeaderBytes <= 0 {
		o.MaxHeaderBytes = defaultMaxHeaderBytes
	}
	if o.Name == "" && len(o.URLs) > 0 {
		o.Name = o.URLs[0]
	}
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	return o
}

// parseURL turns one of Options.URLs into a target without connections.
func parseURL(raw string) (*target, error) {
	if path, ok := strings.CutPrefix(raw, "unix:"); ok {
		path = strings.TrimPrefix(path, "//")
		if !strings.HasPrefix(path, "/") {
			return nil, fmt.Errorf("backend URL %q: a unix socket needs an absolute path, as in unix:/run/app.sock", raw)
		}
		return &target{network: "unix", address: path, host: "localhost"}, nil
	}
	if !strings.Contains(raw, "://") {
		return nil, fmt.Errorf("backend URL %q: must begin with http://, https:// or unix:/", raw)
	}
	u, err := url.Parse(raw)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return nil, fmt.Errorf("backend URL %q: %w", raw, err)
	}
	t := &target{network: "tcp", host: u.Host}
	port := u.Port()
	switch u.Scheme {
	case "http":
		if port == "" {
			port = "80"
		}
	case "https":
		t.tls = new(TLS).withName(u.Hostname())
		if port == "" {
			port = "443"
		}
	default:
		return nil, fmt.Errorf("backend URL %q: must begin with http://, https:// or unix:/", raw)
	}
	switch {
	case u.Hostname() == "":
		return nil, fmt.Errorf("backend URL %q: no host", raw)
	case u.User != nil:
		return nil, fmt.Errorf("backend URL %q: user and password are not supported", raw)
	case u.Path != "" && u.Path != "/", u.RawQuery != "", u.Fragment != "":
		return nil, fmt.Errorf("backend URL %q: only scheme, host and port; the path is the client's", raw)
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return nil, fmt.Errorf("backend URL %q: bad port %q", raw, port)
	}
	t.address = net.JoinHostPort(u.Hostname(), port)
	return t, nil
}
