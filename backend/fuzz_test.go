package backend

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"
)

// onceConn answers with fixed bytes and then ends.
type onceConn struct{ bytes.Reader }

func (*onceConn) Write(p []byte) (int, error)      { return len(p), nil }
func (*onceConn) Close() error                     { return nil }
func (*onceConn) LocalAddr() net.Addr              { return nil }
func (*onceConn) RemoteAddr() net.Addr             { return nil }
func (*onceConn) SetDeadline(time.Time) error      { return nil }
func (*onceConn) SetReadDeadline(time.Time) error  { return nil }
func (*onceConn) SetWriteDeadline(time.Time) error { return nil }

// FuzzAnswer: whatever an app sends, there is no panic and no hang, and a
// connection is kept only when every byte was accounted for.
func FuzzAnswer(f *testing.F) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, s := range []string{
		ok + "Content-Length: 2\r\n\r\nok",
		ok + "Content-Length: 2\r\n\r\nokmore",
		ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
		ok + "Transfer-Encoding: chunked\r\n\r\n2;x\r\nok\r\n0\r\nA: b\r\n\r\n",
		ok + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\nfffffffffffffff\r\n",
		ok + "\r\nuntil close",
		"HTTP/1.1 103 E\r\n\r\nHTTP/1.1 304 N\r\n\r\n",
		"HTTP/1.0 200 OK\nConnection: keep-alive\n\nx",
		"HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\nx",
		ok + " folded: x\r\nA : b\r\n\r\n", "\r\n\r\n", "",
	} {
		f.Add([]byte(s), true, false)
		f.Add([]byte(s), false, true)
	}
	f.Fuzz(func(t *testing.T, answer []byte, buffered, upgrade bool) {
		var c *onceConn
		b, _ := New(Options{URLs: []string{"http://app"}, Dial: func(context.Context, string, string) (net.Conn, error) {
			c = new(onceConn)
			c.Reset(answer)
			return c, nil
		}})
		r := get("/")
		if upgrade {
			r.Upgrade = "x"
		}
		if x, err := b.Exchange(r); err == nil {
			if _, ok := x.BufferedBody(); (!buffered || !ok) && x.Body() != nil {
				io.Copy(io.Discard, onlyReader{x.Body()})
			}
			x.Close()
		}
		s := b.Stats()
		if s.Active != 0 || s.Tunnels != 0 {
			t.Errorf("left over: %+v", s)
		}
		if s.Idle == 1 && c.Len() != 0 {
			t.Errorf("kept with %d bytes unread", c.Len())
		}
		if err := b.Check(); err != nil {
			t.Error(err)
		}
		b.Close()
	})
}
