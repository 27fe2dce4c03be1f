package harness

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Patience is how long a client waits for what must come.
const Patience = 15 * time.Second

// A Client is a connection to the server that sends bytes as they are given.
type Client struct {
	net.Conn
	R *bufio.Reader
}

// NewClient connects.
func NewClient(address string) (*Client, error) {
	c, err := Dial(address)
	if err != nil {
		return nil, err
	}
	return &Client{c, bufio.NewReaderSize(c, 1024)}, nil
}

// Client connects to the first public listener; the test's end closes it.
func (s *Server) Client(t testing.TB) *Client {
	t.Helper()
	return s.ClientTo(t, s.Public[0])
}

// Inside connects to the first internal listener.
func (s *Server) Inside(t testing.TB) *Client {
	t.Helper()
	return s.ClientTo(t, s.Internal[0])
}

// ClientTo connects to an address.
func (s *Server) ClientTo(t testing.TB, address string) *Client {
	t.Helper()
	c, err := NewClient(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// Send writes raw bytes.
func (c *Client) Send(raw string) error {
	c.SetWriteDeadline(time.Now().Add(Patience))
	_, err := io.WriteString(c.Conn, raw)
	return err
}

// SendGet sends a GET with header lines.
func (c *Client) SendGet(target string, lines ...string) error {
	return c.Send(Request("GET", target, "", lines...))
}

// Request is a request as text. The body is left out if it is empty.
func Request(method, target, body string, lines ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", method, target)
	host := "Host: localhost\r\n"
	for _, l := range lines {
		if strings.HasPrefix(l, "Host:") {
			host = ""
		}
	}
	b.WriteString(host)
	for _, l := range lines {
		b.WriteString(l + "\r\n")
	}
	if body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n" + body)
	return b.String()
}

// An Answer is one HTTP answer.
type Answer struct {
	Proto   string
	Status  int
	Header  textproto.MIMEHeader
	Body    []byte
	Chunked bool
}

// Read reads one answer to a GET.
func (c *Client) Read() (*Answer, error) { return c.ReadTo("GET", Patience) }

// ReadTo reads the answer to a request with the method. Interim answers (100
// Continue) are passed over.
func (c *Client) ReadTo(method string, within time.Duration) (*Answer, error) {
	c.SetReadDeadline(time.Now().Add(within))
	a, err := ReadHead(c.R)
	for err == nil && a.Status/100 == 1 && a.Status != 101 {
		a, err = ReadHead(c.R)
	}
	if err != nil {
		return nil, err
	}
	length := a.Header.Get("Content-Length")
	switch {
	case method == "HEAD" || a.Status == 204 || a.Status == 304 || a.Status == 101:
	case strings.EqualFold(a.Header.Get("Transfer-Encoding"), "chunked"):
		a.Chunked = true
		err = a.readChunks(c.R)
	case length != "":
		var n int
		if n, err = strconv.Atoi(length); err == nil {
			a.Body = make([]byte, n)
			_, err = io.ReadFull(c.R, a.Body)
		}
	default:
		a.Body, err = io.ReadAll(c.R)
	}
	return a, err
}

// ReadHead reads an answer up to its body.
func ReadHead(r *bufio.Reader) (*Answer, error) {
	tp := textproto.NewReader(r)
	line, err := tp.ReadLine()
	if err != nil {
		return nil, err
	}
	proto, rest, _ := strings.Cut(line, " ")
	code, _, _ := strings.Cut(rest, " ")
	status, err := strconv.Atoi(code)
	if err != nil || !strings.HasPrefix(proto, "HTTP/1.") {
		return nil, fmt.Errorf("no status line: %q", line)
	}
	header, err := tp.ReadMIMEHeader()
	if err != nil {
		return nil, err
	}
	return &Answer{Proto: proto, Status: status, Header: header}, nil
}

func (a *Answer) readChunks(r *bufio.Reader) error {
	for {
		chunk, err := ReadChunk(r)
		if err != nil || len(chunk) == 0 {
			return err
		}
		a.Body = append(a.Body, chunk...)
	}
}

// ReadChunk reads one chunk; the last one is empty.
func ReadChunk(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, unexpected(err)
	}
	size, _, _ := strings.Cut(line, ";") // without extensions
	n, err := strconv.ParseUint(strings.TrimSpace(size), 16, 31)
	if err != nil {
		return nil, err
	}
	b := make([]byte, n+2)
	if _, err = io.ReadFull(r, b); err != nil {
		return nil, unexpected(err)
	}
	if string(b[n:]) != "\r\n" {
		return nil, fmt.Errorf("a chunk ends in %q", b[n:])
	}
	return b[:n], nil
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Do sends raw bytes and reads the answer, which must come.
func (c *Client) Do(t testing.TB, raw string) *Answer {
	t.Helper()
	if err := c.Send(raw); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(raw, " ")
	a, err := c.ReadTo(method, Patience)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	return a
}

// Get is Do of a GET.
func (c *Client) Get(t testing.TB, target string, lines ...string) *Answer {
	t.Helper()
	return c.Do(t, Request("GET", target, "", lines...))
}

// Want reads an answer, which must come and have the status.
func (c *Client) Want(t testing.TB, status int) *Answer {
	t.Helper()
	a, err := c.Read()
	if err != nil {
		t.Fatalf("no answer: %v; want %d", err, status)
	}
	if a.Status != status {
		t.Fatalf("status %d %.300s; want %d", a.Status, a.Body, status)
	}
	return a
}

// End checks that the server ends the connection and sends nothing more.
func (c *Client) End(within time.Duration) error {
	c.SetReadDeadline(time.Now().Add(within))
	b, err := io.ReadAll(c.R)
	var ne net.Error
	switch {
	case len(b) > 0:
		return fmt.Errorf("%.200q follows", b)
	case errors.As(err, &ne) && ne.Timeout():
		return fmt.Errorf("the connection is open after %s", within)
	}
	return nil // in order, or by a reset
}

// Silent checks that nothing comes and the connection stays open.
func (c *Client) Silent(d time.Duration) error {
	c.SetReadDeadline(time.Now().Add(d))
	b, err := c.R.Peek(1)
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		return nil
	}
	more, _ := c.R.Peek(c.R.Buffered())
	return fmt.Errorf("%q%.200q, %v came; want silence", b, more, err)
}

// Reset closes the connection with a TCP reset.
func (c *Client) Reset() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	c.Close()
}

// CloseWrite ends the client's sending only.
func (c *Client) CloseWrite() error { return c.Conn.(interface{ CloseWrite() error }).CloseWrite() }

// A Message as polls get it.
type Message struct {
	Channel    string          `json:"channel"`
	ID         string          `json:"id"`
	Type       string          `json:"type"`
	Data       json.RawMessage `json:"data"`
	DataBase64 *string         `json:"data_base64"`
}

// Text is the data of a text message.
func (m *Message) Text() (s string) {
	json.Unmarshal(m.Data, &s)
	return s
}

// News is the JSON of an answer to a poll.
type News struct {
	Messages    []Message `json:"messages"`
	Cursor      string    `json:"cursor"`
	Gap         bool      `json:"gap"`
	GapChannels []string  `json:"gap_channels"`
}

// News reads the body of a poll's answer; a 204 has no messages.
func (a *Answer) News() (n News, err error) {
	n.Cursor = a.Header.Get("Comet-Cursor")
	switch a.Status {
	case 204:
	case 200:
		if err = json.Unmarshal(a.Body, &n); err == nil && n.Cursor != a.Header.Get("Comet-Cursor") {
			err = fmt.Errorf("cursor %q in the body, %q in the head", n.Cursor, a.Header.Get("Comet-Cursor"))
		}
	default:
		return n, fmt.Errorf("status %d %.300s", a.Status, a.Body)
	}
	if err == nil && n.Cursor == "" {
		err = errors.New("no cursor")
	}
	return n, err
}

// WantNews is News that must be there.
func (a *Answer) WantNews(t testing.TB) News {
	t.Helper()
	n, err := a.News()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Number is the position in a cursor or id. To clients it is opaque; tests use
// it to compare the order of messages on different channels.
func Number(token string) uint64 {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b[len(b)-8:])
}
