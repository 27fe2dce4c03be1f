package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"cometproxy/cmd/cometproxy/internal/config"
)

// publishTimeout bounds one publish from dialling to the last byte.
const publishTimeout = 30 * time.Second

// maxReply bounds what is taken of an answer. A page of 1,000 channels, all of whose
// names are as long as can be and escaped, has less than 2 MiB.
const maxReply = 16 << 20

// inside is the internal listener of a running cometproxy.
type inside struct {
	address string // host:port, http://host:port or unix:/path
	token   string
	source  string // where the address is from, for messages
}

// reachable picks the listen address to publish to, and turns "every address"
// into this machine's own. It is empty if all have port 0.
func reachable(listen []string) string {
	for _, address := range listen {
		network, addr := config.SplitListen(address)
		if network == "unix" {
			return address
		}
		host, port, err := net.SplitHostPort(addr)
		if err != nil || port == "0" {
			continue
		}
		ip, err := netip.ParseAddr(host)
		switch {
		case host == "", err == nil && ip.IsUnspecified() && ip.Is4():
			host = "127.0.0.1"
		case err == nil && ip.IsUnspecified():
			host = "::1"
		}
		return net.JoinHostPort(host, port)
	}
	return ""
}

// internalClient makes a client for the internal listener, and the URL to
// begin requests with. No proxy of the environment is used.
func internalClient(address string) (*http.Client, string, error) {
	transport := &http.Transport{DisableKeepAlives: true}
	client := &http.Client{Transport: transport, Timeout: publishTimeout, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	if network, socket := config.SplitListen(address); network == "unix" {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}
		return client, "http://localhost", nil
	}
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, "", fmt.Errorf("%q is no address: write http://host:port or unix:/path", address)
	}
	return client, strings.TrimRight(address, "/"), nil
}

// send publishes, prints the answer and returns the exit code.
func (p *publication) send(stdout, stderr io.Writer) int {
	reply, err := p.post()
	if err != nil {
		fmt.Fprintf(stderr, "cometproxy publish: %v\n", err)
		return exitFailed
	}
	stdout.Write(append(bytes.TrimRight(reply, "\n"), '\n'))
	return exitOK
}

// post publishes.
func (p *publication) post() ([]byte, error) {
	header := http.Header{"Content-Type": {p.contentType}, "User-Agent": {"cometproxy-publish"}}
	if p.key != "" {
		header.Set("Idempotency-Key", p.key)
	}
	reply, err := p.inside.post("/channels/"+url.PathEscape(p.channel), header, p.body)
	if errors.Is(err, errLost) {
		err = fmt.Errorf("%w; the message may have been published (-key makes it safe to repeat)", err)
	}
	return reply, err
}

// errLost: the answer did not come, and what was asked for may have happened.
var errLost = errors.New("no answer")

// post returns the body of the answer if it is a 200.
func (p *inside) post(path string, header http.Header, body []byte) ([]byte, error) {
	return p.ask(http.MethodPost, path, header, body)
}

// get returns the body of the answer if it is a 200.
func (p *inside) get(path string) ([]byte, error) {
	return p.ask(http.MethodGet, path, nil, nil)
}

func (p *inside) ask(method, path string, header http.Header, body []byte) ([]byte, error) {
	client, base, err := internalClient(p.address)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequest(method, base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if header != nil {
		request.Header = header
	}
	if p.token != "" {
		request.Header.Set("Authorization", "Bearer "+p.token)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, p.explain(err)
	}
	defer response.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(response.Body, maxReply+1))
	if err != nil {
		return nil, fmt.Errorf("%w: that of %s broke off: %w", errLost, p.address, err)
	}
	if len(reply) > maxReply {
		return nil, fmt.Errorf("the answer of %s is larger than %d MiB: is that cometproxy's internal listener?", p.address, maxReply>>20)
	}
	if response.StatusCode != http.StatusOK {
		return nil, p.refused(response, reply)
	}
	return reply, nil
}

// explain puts an error of the connection in plain words.
func (p *inside) explain(err error) error {
	var urlError *url.Error
	if errors.As(err, &urlError) {
		err = urlError.Err
	}
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("nothing listens on %s: is cometproxy running? (%s)", p.address, p.source)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%s: permission denied; the socket is open to its owner and group only", p.address)
	case os.IsTimeout(err):
		return fmt.Errorf("%w: %s was silent for %s", errLost, p.address, publishTimeout)
	case errors.As(err, &dns):
		return fmt.Errorf("%s: there is no host %q (%s)", p.address, dns.Name, p.source)
	}
	return fmt.Errorf("%s: %w", p.address, err)
}

// refused puts an answer other than 200 in plain words.
func (p *inside) refused(response *http.Response, reply []byte) error {
	var problem struct{ Title, Detail string }
	detail := strings.TrimSpace(string(reply))
	if json.Unmarshal(reply, &problem) == nil && problem.Title+problem.Detail != "" {
		if detail = problem.Detail; detail == "" {
			detail = problem.Title
		}
	}
	if len(detail) > 4000 {
		detail = detail[:4000] + "..."
	}
	text := fmt.Sprintf("%s answered %s", p.address, response.Status)
	if detail != "" {
		text += ": " + detail
	}
	switch response.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		if p.token == "" {
			text += " (no token was sent: -config names a file with [internal] token or token_file)"
		} else {
			text += " (is the [internal] token of this configuration the one that the running cometproxy has?)"
		}
	case http.StatusNotFound:
		text += " (is that the internal listener, not the public one?)"
	}
	if after := response.Header.Get("Retry-After"); after != "" {
		text += fmt.Sprintf(" (try again in %s s)", after)
	}
	return errors.New(text)
}
