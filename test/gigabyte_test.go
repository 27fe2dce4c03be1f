package test

import (
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

// zebra is an endless body whose bytes tell where they are.
type zebra struct{ at int64 }

func (z *zebra) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(z.at) ^ byte(z.at>>9)
		z.at++
	}
	return len(p), nil
}

// TestGigabyte: a gigabyte up and one down, sized and in chunks, byte for byte,
// and the proxy has hardly more memory for it.
func TestGigabyte(t *testing.T) {
	size := int64(harness.Scale(1<<30, 32<<20))
	s, _ := startApp(t, "", func(x *harness.Exchange) {
		digest := crc32.NewIEEE()
		var n int64
		if x.Method == "GET" {
			// no body
		} else if x.Header.Get("Content-Length") != "" {
			n, _ = io.Copy(digest, io.LimitReader(x.R, size))
		} else {
			for {
				piece, err := harness.ReadChunk(x.R)
				if err != nil || len(piece) == 0 {
					break
				}
				digest.Write(piece)
				n += int64(len(piece))
			}
		}
		if x.Method == "POST" {
			sum := fmt.Sprintf("%d %08x", n, digest.Sum32())
			x.Write(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(sum), sum))
			return
		}
		z := &zebra{}
		if x.Target == "/chunks" {
			x.Write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			inChunksOf(x.Conn, z, size)
			return
		}
		x.Write(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size))
		io.CopyN(x.Conn, z, size)
	})
	digest := crc32.NewIEEE()
	io.CopyN(digest, &zebra{}, size)
	want := fmt.Sprintf("%d %08x", size, digest.Sum32())
	before := s.Peak()
	for _, chunked := range []bool{false, true} {
		c := s.Client(t)
		c.SetDeadline(time.Now().Add(5 * time.Minute))
		go func() {
			if chunked {
				c.Send(req("POST", "/", "Transfer-Encoding: chunked"))
				inChunksOf(c.Conn, &zebra{}, size)
				return
			}
			c.Send(req("POST", "/", fmt.Sprintf("Content-Length: %d", size)))
			io.CopyN(c.Conn, &zebra{}, size)
		}()
		if a, err := c.ReadTo("POST", 5*time.Minute); err != nil || string(a.Body) != want {
			t.Fatalf("up, chunked %t: %v %v", chunked, a, err)
		}
		target := "/sized"
		if chunked {
			target = "/chunks"
		}
		c.SendGet(target)
		c.SetDeadline(time.Now().Add(5 * time.Minute))
		if got := download(t, c, chunked, size); got != want {
			t.Fatalf("down, chunked %t: %s, want %s", chunked, got, want)
		}
	}
	after := s.Peak()
	t.Logf("%d MiB each way, twice: the process had %.1f MiB at most, %.1f before", size>>20, after, before)
	if after-before >= 32 && !harness.Race {
		t.Errorf("memory grew by %.1f MiB", after-before)
	}
}

// inChunksOf writes a body in chunks.
func inChunksOf(w io.Writer, body io.Reader, size int64) {
	piece := make([]byte, 100_000)
	for size > 0 {
		n, _ := body.Read(piece[:min(int64(len(piece)), size)])
		size -= int64(n)
		if _, err := fmt.Fprintf(w, "%x\r\n%s\r\n", n, piece[:n]); err != nil {
			return
		}
	}
	io.WriteString(w, "0\r\n\r\n")
}

func download(t *testing.T, c *harness.Client, chunked bool, size int64) string {
	t.Helper()
	if _, err := harness.ReadHead(c.R); err != nil {
		t.Fatal(err)
	}
	digest := crc32.NewIEEE()
	if !chunked {
		n, _ := io.Copy(digest, io.LimitReader(c.R, size))
		return fmt.Sprintf("%d %08x", n, digest.Sum32())
	}
	var n int64
	for {
		piece, err := harness.ReadChunk(c.R)
		if err != nil {
			t.Fatal(err)
		}
		if len(piece) == 0 {
			return fmt.Sprintf("%d %08x", n, digest.Sum32())
		}
		n += int64(len(piece))
		digest.Write(piece)
	}
}

// TestBackPressure: when a client stops reading, the app's writes come to a stop,
// and when an app stops reading, its client's do.
func TestBackPressure(t *testing.T) {
	t.Parallel()
	var written atomic.Int64
	more := make(chan struct{})
	s, _ := startApp(t, "", func(x *harness.Exchange) {
		if x.Method == "POST" {
			<-more
			x.Answer(200, "ok")
			return
		}
		x.Write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		piece := chunk(strings.Repeat("x", 64<<10))
		for x.Write(piece) == nil {
			written.Add(64 << 10)
		}
	})
	comesToAStop := func(what string, count *atomic.Int64) {
		t.Helper()
		last, since := int64(-1), time.Now()
		for end := time.Now().Add(30 * time.Second); time.Since(since) < 2*time.Second; time.Sleep(50 * time.Millisecond) {
			if n := count.Load(); n != last {
				last, since = n, time.Now()
			}
			if time.Now().After(end) || count.Load() > 256<<20 {
				t.Fatalf("%s: %d MiB and more", what, count.Load()>>20)
			}
		}
		t.Logf("%s: %.1f MiB are on their way", what, float64(last)/(1<<20))
		if last > 64<<20 {
			t.Errorf("%s: %d MiB are on their way", what, last>>20)
		}
	}
	reader := s.Client(t)
	reader.SendGet("/")
	comesToAStop("down", &written)

	var sent atomic.Int64
	sender := s.Client(t)
	go func() {
		sender.Send(req("POST", "/", "Transfer-Encoding: chunked"))
		piece := chunk(strings.Repeat("x", 64<<10))
		for sent.Load() < 100<<20 && sender.Send(piece) == nil {
			sent.Add(64 << 10)
		}
		sender.Send("0\r\n\r\n")
	}()
	comesToAStop("up", &sent)
	close(more) // and it goes on
	sender.Want(t, 200)
	if sent.Load() < 100<<20 {
		t.Errorf("the app has taken %d bytes", sent.Load())
	}
	reader.Close()
}
