package backend

import (
	"errors"
	"net"
	"testing"
	"time"
)

// TestAbort: exchanges under way end, also those that would be sent once more
// over a new connection, and none begins.
func TestAbort(t *testing.T) {
	b := script(t, Options{MaxConns: 1}, func(c net.Conn) {
		defer c.Close()
		readHead(c)
		c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
		readHead(c)
		readHead(c) // no answer until the connection ends
	})
	wantFetch(t, b, get("/"), 200, "")
	ended := make(chan error, 2)
	for range 2 { // one over the connection from before, one in the queue
		go func() {
			_, _, err := fetch(b, get("/stuck"))
			ended <- err
		}()
	}
	eventually(t, "one is under way, one waits", func() bool {
		s := b.Stats()
		return s.Active == 1 && s.Waiting == 1 && s.Reused == 1
	})
	b.Abort()
	for range 2 {
		select {
		case err := <-ended:
			if err == nil {
				t.Error("no error")
			}
		case <-time.After(5 * time.Second):
			t.Fatal("not ended")
		}
	}
	if _, _, err := fetch(b, get("/")); !errors.Is(err, errClosed) {
		t.Errorf("got %v", err)
	}
}
