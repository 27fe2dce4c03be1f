package harness

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A Backend is a web app that writes down what it gets, byte for byte, and
// answers what the test says, byte for byte.
type Backend struct {
	Address string
	Forgets bool // Requests are not kept; set before the first one

	handler  func(*Exchange)
	ln       net.Listener
	mu       sync.Mutex
	requests []*Exchange           // guarded by mu
	conns    map[net.Conn]struct{} // guarded by mu: open ones
	accepted int                   // guarded by mu
}

// An Exchange is one request that a Backend got, and the connection it came on.
type Exchange struct {
	Head   string // all of it, with the empty line
	Method string
	Target string
	Lines  []string // of the header, as they came
	Header textproto.MIMEHeader

	Conn net.Conn
	R    *bufio.Reader
	Nth  int  // of this connection's requests, from 0
	Last bool // set by the handler: close the connection

	read bool // the body, which is
	body []byte
	err  error
}

// NewBackend listens on a port of its own. The handler runs for each request;
// what it leaves unread of the body is the next request's beginning.
func NewBackend(t testing.TB, handler func(*Exchange)) *Backend {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &Backend{Address: ln.Addr().String(), handler: handler, ln: ln, conns: make(map[net.Conn]struct{})}
	go b.accept()
	t.Cleanup(b.Close)
	return b
}

// Config is the backend's table in a configuration; more are further keys.
func (b *Backend) Config(more string) string {
	return fmt.Sprintf("[[backend]]\nname = \"app\"\nurls = [\"http://%s\"]\n%s\n", b.Address, more)
}

// Close closes the listener and all connections.
func (b *Backend) Close() {
	b.ln.Close()
	b.CloseConns()
}

// CloseConns closes all connections.
func (b *Backend) CloseConns() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.conns {
		c.Close()
	}
}

// Requests are those that came so far.
func (b *Backend) Requests() []*Exchange {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]*Exchange(nil), b.requests...)
}

// Accepted is how many connections came so far.
func (b *Backend) Accepted() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.accepted
}

func (b *Backend) accept() {
	for {
		c, err := b.ln.Accept()
		if err != nil {
			return
		}
		b.mu.Lock()
		b.conns[c] = struct{}{}
		b.accepted++
		b.mu.Unlock()
		go b.serve(c)
	}
}

func (b *Backend) serve(c net.Conn) {
	defer func() {
		c.Close()
		b.mu.Lock()
		delete(b.conns, c)
		b.mu.Unlock()
	}()
	r := bufio.NewReader(c)
	for nth := 0; ; nth++ {
		x, err := readExchange(r)
		if err != nil {
			return
		}
		x.Conn, x.Nth = c, nth
		b.mu.Lock()
		if !b.Forgets {
			b.requests = append(b.requests, x)
		}
		b.mu.Unlock()
		if b.handler(x); x.Last {
			return
		}
	}
}

func readExchange(r *bufio.Reader) (*Exchange, error) {
	x := &Exchange{R: r, Header: make(textproto.MIMEHeader)}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, err
		}
		x.Head += line
		line = strings.TrimSuffix(line, "\r\n")
		switch {
		case line == "":
			return x, nil
		case x.Method == "":
			x.Method, x.Target, _ = strings.Cut(strings.TrimSuffix(line, " HTTP/1.1"), " ")
		default:
			x.Lines = append(x.Lines, line)
			name, value, _ := strings.Cut(line, ":")
			x.Header.Add(name, strings.TrimSpace(value))
		}
	}
}

// Write writes raw bytes.
func (x *Exchange) Write(raw string) error {
	_, err := io.WriteString(x.Conn, raw)
	return err
}

// Answer reads the request's body and answers with one of known length.
func (x *Exchange) Answer(status int, body string, lines ...string) {
	x.Body()
	for i := range lines {
		lines[i] += "\r\n"
	}
	x.Write(fmt.Sprintf("HTTP/1.1 %d Status\r\n%sContent-Length: %d\r\n\r\n%s", status, strings.Join(lines, ""), len(body), body))
}

// Body reads the request's body, once.
func (x *Exchange) Body() ([]byte, error) {
	if !x.read {
		x.read = true
		x.body, x.err = x.readBody()
	}
	return x.body, x.err
}

func (x *Exchange) readBody() (body []byte, err error) {
	if strings.EqualFold(x.Header.Get("Transfer-Encoding"), "chunked") {
		for {
			chunk, err := ReadChunk(x.R)
			if err != nil || len(chunk) == 0 {
				return body, err
			}
			body = append(body, chunk...)
		}
	}
	n, _ := strconv.Atoi(x.Header.Get("Content-Length"))
	body = make([]byte, n)
	_, err = io.ReadFull(x.R, body)
	return body, err
}
