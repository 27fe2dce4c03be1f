package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"

	"cometproxy/backend"
	"cometproxy/park"
)

// The HTTP server's clock for Date headers, a goroutine that never ends, is started
// by the first answer that has one. That must not be in a bubble.
var _ = new(fasthttp.ResponseHeader).String()

// A site is a running proxy over listeners in memory.
type site struct {
	*Proxy
	t                testing.TB
	public, internal *fasthttputil.InmemoryListener

	mu      sync.Mutex
	clients []net.Conn
	closed  bool
}

// testRoutes are the routes of a site that names none.
func testRoutes() []Route {
	return []Route{
		{Path: "/events/{room}", Channels: []string{"room:{room}"}},
		{Path: "/both/{room}", Channels: []string{"room:{room}", "everyone"}},
		{Path: "/cors/{room}", Channels: []string{"room:{room}"}, CORS: &CORS{Origins: []string{"https://a.example"}, MaxAge: 10 * time.Minute}},
		{Path: "/open/{room}", Channels: []string{"room:{room}"}, CORS: &CORS{Origins: []string{"*"}}},
		{Path: "/own/{room}", Channels: []string{"room:{room}"}, CORS: &CORS{Origins: []string{"https://a.example"}, Credentials: true}},
	}
}

// open starts a proxy; it is shut down and its books are checked when the test
// ends.
func open(t testing.TB, o Options) *site {
	t.Helper()
	o.NoDate = true
	if o.NewLot == nil {
		o.NewLot = park.NewGoroutine
	}
	if o.History.Epoch == 0 {
		o.History.Epoch = 1
	}
	if o.Routes == nil {
		o.Routes = testRoutes()
	}
	if o.Drain == 0 {
		o.Drain = -1 // at once
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{Proxy: p, t: t, public: fasthttputil.NewInmemoryListener(), internal: fasthttputil.NewInmemoryListener()}
	p.Serve([]net.Listener{timeouts{s.public}}, []net.Listener{s.internal})
	t.Cleanup(s.close)
	return s
}

// close ends the site, all of it: no goroutine of the proxy's is left.
func (s *site) close() {
	s.mu.Lock()
	clients, again := s.clients, s.closed
	s.closed = true
	s.mu.Unlock()
	if again {
		return
	}
	for _, c := range clients {
		c.Close()
	}
	s.Shutdown(nil)
	s.atRest()
}

// shutdown is for tests that end the site themselves.
func (s *site) shutdown(hurry <-chan struct{}) (cut int) {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	return s.Shutdown(hurry)
}

// atRest checks that nothing is left of a site that was shut down.
func (s *site) atRest() {
	if st := s.hub.Stats(); st.Waiting != 0 {
		s.t.Errorf("%d waiters at the end", st.Waiting)
	}
	if st := s.lot.Stats(); st.Idle+st.Active+st.Parked+st.Finishing != 0 {
		s.t.Errorf("connections at the end: %+v", st)
	}
	if n, bytes := s.held.counts(); n != 0 {
		s.t.Errorf("%d answers of %d bytes are kept for holds at the end", n, bytes)
	}
	if n := s.releaser.pending.count(); n != 0 {
		s.t.Errorf("%d releases pending at the end", n)
	}
	if n := s.active.count(); n != 0 {
		s.t.Errorf("%d requests active at the end", n)
	}
	if err := s.Check(); err != nil {
		s.t.Error(err)
	}
}

// virtual runs f with a site in virtual time.
func virtual(t *testing.T, o Options, f func(t *testing.T, s *site)) {
	t.Helper()
	virtualBehind(t, o, nil, func(t *testing.T, s *site, _ *app) { f(t, s) })
}

// virtualBehind is virtual with an app, unless handler is nil.
func virtualBehind(t *testing.T, o Options, handler func(*fasthttp.Request) string, f func(t *testing.T, s *site, a *app)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		// Last of all: the HTTP server's worker pool looks every 10 s whether
		// it is stopped.
		t.Cleanup(func() { time.Sleep(20 * time.Second) })
		var a *app
		if handler != nil {
			a = openApp(t, backend.Options{}, handler)
			b := behind(a)
			o.Backends = b.Backends
			if o.Routes == nil {
				o.Routes = b.Routes
			}
		}
		f(t, open(t, o), a)
	})
}

// timeouts makes the connections of a listener in memory say what those of the
// system say when a deadline has passed: a whole net.Error.
type timeouts struct{ net.Listener }

type timeoutConn struct{ net.Conn }

func (l timeouts) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return timeoutConn{c}, nil
}

func (c timeoutConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == fasthttputil.ErrTimeout {
		err = os.ErrDeadlineExceeded
	}
	return n, err
}

// A client is one connection to a site.
type client struct {
	net.Conn
	t  testing.TB
	br *bufio.Reader
}

func (s *site) dial() *client { return s.dialFrom(s.public, nil) }

func (s *site) dialFrom(ln *fasthttputil.InmemoryListener, from net.Addr) *client {
	s.t.Helper()
	c, err := ln.DialWithLocalAddr(from)
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	s.clients = append(s.clients, c)
	s.mu.Unlock()
	return &client{Conn: c, t: s.t, br: bufio.NewReader(c)}
}

// send sends bytes as they are.
func (c *client) send(raw string) {
	c.t.Helper()
	if _, err := io.WriteString(c, raw); err != nil {
		c.t.Fatal(err)
	}
}

// get sends a GET and does not wait for the answer.
func (c *client) get(target string, lines ...string) {
	c.t.Helper()
	c.send("GET " + target + " HTTP/1.1\r\nHost: x\r\n" + joined(lines) + "\r\n")
}

func joined(lines []string) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l + "\r\n")
	}
	return b.String()
}

// poll is get and the answer.
func (c *client) poll(target string, lines ...string) reply {
	c.t.Helper()
	c.get(target, lines...)
	return c.answer()
}

func (c *client) answer() reply {
	c.t.Helper()
	r, err := readReply(c.br, false)
	if err != nil {
		c.t.Fatalf("no answer: %v", err)
	}
	return r
}

// closedByServer waits for the end of the connection.
func (c *client) closedByServer() {
	c.t.Helper()
	if b, err := io.ReadAll(c.br); err != nil || len(b) > 0 {
		c.t.Errorf("read %q, %v; want the end", b, err)
	}
}

// request is one request on the internal listener, over a connection of its own.
func (s *site) request(method, target, body string, lines ...string) reply {
	s.t.Helper()
	c := s.dialFrom(s.internal, nil)
	defer c.Close()
	head := method + " " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + joined(lines)
	if body != "" || method == "POST" {
		head += "Content-Length: " + strconv.Itoa(len(body)) + "\r\n"
	}
	c.send(head + "\r\n" + body)
	r, err := readReply(c.br, method == "HEAD")
	if err != nil {
		s.t.Fatalf("%s %s: no answer: %v", method, target, err)
	}
	return r
}

// publish publishes a JSON body and returns how many holds that released.
func (s *site) publish(channel, body string) (released int) {
	s.t.Helper()
	r := s.request("POST", "/channels/"+channel, body, "Content-Type: application/json")
	if r.status != 200 {
		s.t.Fatalf("publish: %s", r.raw)
	}
	_, after, _ := strings.Cut(r.body, `"released":`)
	released, err := strconv.Atoi(strings.TrimRight(after, "}\n"))
	if err != nil {
		s.t.Fatalf("publish: %s", r.raw)
	}
	return released
}

// quiet waits, in a bubble, until nothing moves, and checks the books.
func (s *site) quiet() {
	s.t.Helper()
	synctest.Wait()
	if err := s.Check(); err != nil {
		s.t.Error(err)
	}
}

// wantHolds waits, outside of a bubble, for so many holds and connections.
func (s *site) wantHolds(holds int) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("%d holds", holds), func() bool {
		return s.hub.Stats().Waiting == int64(holds) && s.lot.Stats().Parked == int64(holds)
	})
}

func (s *site) eventually(what string, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("never: %s; %+v %+v", what, s.hub.Stats(), s.lot.Stats())
		}
	}
}

// A reply is an answer as it came.
type reply struct {
	status int
	head   []string // lines after the first
	body   string
	raw    string
}

// field is the value of a header field, lines of one name joined.
func (r reply) field(name string) string {
	var values []string
	for _, l := range r.head {
		if k, v, _ := strings.Cut(l, ": "); strings.EqualFold(k, name) {
			values = append(values, v)
		}
	}
	return strings.Join(values, ", ")
}

func (r reply) cursor(t testing.TB) string {
	t.Helper()
	if r.status != 200 && r.status != 204 || r.field("Comet-Cursor") == "" {
		t.Fatalf("no cursor in %s", r.raw)
	}
	return r.field("Comet-Cursor")
}

// readReply reads one answer strictly: framing is what the tests are about.
func readReply(br *bufio.Reader, toHead bool) (r reply, err error) {
	first, err := br.ReadString('\n')
	if err != nil {
		if err == io.EOF && first != "" {
			err = io.ErrUnexpectedEOF
		}
		return r, err
	}
	r.raw = first
	if _, err := fmt.Sscanf(first, "HTTP/1.1 %d", &r.status); err != nil || !strings.HasSuffix(first, "\r\n") {
		return r, fmt.Errorf("status line %q", first)
	}
	for {
		line, err := br.ReadString('\n')
		r.raw += line
		if err != nil {
			return r, tooEarly(err)
		}
		text, ok := strings.CutSuffix(line, "\r\n")
		if !ok {
			return r, fmt.Errorf("header line %q", line)
		}
		if text == "" {
			break
		}
		if !strings.Contains(text, ": ") {
			return r, fmt.Errorf("header line %q", line)
		}
		r.head = append(r.head, text)
	}
	err = r.readBody(br, toHead)
	r.raw += r.body
	return r, err
}

func tooEarly(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (r *reply) readBody(br *bufio.Reader, toHead bool) error {
	length := r.field("Content-Length")
	switch {
	case r.status == 204 && length+r.field("Transfer-Encoding") != "":
		return fmt.Errorf("a 204 with a length: %q", r.head)
	case toHead, r.status < 200, r.status == 204, r.status == 304:
		return nil
	case r.field("Transfer-Encoding") == "chunked":
		return r.readChunks(br)
	case length == "":
		b, err := io.ReadAll(br)
		r.body = string(b)
		if err == nil && r.field("Connection") != "close" {
			err = fmt.Errorf("neither length nor close: %q", r.head)
		}
		return err
	}
	n, err := strconv.Atoi(length)
	if err != nil {
		return err
	}
	b := make([]byte, n)
	_, err = io.ReadFull(br, b)
	r.body = string(b)
	return err
}

func (r *reply) readChunks(br *bufio.Reader) error {
	for {
		line, err := br.ReadString('\n')
		if err != nil {
			return tooEarly(err)
		}
		n, err := strconv.ParseUint(strings.TrimSuffix(line, "\r\n"), 16, 31)
		if err != nil {
			return err
		}
		b := make([]byte, n+2)
		if _, err := io.ReadFull(br, b); err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
		r.body += string(b[:n])
	}
}

// An app is a web app in memory behind a backend. Its handler gets a request and
// returns the whole answer as bytes; "" closes the connection.
type app struct {
	*backend.Backend
	ln *fasthttputil.InmemoryListener

	mu    sync.Mutex
	asked []string // heads of the requests
}

func openApp(t testing.TB, o backend.Options, handler func(*fasthttp.Request) string) *app {
	t.Helper()
	a := &app{ln: fasthttputil.NewInmemoryListener()}
	o.URLs = []string{"http://app:80"}
	o.Dial = func(context.Context, string, string) (net.Conn, error) { return a.ln.Dial() }
	b, err := backend.New(o)
	if err != nil {
		t.Fatal(err)
	}
	a.Backend = b
	if handler != nil {
		go a.accept(handler)
	}
	t.Cleanup(func() { a.ln.Close() })
	return a
}

func (a *app) accept(handler func(*fasthttp.Request) string) {
	for {
		c, err := a.ln.Accept()
		if err != nil {
			return
		}
		go a.serve(c, handler)
	}
}

func (a *app) serve(c net.Conn, handler func(*fasthttp.Request) string) {
	defer c.Close()
	br := bufio.NewReader(c)
	for {
		var req fasthttp.Request
		if req.Read(br) != nil {
			return
		}
		a.mu.Lock()
		a.asked = append(a.asked, req.Header.String())
		a.mu.Unlock()
		answer := handler(&req)
		if answer == "" {
			return
		}
		if _, err := io.WriteString(c, answer); err != nil {
			return
		}
	}
}

func (a *app) requests() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.asked...)
}

// behind are options with everything under /app sent to the app.
func behind(a *app) Options {
	return Options{
		Backends: map[string]*backend.Backend{"app": a.Backend},
		Routes:   append(testRoutes(), Route{Path: "/app", Backend: "app"}),
	}
}
