package test

import (
	"fmt"
	"hash/crc32"
	"io"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

// TestSlowClients: an app with one connection answers clients that take nothing,
// and is free for others at once. The slow ones have their answers when they read,
// byte for byte.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	const size = 8 << 20
	a := newAuthority(t)
	a.issue("a.example")
	b := harness.NewBackend(t, func(x *harness.Exchange) {
		switch x.Target {
		case "/sized":
			x.Write(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size))
			io.CopyN(x.Conn, &zebra{}, size)
		case "/chunks":
			x.Write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			inChunksOf(x.Conn, &zebra{}, size)
		case "/cut":
			x.Write(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size+1))
			io.CopyN(x.Conn, &zebra{}, size)
			x.Last = true
		default:
			x.Answer(200, "quick")
		}
	})
	s := harness.Start(t, b.Config("max_connections = 1\n")+appRoute+"[public]\nlisten = [\"127.0.0.1:0\"]\ntls_listen = [\"127.0.0.1:0\"]\n"+
		fmt.Sprintf("[[certificate]]\ncert = %q\nkey = %q\n[limits]\nspool_dir = %q\n", a.file("a.example.pem"), a.file("a.example.key"), t.TempDir()))
	digest := crc32.NewIEEE()
	io.CopyN(digest, &zebra{}, size)
	want := fmt.Sprintf("%d %08x", size, digest.Sum32())
	type slow struct {
		*harness.Client
		target string
	}
	var clients []slow
	for range 3 {
		for _, target := range []string{"/sized", "/chunks", "/cut"} {
			clients = append(clients, slow{s.Client(t), target}, slow{secure(t, s.Public[1], insecure), target})
		}
	}
	for _, c := range clients {
		c.SendGet(c.target)
		began := time.Now()
		if got := s.Client(t).Get(t, "/quick"); string(got.Body) != "quick" {
			t.Fatalf("%d %s", got.Status, got.Body)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s: the app was free after %s", c.target, took)
		}
	}
	for _, c := range clients[:len(clients)-6] { // the last six go as they are
		c.SetDeadline(time.Now().Add(time.Minute))
		got := download(t, c.Client, c.target == "/chunks", size)
		if got != want {
			t.Errorf("%s: %s, want %s", c.target, got, want)
		}
		if c.target == "/cut" {
			if n, err := c.R.Read(make([]byte, 10)); n > 0 || err == nil {
				t.Errorf("behind an answer that was cut: %d bytes, %v", n, err)
			}
			continue
		}
		if got := c.Get(t, "/again"); string(got.Body) != "quick" {
			t.Errorf("the next request: %d %s", got.Status, got.Body)
		}
	}
	for _, c := range clients {
		c.Close()
	}
	for end := time.Now().Add(harness.Patience); s.Stats().Spool.Bytes != 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("left over on disk: %+v", s.Stats().Spool)
		}
	}
}
