package test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"cometproxy/test/internal/harness"
)

const eventsRoute = "[[route]]\npath = \"/events/{room}\"\nchannels = [\"room:{room}\"]\n"

// echoClient answers with what the app is told of the client.
func echoClient(x *harness.Exchange) {
	x.Answer(200, x.Header.Get("X-Forwarded-Proto")+" "+x.Header.Get("X-Forwarded-For"))
}

// insecure asks for a name and checks nothing.
var insecure = &tls.Config{ServerName: "a.example", InsecureSkipVerify: true}

// secure connects by TLS and asks for a name.
func secure(t *testing.T, address string, config *tls.Config) *harness.Client {
	t.Helper()
	c, err := tls.Dial("tcp", address, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &harness.Client{Conn: c, R: bufio.NewReader(c)}
}

// TestTLS: certificates by name, what TLS is spoken, holds over it, and files that
// change.
func TestTLS(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	certificates := ""
	for _, name := range []string{"a.example", "b.example"} {
		a.issue(name)
		certificates += fmt.Sprintf("[[certificate]]\ncert = %q\nkey = %q\n", a.file(name+".pem"), a.file(name+".key"))
	}
	s, _ := startApp(t, "[public]\nlisten = [\"127.0.0.1:0\"]\ntls_listen = [\"127.0.0.1:0\"]\n"+eventsRoute+certificates, echoClient)
	address := s.Public[1]
	config := func(name string) *tls.Config {
		return &tls.Config{RootCAs: pool, ServerName: name, NextProtos: []string{"h2", "http/1.1"}}
	}
	for _, name := range []string{"a.example", "b.example"} {
		c := secure(t, address, config(name))
		for range 2 {
			if got := c.Get(t, "/"); string(got.Body) != "https 127.0.0.1" {
				t.Errorf("%s: %s", name, got.Body)
			}
		}
		if st := c.Conn.(*tls.Conn).ConnectionState(); st.NegotiatedProtocol != "http/1.1" || st.Version != tls.VersionTLS13 {
			t.Errorf("%+v", st)
		}
	}
	other := config("c.example")
	other.InsecureSkipVerify = true
	serial := func() *x509.Certificate {
		return secure(t, address, other).Conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
	}
	if got := serial().DNSNames[0]; got != "a.example" {
		t.Errorf("c.example gets the certificate of %s", got)
	}
	old := config("a.example")
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if c, err := tls.Dial("tcp", address, old); err == nil {
		c.Close()
		t.Error("TLS 1.1 is spoken")
	}

	held := secure(t, address, config("a.example"))
	held.SendGet("/events/1?wait=30")
	s.AwaitParked(1, harness.Patience)
	s.Publish("room:1", "news")
	held.Want(t, 200).WantNews(t)

	before := serial().SerialNumber
	a.issue("a.example")
	for end := time.Now().Add(20 * time.Second); serial().SerialNumber.Cmp(before) == 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a changed certificate was not read")
		}
	}
	renewed := serial().SerialNumber
	os.WriteFile(a.file("a.example.pem"), []byte("half a fi"), 0o600)
	s.MayLog = "a certificate has changed and cannot be used"
	for end := time.Now().Add(20 * time.Second); !strings.Contains(s.Log(), s.MayLog); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a broken certificate is not told of")
		}
	}
	if serial().SerialNumber.Cmp(renewed) != 0 {
		t.Error("a broken file took the certificate away")
	}
}

// TestTLSCurl: a client of everyday, that wants HTTP/2, and plain HTTP where TLS is
// spoken.
func TestTLSCurl(t *testing.T) {
	t.Parallel()
	curl := need(t, "curl")
	a := newAuthority(t)
	a.issue("a.example")
	s, _ := startApp(t, fmt.Sprintf("[public]\nlisten = [\"127.0.0.1:0\"]\ntls_listen = [\"127.0.0.1:0\"]\n[[certificate]]\ncert = %q\nkey = %q\n",
		a.file("a.example.pem"), a.file("a.example.key")), echoClient)
	_, port, _ := net.SplitHostPort(s.Public[1])
	out, err := exec.Command(curl, "-sS", "--http2", "--cacert", a.file("ca.pem"), "--resolve", "a.example:"+port+":127.0.0.1",
		"-w", " %{http_version} %{ssl_verify_result}", "https://a.example:"+port+"/").CombinedOutput()
	if err != nil || string(out) != "https 127.0.0.1 1.1 0" {
		t.Errorf("%s %v", out, err)
	}
	c := s.ClientTo(t, s.Public[1])
	c.Send(req("GET", "/"))
	if got := c.Want(t, 400); !strings.Contains(string(got.Body), "This port speaks TLS: write https://") {
		t.Errorf("%s", got.Body)
	}
	if _, err := c.Read(); err == nil {
		t.Error("plain HTTP goes on")
	}
	if out, err := exec.Command(curl, "-sS", "-d", strings.Repeat("x", 100<<10), "http://"+s.Public[1]+"/").CombinedOutput(); !strings.Contains(string(out), "This port speaks TLS") {
		t.Errorf("%s %v", out, err)
	}
}

// TestRedirectToHTTPS: plain requests are sent away, others are not.
func TestRedirectToHTTPS(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	a.issue("a.example")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	ln.Close()
	s, b := startApp(t, fmt.Sprintf("[public]\nlisten = [\"127.0.0.1:0\"]\ntls_listen = [%q]\nredirect_to_https = true\n%s[[certificate]]\ncert = %q\nkey = %q\n",
		address, eventsRoute, a.file("a.example.pem"), a.file("a.example.key")), echoClient)
	c := s.Client(t)
	for host, want := range map[string]string{"www.example.com": "www.example.com", "www.example.com:8080": "www.example.com:" + port, "[::1]:80": "[::1]:" + port, "[::1]": "[::1]"} {
		c.Send("GET /events/1?b=c HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
		if got := c.Want(t, 308); got.Header.Get("Location") != "https://"+want+"/events/1?b=c" {
			t.Errorf("%v", got.Header)
		}
	}
	if n := len(b.Requests()); n > 0 {
		t.Errorf("the app got %d requests", n)
	}
	if got := c.Get(t, "/", "X-Forwarded-Proto: https"); string(got.Body) != "https 127.0.0.1" {
		t.Errorf("behind a proxy: %d %s", got.Status, got.Body)
	}
	if got := secure(t, s.Public[1], insecure).Get(t, "/"); string(got.Body) != "https 127.0.0.1" {
		t.Errorf("%d %s", got.Status, got.Body)
	}
}

// TestPROXY: what connections say of their clients before anything else.
func TestPROXY(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	pair := a.issue("a.example")
	s, _ := startApp(t, fmt.Sprintf("[public]\nlisten = [\"127.0.0.1:0\"]\ntls_listen = [\"127.0.0.1:0\"]\nproxy_protocol_from = [\"127.0.0.1\"]\n%s[[certificate]]\ncert = %q\nkey = %q\n",
		eventsRoute, a.file("a.example.pem"), a.file("a.example.key")), echoClient)
	client := &net.TCPAddr{IP: net.IPv4(203, 0, 113, 9), Port: 1234}
	client6 := &net.TCPAddr{IP: net.ParseIP("2001:db8::9"), Port: 1234}
	header := func(version byte, from *net.TCPAddr) string {
		h := proxyproto.HeaderProxyFromAddrs(version, from, &net.TCPAddr{IP: from.IP, Port: 80})
		b, err := h.Format()
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	local, _ := (&proxyproto.Header{Version: 2, Command: proxyproto.LOCAL, TransportProtocol: proxyproto.UNSPEC}).Format()
	for _, c := range []struct{ name, header, want string }{
		{"version 1", header(1, client), "203.0.113.9"},
		{"version 2", header(2, client), "203.0.113.9"},
		{"version 1, IPv6", header(1, client6), "2001:db8::9"},
		{"version 2, IPv6", header(2, client6), "2001:db8::9"},
		{"unknown", "PROXY UNKNOWN\r\n", "127.0.0.1"},
		{"a check of the balancer's own", string(local), "127.0.0.1"},
		{"none", "", ""},
		{"half", "PROXY TCP4 203.0.113.9", ""},
		{"garbage", "PROXY garbage\r\n", ""},
	} {
		together := s.Client(t)
		together.Send(c.header + req("GET", "/") + req("GET", "/2"))
		slowly := s.Client(t)
		if strings.HasPrefix(c.header, "PROXY") { // must come at once, as the protocol lets receivers ask
			slowly.Send(c.header)
			time.Sleep(20 * time.Millisecond)
		} else {
			for i := range c.header {
				slowly.Send(c.header[i : i+1])
				time.Sleep(time.Millisecond)
			}
		}
		slowly.Send(req("GET", "/") + req("GET", "/2"))
		for _, conn := range []*harness.Client{together, slowly} {
			for range 2 {
				got, err := conn.Read()
				if c.want == "" {
					if err == nil {
						t.Errorf("%s: answered with %d", c.name, got.Status)
					}
					break
				}
				if err != nil || string(got.Body) != "http "+c.want {
					t.Errorf("%s: %v %v", c.name, got, err)
				}
			}
		}
	}
	// From elsewhere no header is believed, and none is needed.
	elsewhere := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	for text, want := range map[string]int{"": 200, header(1, client): 400} {
		conn, err := elsewhere.DialContext(context.Background(), "tcp", s.Public[0])
		if err != nil {
			t.Skip(err)
		}
		defer conn.Close()
		c := &harness.Client{Conn: conn, R: bufio.NewReader(conn)}
		c.Send(text + req("GET", "/"))
		if got := c.Want(t, want); want == 200 && string(got.Body) != "http 127.0.0.2" {
			t.Errorf("%s", got.Body)
		}
	}
	// TLS behind the header, and a hold.
	raw, err := harness.Dial(s.Public[1])
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	fmt.Fprint(raw, header(2, client))
	tc := tls.Client(raw, insecure)
	c := &harness.Client{Conn: tc, R: bufio.NewReader(tc)}
	if got := c.Get(t, "/"); string(got.Body) != "https 203.0.113.9" {
		t.Errorf("%s", got.Body)
	}
	if got := tc.ConnectionState().PeerCertificates[0].SerialNumber; got.Cmp(pair.Leaf.SerialNumber) != 0 {
		t.Error("another certificate")
	}
	plain := s.Client(t)
	plain.Send(header(2, client) + req("GET", "/events/1?wait=30"))
	c.SendGet("/events/1?wait=30")
	s.AwaitParked(2, harness.Patience)
	s.Publish("room:1", "news")
	plain.Want(t, 200).WantNews(t)
	c.Want(t, 200).WantNews(t)
	if got := plain.Get(t, "/"); string(got.Body) != "http 203.0.113.9" {
		t.Errorf("after a hold: %s", got.Body)
	}
}

// TestPROXYHAProxy: the load balancer that the protocol comes from.
func TestPROXYHAProxy(t *testing.T) {
	t.Parallel()
	haproxy := need(t, "haproxy")
	s, _ := startApp(t, "[public]\nlisten = [\"127.0.0.1:0\"]\nproxy_protocol_from = [\"127.0.0.1\"]\n"+eventsRoute, echoClient)
	dir := t.TempDir()
	config := "defaults\n mode tcp\n timeout connect 5s\n timeout client 1m\n timeout server 1m\n"
	for i, how := range []string{"send-proxy", "send-proxy-v2"} {
		config += fmt.Sprintf("listen l%d\n bind unix@%s/l%d\n", i, dir, i)
		config += fmt.Sprintf(" server s %s source 127.0.0.1 %s check inter 200ms\n", s.Public[0], how)
	}
	file := filepath.Join(dir, "haproxy.cfg")
	os.WriteFile(file, []byte(config), 0o600)
	cmd := exec.Command(haproxy, "-db", "-f", file)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for i := range 2 {
		path := fmt.Sprintf("%s/l%d", dir, i)
		client := http.Client{Timeout: harness.Patience, Transport: &http.Transport{DisableKeepAlives: true,
			DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", path) }}}
		var body string
		for end := time.Now().Add(harness.Patience); body == "" && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			if got, err := client.Get("http://a.example/"); err == nil {
				line, _ := bufio.NewReader(got.Body).ReadString('\n')
				got.Body.Close()
				body = line
			}
		}
		if body != "http 127.0.0.1" { // its client has come over a socket
			t.Errorf("%d: %q", i, body)
		}
	}
}

// wantLog waits for a text in the log, which comes by another way than answers.
func wantLog(t *testing.T, s *harness.Server, text string) {
	t.Helper()
	for end := time.Now().Add(harness.Patience); !strings.Contains(s.Log(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("no %s in %s", text, s.Log())
			return
		}
	}
}

// TestPerAddress: what one address may have, and that another has its own.
func TestPerAddress(t *testing.T) {
	t.Parallel()
	s, _ := startApp(t, "[forward]\ntrusted_proxies = [\"127.0.0.3\"]\n[limits]\nconnections_per_address = 4\nparked_per_address = 2\n"+eventsRoute, echoClient)
	from := func(last byte) *harness.Client {
		t.Helper()
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, last)}}
		conn, err := d.Dial("tcp", s.Public[0])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return &harness.Client{Conn: conn, R: bufio.NewReader(conn)}
	}
	refused := func(c *harness.Client, what string) {
		t.Helper()
		if got := c.Want(t, 429); got.Header.Get("Retry-After") == "" || !strings.Contains(string(got.Body), "this address") {
			t.Errorf("%s: %v %s", what, got.Header, got.Body)
		}
	}
	var own []*harness.Client
	for range 4 {
		c := from(1)
		c.Get(t, "/")
		own = append(own, c)
	}
	refused(from(1), "a fifth connection")
	wantLog(t, s, `(limits.connections_per_address)","client":"127.0.0.1"`)
	from(2).Get(t, "/")
	for range 2 {
		own[0].SendGet("/events/1?wait=30")
		own = append(own[1:], own[0])
	}
	s.AwaitParked(2, harness.Patience)
	own[0].SendGet("/events/1?wait=30")
	refused(own[0], "a third poll")
	s.Publish("room:1", "news")
	own[2].Want(t, 200)
	own[3].Want(t, 200)
	own[0].SendGet("/events/2?wait=30")
	own[1].SendGet("/events/2?wait=30")
	s.AwaitParked(2, harness.Patience)
	own[0].Close()
	own[1].Close()
	s.AwaitParked(0, harness.Patience)
	for end := time.Now().Add(harness.Patience); ; time.Sleep(20 * time.Millisecond) {
		c := from(1)
		c.SendGet("/")
		if got, err := c.Read(); err == nil && got.Status == 200 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the places of closed connections are not free")
		}
	}
	// A proxy that is trusted has as many connections as it likes, and its word
	// is whose the polls are.
	for i := range 6 {
		c := from(3)
		c.Send(req("GET", "/events/3?wait=30", "X-Forwarded-For: 127.0.0.1, 198.51.100."+fmt.Sprint(i/2)))
	}
	s.AwaitParked(6, harness.Patience)
	c := from(3)
	c.Send(req("GET", "/events/3?wait=30", "X-Forwarded-For: 203.0.113.1, 198.51.100.1"))
	refused(c, "a third poll through a proxy")
	s.Publish("room:3", "news")
}

// need skips a test that lacks a Debian package's program, or fails it where all
// must be there.
func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	if os.Getenv("COMETPROXY_NO_SKIP") == "1" {
		t.Fatalf("%s is missing: apt-get install %[1]s", program)
	}
	t.Skipf("%s is missing: apt-get install %[1]s", program)
	return ""
}
