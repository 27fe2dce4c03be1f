package doctor

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"time"
)

// Options say what to examine, and how to get there.
type Options struct {
	URL      string
	Longest  time.Duration  // of the holds that are tried
	Probe    string         // path at which a probe is looked for; empty: DefaultProbe
	Connect  string         // host:port to connect to, whatever URL says; empty: what it says
	Header   http.Header    // lines to send besides
	Roots    *x509.CertPool // nil: the system's
	Insecure bool           // certificates are not checked
}

const (
	dialTime = 10 * time.Second
	maxBody  = 64 << 10 // bytes of an answer that are looked at
)

// A caller sends requests over connections of its own.
type caller struct {
	o         *Options
	transport *http.Transport
}

func newCaller(o *Options) *caller {
	dialer := &net.Dialer{Timeout: dialTime}
	t := &http.Transport{
		DisableCompression:  true, // or what is compressed would not show
		ForceAttemptHTTP2:   true, // as browsers do
		TLSHandshakeTimeout: dialTime,
		MaxIdleConnsPerHost: 1,
		TLSClientConfig:     &tls.Config{RootCAs: o.Roots, InsecureSkipVerify: o.Insecure},
	}
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if o.Connect != "" {
			address = o.Connect
		}
		return dialer.DialContext(ctx, network, address)
	}
	return &caller{o, t}
}

func (c *caller) close() { c.transport.CloseIdleConnections() }

// once is one request over a connection of its own.
func once(ctx context.Context, o *Options, url string, lines map[string]string, patience time.Duration) (Answer, Connection) {
	c := newCaller(o)
	defer c.close()
	return c.ask(ctx, url, lines, patience)
}

// ask sends a GET, and waits for the whole answer as long as patience lasts.
func (c *caller) ask(ctx context.Context, url string, lines map[string]string, patience time.Duration) (Answer, Connection) {
	return c.read(ctx, url, lines, patience, func(a *Answer, body io.Reader) {
		a.Body, a.Err = io.ReadAll(io.LimitReader(body, maxBody))
		if a.Coded == "gzip" {
			a.Body = unzip(a.Body)
		}
	})
}

// unzip is what can be read of a compressed body.
func unzip(b []byte) []byte {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil
	}
	b, _ = io.ReadAll(io.LimitReader(z, maxBody))
	return b
}

// askPieces notes when each line of an answer comes.
func (c *caller) askPieces(ctx context.Context, url string, patience time.Duration) *Pieces {
	p := new(Pieces)
	p.Answer, _ = c.read(ctx, url, nil, patience, func(a *Answer, body io.Reader) {
		begin := time.Now()
		lines := bufio.NewScanner(io.LimitReader(body, maxBody))
		for lines.Scan() {
			var piece struct {
				Piece int
				After float64
			}
			if json.Unmarshal(lines.Bytes(), &piece) == nil && piece.Piece > 0 {
				p.Sent = append(p.Sent, time.Duration(piece.After*float64(time.Second)))
				p.Arrived = append(p.Arrived, time.Since(begin))
			}
		}
		a.Err = lines.Err()
	})
	return p
}

// read sends a GET and has body read the answer's.
func (c *caller) read(ctx context.Context, url string, lines map[string]string, patience time.Duration, body func(*Answer, io.Reader)) (a Answer, via Connection) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	begin := time.Now()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		a.Reused = i.Reused
		via.Address, via.Connected = i.Conn.RemoteAddr().String(), time.Since(begin)
	}})
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return Answer{Err: err}, via
	}
	request.Header = c.o.Header.Clone()
	if request.Header == nil {
		request.Header = make(http.Header)
	}
	request.Header.Set("User-Agent", "cometproxy-doctor")
	request.Header.Set("Accept-Encoding", "identity")
	for name, value := range lines {
		request.Header.Set(name, value)
	}
	if host := request.Header.Get("Host"); host != "" {
		request.Host = host
	}
	response, err := c.transport.RoundTrip(request) // without a client: redirects are looked at by who asks
	if err != nil {
		a.Err, a.Took = err, time.Since(begin)
		return a, via
	}
	defer response.Body.Close()
	a.Status, a.Proto, a.Header, a.Coded = response.StatusCode, response.Proto, response.Header, response.Header.Get("Content-Encoding")
	body(&a, response.Body)
	a.Took = time.Since(begin)
	via.Protocol = response.Proto
	if t := response.TLS; t != nil {
		via.TLS = tls.VersionName(t.Version)
		if len(t.PeerCertificates) > 0 {
			via.Certificate = t.PeerCertificates[0].NotAfter
		}
	}
	return a, via
}

// speaksTLSAt tries a handshake: one that fails by the other end's word is TLS too.
func speaksTLSAt(ctx context.Context, o *Options, address string) bool {
	if o.Connect != "" {
		address = o.Connect
	}
	host, _, _ := net.SplitHostPort(address)
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: 3 * time.Second}, Config: &tls.Config{ServerName: host, InsecureSkipVerify: true}}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	c, err := d.DialContext(ctx, "tcp", address)
	if err == nil {
		c.Close()
		return true
	}
	return refusedByWord(err)
}
