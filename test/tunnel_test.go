package test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

const (
	upgradeLines = "Connection: keep-alive, Upgrade\r\nUpgrade: own/1"
	switching    = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: own/1\r\nX-Own: 1\r\n\r\n"
)

// upgradeApp speaks a protocol of its own after an upgrade: it sends back what it
// gets, and says goodbye when the client has ended its sending.
func upgradeApp(x *harness.Exchange) {
	if x.Header.Get("Upgrade") != "own/1" || x.Header.Get("Connection") == "" {
		x.Answer(400, fmt.Sprint(x.Lines))
		return
	}
	if x.Target == "/refused" {
		x.Answer(403, "no")
		return
	}
	x.Write(switching + "hello")
	io.Copy(x.Conn, x.R)
	x.Write("goodbye")
	x.Last = true
}

func openTunnel(c *harness.Client, ahead string) error {
	if err := c.Send("GET /tunnel HTTP/1.1\r\nHost: localhost\r\n" + upgradeLines + "\r\n\r\n" + ahead); err != nil {
		return err
	}
	c.SetReadDeadline(time.Now().Add(harness.Patience))
	a, err := harness.ReadHead(c.R)
	if err != nil {
		return err
	}
	if a.Status != 101 || a.Header.Get("Upgrade") != "own/1" || a.Header.Get("Connection") != "Upgrade" || a.Header.Get("X-Own") != "1" {
		return fmt.Errorf("%d %v", a.Status, a.Header)
	}
	return wantBytes(c.R, "hello"+ahead)
}

func wantBytes(r *bufio.Reader, want string) error {
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != want {
		return fmt.Errorf("got %.40q, %v; want %.40q", got, err, want)
	}
	return nil
}

// TestTunnel: after an upgrade both directions go byte for byte, each to its own
// end.
func TestTunnel(t *testing.T) {
	t.Parallel()
	s, _ := startApp(t, "max_connections = 1", upgradeApp)
	inParallel(t, 20, func(k int) error {
		c, err := harness.NewClient(s.Public[0])
		if err != nil {
			return err
		}
		defer c.Close()
		if err := openTunnel(c, "GET /ahead HTTP/1.1\r\n\r\n"); err != nil {
			return err
		}
		data := make([]byte, 1<<20)
		rand.NewChaCha8([32]byte{byte(k)}).Read(data)
		go func() {
			for piece := data; len(piece) > 0; {
				n := min(len(piece), 1+rand.IntN(50000))
				c.Send(string(piece[:n]))
				piece = piece[n:]
			}
			c.CloseWrite()
		}()
		got, err := io.ReadAll(c.R)
		if err != nil || !bytes.Equal(got, append(data, "goodbye"...)) {
			return fmt.Errorf("%d bytes came back, %v; want %d", len(got), err, len(data)+7)
		}
		return nil
	})
	awaitTunnels(t, s, 0)
}

func awaitTunnels(t *testing.T, s *harness.Server, n int) {
	t.Helper()
	for end := time.Now().Add(5 * soon()); s.Stats().Backends["app"].Tunnels != n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("%d tunnels; want %d", s.Stats().Backends["app"].Tunnels, n)
			return
		}
	}
}

// TestTunnelEnds: with either side, however it goes.
func TestTunnelEnds(t *testing.T) {
	t.Parallel()
	s, b := startApp(t, "", upgradeApp)
	reset, closed, left := s.Client(t), s.Client(t), s.Client(t)
	for _, c := range []*harness.Client{reset, closed, left} {
		if err := openTunnel(c, ""); err != nil {
			t.Fatal(err)
		}
	}
	awaitTunnels(t, s, 3)
	reset.Reset()
	closed.Close()
	awaitTunnels(t, s, 1)
	b.CloseConns()
	if err := left.End(soon()); err != nil {
		t.Error(err)
	}
	left.Close()
	awaitTunnels(t, s, 0)
}

// TestTunnelRefused: by the app, and by the limit of tunnels.
func TestTunnelRefused(t *testing.T) {
	t.Parallel()
	s, _ := startApp(t, "max_tunnels = 1", upgradeApp)
	c := s.Client(t)
	for range 2 {
		if a := c.Do(t, "GET /refused HTTP/1.1\r\nHost: localhost\r\n"+upgradeLines+"\r\n\r\n"); a.Status != 403 || string(a.Body) != "no" {
			t.Errorf("%d %s", a.Status, a.Body)
		}
	}
	awaitTunnels(t, s, 0)
	first := s.Client(t)
	if err := openTunnel(first, ""); err != nil {
		t.Fatal(err)
	}
	a := s.Client(t).Do(t, "GET / HTTP/1.1\r\nHost: localhost\r\n"+upgradeLines+"\r\n\r\n")
	if checkProblem(t, a); a.Status != 503 {
		t.Errorf("one too many: %d %s", a.Status, a.Body)
	}
	first.Send("still there")
	if err := wantBytes(first.R, "still there"); err != nil {
		t.Error(err)
	}
}
