package backend

import (
	"bytes"
	"net"
	"testing"
)

// responder answers every request on a connection, and allocates nothing.
func responder(c net.Conn) {
	buf := make([]byte, 4096)
	answer := []byte("HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Type: text/plain\r\nServer: app\r\nX-Request-Id: 1234567\r\nContent-Length: 13\r\n\r\nHello, world!")
	for n := 0; ; {
		m, err := c.Read(buf[n:])
		if err != nil {
			return
		}
		if n += m; bytes.HasSuffix(buf[:n], []byte("\r\n\r\n")) {
			if _, err := c.Write(answer); err != nil {
				return
			}
			n = 0
		}
	}
}

func benchRequest() Request {
	r := get("/app/path?query=1")
	r.Lines = append(r.Lines, "Accept: */*\r\nX-Forwarded-For: 192.0.2.7\r\n"...)
	return r
}

func exchangeOnce(tb testing.TB, b *Backend, r Request) {
	x, err := b.Exchange(r)
	if err != nil {
		tb.Error(err)
		return
	}
	if p, ok := x.BufferedBody(); !ok || len(p) != 13 {
		tb.Error("not in one piece")
	}
	x.Close()
}

// BenchmarkExchange: one small GET after the other, over one connection.
func BenchmarkExchange(b *testing.B) {
	be := script(b, Options{}, responder)
	r := benchRequest()
	r.SlowAfter, r.OnSlow, r.Cancel = 100_000_000, func() {}, make(chan struct{})
	b.ReportAllocs()
	for b.Loop() {
		exchangeOnce(b, be, r)
	}
}

func BenchmarkExchangeParallel(b *testing.B) {
	be := script(b, Options{}, responder)
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		r := benchRequest()
		for pb.Next() {
			exchangeOnce(b, be, r)
		}
	})
}
