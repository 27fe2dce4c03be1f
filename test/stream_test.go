package test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

// A stepped app writes a piece when the test says so.
type stepped struct {
	steps chan string
	s     *harness.Server
}

func startStepped(t *testing.T) *stepped {
	p := &stepped{steps: make(chan string)}
	p.s, _ = startApp(t, "", func(x *harness.Exchange) {
		x.Body()
		for piece := range p.steps {
			if piece == "" {
				return
			}
			if piece == "close" {
				x.Last = true
				return
			}
			if x.Write(piece) != nil {
				return
			}
		}
	})
	return p
}

// step makes the app write a piece and reads n bytes of what the client gets.
func (p *stepped) step(t *testing.T, c *harness.Client, piece string, n int) string {
	t.Helper()
	p.steps <- piece
	c.SetReadDeadline(time.Now().Add(harness.Patience))
	b := make([]byte, n)
	if _, err := io.ReadFull(c.R, b); err != nil {
		t.Fatalf("after %q the client got %q and then %v", piece, b, err)
	}
	return string(b)
}

func (p *stepped) head(t *testing.T, c *harness.Client, head string) *harness.Answer {
	t.Helper()
	p.steps <- head
	c.SetReadDeadline(time.Now().Add(harness.Patience))
	a, err := harness.ReadHead(c.R)
	if err != nil {
		t.Fatalf("the head: %v", err)
	}
	return a
}

func chunk(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }

// TestStreamedAnswer: the head comes at once and each piece of a body when the
// app writes it, whatever the framing.
func TestStreamedAnswer(t *testing.T) {
	t.Parallel()
	p := startStepped(t)
	c := p.s.Client(t)
	for range 2 { // twice over one connection
		c.SendGet("/")
		if a := p.head(t, c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"); a.Header.Get("Transfer-Encoding") != "chunked" {
			t.Errorf("chunked: %v", a.Header)
		}
		for _, piece := range []string{"a", "data: x\n\n", strings.Repeat("long", 1000)} {
			if got := p.step(t, c, chunk(piece), len(chunk(piece))); got != chunk(piece) {
				t.Errorf("got %q; want %q", got, chunk(piece))
			}
			if err := c.Silent(20 * time.Millisecond); err != nil {
				t.Error(err)
			}
		}
		p.step(t, c, "0\r\n\r\n", 5)
		p.steps <- ""

		c.SendGet("/")
		if a := p.head(t, c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"); a.Header.Get("Content-Length") != "10" {
			t.Errorf("fixed length: %v", a.Header)
		}
		for _, piece := range []string{"a", "bcd", "efghij"} {
			if got := p.step(t, c, piece, len(piece)); got != piece {
				t.Errorf("got %q; want %q", got, piece)
			}
		}
		p.steps <- ""
	}
	c.SendGet("/") // of a length that nobody knows
	if a := p.head(t, c, "HTTP/1.1 200 OK\r\n\r\n"); a.Header.Get("Transfer-Encoding") != "chunked" {
		t.Errorf("until the end: %v", a.Header)
	}
	p.step(t, c, "abc", len(chunk("abc")))
	if got := p.step(t, c, "close", 5); got != "0\r\n\r\n" {
		t.Errorf("the end: %q", got)
	}
}

// TestStreamedToOldClient: HTTP/1.0 knows no chunks; the connection's end is the
// body's.
func TestStreamedToOldClient(t *testing.T) {
	t.Parallel()
	p := startStepped(t)
	c := p.s.Client(t)
	c.Send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
	if a := p.head(t, c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"); a.Header.Get("Transfer-Encoding") != "" || a.Header.Get("Content-Length") != "" {
		t.Errorf("%v", a.Header)
	}
	if got := p.step(t, c, chunk("abc"), 3); got != "abc" {
		t.Errorf("got %q", got)
	}
	p.steps <- "0\r\n\r\n"
	if err := c.End(soon()); err != nil {
		t.Error(err)
	}
	p.steps <- ""
}

// TestTruncated: an answer that the app breaks off is broken off for the client.
func TestTruncated(t *testing.T) {
	t.Parallel()
	p := startStepped(t)
	for _, c := range []struct{ head, piece, got string }{
		{"Content-Length: 100", "half", "half"},
		{"Transfer-Encoding: chunked", chunk("half"), chunk("half")},
		{"Transfer-Encoding: chunked", chunk("half") + "ff\r\npart", chunk("half")},
		{"Content-Length: 100000", strings.Repeat("x", 50000), strings.Repeat("x", 50000)},
	} {
		client := p.s.Client(t)
		client.SendGet("/")
		p.head(t, client, "HTTP/1.1 200 OK\r\n"+c.head+"\r\n\r\n")
		if got := p.step(t, client, c.piece, len(c.got)); got != c.got {
			t.Errorf("got %.40q; want %.40q", got, c.got)
		}
		p.steps <- "close"
		client.SetReadDeadline(time.Now().Add(soon()))
		rest, err := io.ReadAll(client.R)
		if harness.TimedOut(err) || bytes.Contains(rest, []byte("0\r\n\r\n")) || len(rest) > len(chunk("part")) {
			t.Errorf("%s: then %q, %v", c.head, rest, err)
		}
	}
	awaitLog(t, p.s, "ended too early", 4)
}

// awaitLog waits for lines with the text.
func awaitLog(t *testing.T, s *harness.Server, text string, n int) {
	t.Helper()
	for end := time.Now().Add(5 * soon()); s.LogCount(text) != n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("the log has %d lines with %q; want %d", s.LogCount(text), text, n)
			return
		}
	}
}

// TestUpload: a body goes on to the app as it comes.
func TestUpload(t *testing.T) {
	t.Parallel()
	const size = 10000
	got := make(chan string)
	s, _ := startApp(t, "", func(x *harness.Exchange) {
		for range 2 {
			piece := make([]byte, size)
			for n := 0; n < size; {
				var part []byte
				var err error
				if x.Header.Get("Content-Length") != "" {
					part = piece[n:]
					_, err = io.ReadFull(x.R, part)
				} else {
					part, err = harness.ReadChunk(x.R)
				}
				if err != nil || len(part) == 0 {
					x.Last = true
					return
				}
				n += copy(piece[n:], part)
			}
			got <- string(piece)
		}
		if x.Header.Get("Content-Length") == "" {
			harness.ReadChunk(x.R)
		}
		x.Write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	})
	for _, lines := range [][]string{{"Content-Length: 20000"}, {"Transfer-Encoding: chunked"}, {"Content-Length: 20000", "Expect: 100-continue"}} {
		c := s.Client(t)
		for range 2 {
			c.Send(req("PUT", "/", lines...))
			for _, letter := range []string{"a", "b"} {
				piece := strings.Repeat(letter, size)
				if lines[0] == "Transfer-Encoding: chunked" {
					c.Send(chunk(piece))
				} else {
					c.Send(piece)
				}
				wantPiece(t, lines[0], got, piece)
			}
			if lines[0] == "Transfer-Encoding: chunked" {
				c.Send("0\r\n\r\n")
			}
			if a := c.Want(t, 200); string(a.Body) != "ok" {
				t.Errorf("%s: %q", lines, a.Body)
			}
		}
	}
}

func wantPiece(t *testing.T, what string, got <-chan string, want string) {
	t.Helper()
	select {
	case piece := <-got:
		if piece != want {
			t.Fatalf("%s: the app got %.40q; want %.40q", what, piece, want)
		}
	case <-time.After(harness.Patience):
		t.Fatalf("%s: the app did not get %.40q", what, want)
	}
}

// TestBigBodies: many megabytes both ways, byte for byte, of clients at the same
// time, over connections that go on.
func TestBigBodies(t *testing.T) {
	t.Parallel()
	s, _ := startApp(t, "", func(x *harness.Exchange) {
		body, err := x.Body()
		if err != nil {
			x.Last = true
			return
		}
		x.Write(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(body)))
		x.Conn.Write(body)
	})
	size := harness.Scale(4<<20, 1<<20)
	inParallel(t, 8, func(k int) error {
		c, err := harness.NewClient(s.Public[0])
		if err != nil {
			return err
		}
		defer c.Close()
		body := make([]byte, size+k)
		rnd := rand.NewChaCha8([32]byte{byte(k)})
		rnd.Read(body)
		for _, chunked := range []bool{false, true, false} {
			go sendBody(c, body, chunked)
			a, err := c.Read()
			if err != nil {
				return err
			}
			if sha256.Sum256(a.Body) != sha256.Sum256(body) {
				return fmt.Errorf("%d bytes come back different (%d bytes)", len(body), len(a.Body))
			}
		}
		return nil
	})
}

func sendBody(c *harness.Client, body []byte, chunked bool) {
	if !chunked {
		c.Send(req("POST", "/", fmt.Sprintf("Content-Length: %d", len(body))) + string(body))
		return
	}
	c.Send(req("POST", "/", "Transfer-Encoding: chunked"))
	for piece := range slices.Chunk(body, 30000) {
		c.Send(chunk(string(piece)))
	}
	c.Send("0\r\n\r\n")
}

// TestTrailers: what stands behind a body in chunks, less what may not.
func TestTrailers(t *testing.T) {
	t.Parallel()
	s, _ := startApp(t, "", func(x *harness.Exchange) {
		x.Write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" + chunk("ok") + "0\r\nX-Sum: 1\r\nGrip-Hold: response\r\nx-other: a: b\r\n\r\n")
	})
	c := s.Client(t)
	for range 2 {
		c.SendGet("/")
		if _, err := harness.ReadHead(c.R); err != nil {
			t.Fatal(err)
		}
		const want = "2\r\nok\r\n0\r\nX-Sum: 1\r\nx-other: a: b\r\n\r\n"
		got := make([]byte, len(want))
		c.SetReadDeadline(time.Now().Add(harness.Patience))
		if _, err := io.ReadFull(c.R, got); err != nil || string(got) != want {
			t.Errorf("%q %v", got, err)
		}
	}
	old := s.Client(t)
	old.Send("GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
	if a, err := old.Read(); err != nil || string(a.Body) != "ok" {
		t.Errorf("%v %v", a, err)
	}
}
