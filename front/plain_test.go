package front

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// TestPlainHTTP: who speaks HTTP without TLS is told so and closed; others are not
// answered, and TLS is what it was.
func TestPlainHTTP(t *testing.T) {
	c, err := NewCertificates([]Pair{write(t, t.TempDir(), "a.example")}, tls.VersionTLS12)
	if err != nil {
		t.Fatal(err)
	}
	below, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln := c.Listener(below)
	defer ln.Close()
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(conn, conn)
				conn.Close()
			}()
		}
	}()
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", below.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		return conn
	}
	for text, want := range map[string]string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n": plainText, "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n": plainText,
		"POST /a HTTP/1.1\r\nContent-Length: 60000\r\n\r\n" + strings.Repeat("x", 60000): plainText, "OPTIONS * HTTP/1.1\r\n\r\n": plainText,
		"HEAD / HTTP/1.1\r\n\r\n": "\r\n\r\n", "SSH-2.0-x\r\n": "", "\x00\x01\x02\x03\x04\x05\x06\x07": "", "GETTING": "", "GET": "",
	} {
		for _, pieces := range []int{1, 6} {
			conn := dial()
			for i := range pieces - 1 {
				if len(text) > 6 && len(text) < 100 {
					io.WriteString(conn, text[i:i+1])
					time.Sleep(2 * time.Millisecond)
				}
			}
			rest := text
			if pieces > 1 && len(text) > 6 && len(text) < 100 {
				rest = text[pieces-1:]
			}
			io.WriteString(conn, rest)
			conn.(*net.TCPConn).CloseWrite()
			got, _ := io.ReadAll(conn)
			conn.Close()
			answered := strings.HasPrefix(string(got), "HTTP/1.1 400 Bad Request\r\n")
			if (want != "") != answered || !strings.HasSuffix(string(got), want) {
				t.Errorf("%.20q in %d pieces: %q", text, pieces, got)
			}
		}
	}
	secure := tls.Client(dial(), &tls.Config{InsecureSkipVerify: true})
	defer secure.Close()
	for _, text := range []string{"GET / HTTP/1.1\r\n\r\n", "again"} { // within TLS
		if _, err := io.WriteString(secure, text); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(text))
		if _, err := io.ReadFull(secure, got); err != nil || string(got) != text {
			t.Errorf("%q, %v", got, err)
		}
	}
}

// TestPlainHTTPThatStays is closed soon, though its client neither reads nor leaves.
func TestPlainHTTPThatStays(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	done := make(chan error, 1)
	go func() {
		_, err := (&plainConn{Conn: server}).Read(make([]byte, 100))
		done <- err
	}()
	io.WriteString(client, "GET / HTTP/1.1\r\n")
	select {
	case err := <-done:
		if err != io.EOF {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("it is still waited for")
	}
}
