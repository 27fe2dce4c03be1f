package front

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"time"
)

// What a client that speaks plain HTTP to a listener of TLS may cost, before it is
// closed: the time to take a short answer, and to leave.
const (
	plainWrite = time.Second
	plainLeave = 2 * time.Second
	plainBytes = 64 << 10 // of its request that are read and thrown away
)

// methods are the beginnings of requests, as long as the head of a TLS record. None
// looks like one: that begins with a byte below 0x20, or above 0x7f in old versions.
var methods = [][]byte{[]byte("GET /"), []byte("HEAD "), []byte("POST "), []byte("PUT /"), []byte("PATCH"), []byte("DELET"), []byte("OPTIO"), []byte("CONNE"), []byte("TRACE"), []byte("GET h"), []byte("PUT h")}

const plainText = "This port speaks TLS: write https:// in place of http://.\n"

// plainListener hands out connections that tell clients without TLS what they have
// come upon.
type plainListener struct{ net.Listener }

func (l plainListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &plainConn{Conn: conn}, nil
}

// plainConn looks at the first bytes that TLS reads.
type plainConn struct {
	net.Conn
	head []byte // the first bytes, until there are enough; owned by who reads
	seen bool   // owned by who reads
}

// NetConn is the connection below, as that of TLS has one.
func (c *plainConn) NetConn() net.Conn { return c.Conn }

func (c *plainConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.seen {
		return n, err
	}
	length := len(methods[0])
	c.head = append(c.head, p[:min(n, length-len(c.head))]...)
	if len(c.head) < length {
		return n, err
	}
	c.seen = true
	plain := slices.ContainsFunc(methods, func(m []byte) bool { return bytes.Equal(m, c.head) })
	head := bytes.HasPrefix(c.head, []byte("HEAD"))
	c.head = nil
	if !plain {
		return n, err
	}
	c.refuse(head)
	return 0, io.EOF
}

// refuse answers, and leaves the client time to read that: closing a connection with
// bytes in it that nobody has read would take the answer away.
func (c *plainConn) refuse(head bool) {
	body := plainText
	if head {
		body = ""
	}
	_ = c.SetWriteDeadline(time.Now().Add(plainWrite))
	_, err := fmt.Fprintf(c.Conn, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(plainText), body)
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if err != nil || !ok || half.CloseWrite() != nil {
		return
	}
	_ = c.SetReadDeadline(time.Now().Add(plainLeave))
	_, _ = io.CopyN(io.Discard, c.Conn, plainBytes)
}
