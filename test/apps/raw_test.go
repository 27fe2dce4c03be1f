//go:build linux

package apps

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// rawApp is an app that answers each request with bytes, in one write,
// once it has the request's head.
func rawApp(t *testing.T, answers map[string]string) (address string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				c.SetDeadline(time.Now().Add(20 * time.Second))
				in := bufio.NewReader(c)
				for rawAnswer(c, in, answers) {
				}
				c.(*net.TCPConn).CloseWrite()
				io.Copy(io.Discard, in)
			}()
		}
	}()
	return ln.Addr().String()
}

// rawAnswer answers one request, and reports that another may come: were a connection
// closed of which the answer did not say so, a POST on its way could get none.
func rawAnswer(c net.Conn, in *bufio.Reader, answers map[string]string) (more bool) {
	first, err := in.ReadString('\n')
	body := 0
	for line := first; err == nil && line != "\r\n"; {
		line, err = in.ReadString('\n')
		fmt.Sscanf(line, "Content-Length: %d", &body)
	}
	parts := strings.Fields(first)
	if err != nil || len(parts) != 3 {
		return false
	}
	answer := answers[parts[1]]
	io.WriteString(c, answer)
	if body > 100 || strings.HasPrefix(answer, "HTTP/1.0") || strings.Contains(answer, "close") {
		return false
	}
	_, err = in.Discard(body)
	return err == nil
}

// TestWholeAnswers: what an app writes in one piece, head and body together,
// arrives whatever frames the body. Frameworks do this with every small answer.
func TestWholeAnswers(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
	app := rawApp(t, map[string]string{
		"/length":        head + "Content-Length: 5\r\n\r\nhello",
		"/chunks":        head + "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
		"/chunked/empty": head + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"/close":         head + "Connection: close\r\n\r\nhello",
		"/old":           "HTTP/1.0 200 OK\r\n\r\nhello",
		"/bare":          "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	})
	proxy := startComet(t, app, freeAddress(t))
	for target, want := range map[string]string{
		"/length": "hello", "/chunks": "hello", "/chunked/empty": "", "/close": "hello", "/old": "hello", "/bare": "",
	} {
		for _, method := range []string{"GET", "GET of old", "POST", "upload", "chunked upload"} {
			request := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: a\r\n\r\n", method, target)
			switch method {
			case "GET of old":
				request = fmt.Sprintf("GET %s HTTP/1.0\r\n\r\n", target)
			case "POST":
				request = fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody", target)
			case "upload": // of which only the beginning is sent before the answer
				request = fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n%s", target, strings.Repeat("b", 20000))
			case "chunked upload":
				request = fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n", target)
			}
			r, err := exchange(proxy.public, "GET", []byte(request))
			if err != nil {
				t.Errorf("%s %s: %v", method, target, err)
			} else if r.status != "HTTP/1.1 200 OK" || !bytes.Equal(r.body, []byte(want)) {
				t.Errorf("%s %s: %s %q, want %q", method, target, r.status, r.body, want)
			}
		}
	}
}
