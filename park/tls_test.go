package park_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"cometproxy/park"
)

func TestTLS(t *testing.T) {
	t.Run("goroutine", func(t *testing.T) { testTLS(t, park.NewGoroutine) })
	t.Run("epoll", func(t *testing.T) { testTLS(t, park.NewEpoll) })
}

// testTLS: connections that cannot be written to without blocking. There is one
// finisher and there are many answers at once, and none is given up.
func testTLS(t *testing.T, newLot func(park.Options) park.Lot) {
	cert := httptest.NewTLSServer(nil)
	defer cert.Close()
	const n = 20
	holds := make(chan park.ID, n)
	ends := make(chan park.Event, n)
	var lot park.Lot
	lot = newLot(park.Options{MaxFinishers: 1, Event: func(ev park.Event) {
		if ev.Kind != park.Serve {
			ends <- ev
			return
		}
		state, ok := ev.Conn.(interface{ ConnectionState() tls.ConnectionState })
		if !ok || !state.ConnectionState().HandshakeComplete {
			t.Error("does not look like TLS")
		}
		br := bufio.NewReader(ev.Conn)
		if _, err := br.ReadString('\n'); err != nil {
			_ = ev.Conn.Close()
			return
		}
		lot.Park(ev.ID, park.Stay{Owner: t, Until: time.Now().Add(time.Minute), Carried: ev.Conn.Detach(br)})
		holds <- ev.ID
	}})
	defer func() {
		if err := lot.Check(); err != nil {
			t.Error(err)
		}
		lot.Shut()
	}()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = lot.Serve(tls.NewListener(tcp, &tls.Config{Certificates: cert.TLS.Certificates})) }()

	var conns []*tls.Conn
	var readers []*bufio.Reader
	for range n {
		c, err := tls.Dial("tcp", tcp.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns, readers = append(conns, c), append(readers, bufio.NewReader(c))
	}
	for round := range 5 {
		for i, c := range conns {
			lines := "poll\n"
			if i%2 == 0 && round%2 == 0 {
				lines += "poll\n" // held in the next round
			}
			if i%2 == 1 || round%2 == 0 {
				_, _ = c.Write([]byte(lines))
			}
		}
		var ids []park.ID
		for range n {
			ids = append(ids, <-holds)
		}
		want := fmt.Sprintf("round %d\n", round)
		for _, id := range ids {
			lot.Answer(id, []byte(want), false)
		}
		for _, br := range readers {
			if got, err := br.ReadString('\n'); got != want {
				t.Fatalf("got %q, %v; want %q", got, err, want)
			}
		}
	}
	for i, c := range conns {
		if i%2 == 1 {
			_, _ = c.Write([]byte("poll\n"))
		}
		_ = c.CloseWrite()
	}
	for range n {
		lot.Answer(<-holds, []byte("end\n"), false)
	}
	for _, br := range readers {
		if got, err := br.ReadString('\n'); got != "end\n" {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	for s := lot.Stats(); s.Idle+s.Active+s.Parked+s.Finishing > 0; s = lot.Stats() {
		time.Sleep(time.Millisecond)
	}
	if s := lot.Stats(); s.Unwritten != 0 {
		t.Errorf("got %+v", s)
	}
	for len(ends) > 0 {
		if ev := <-ends; ev.Kind != park.EndOfInput {
			t.Errorf("got %+v", ev)
		}
	}
}
