package park_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"

	"cometproxy/park"
)

// TestMixed: connections of TCP and others in one lot share its limits and books.
func TestMixed(t *testing.T) {
	holds := make(chan park.ID, 4)
	var lot park.Lot
	lot = park.New(park.Options{MaxConns: 4, EvictAfter: -1, Refusal: []byte("full\n"), Event: func(ev park.Event) {
		if ev.Kind == park.Serve {
			br := bufio.NewReader(ev.Conn)
			if line, err := br.ReadString('\n'); err != nil || line != "poll\n" {
				_ = ev.Conn.Close()
				return
			}
			lot.Park(ev.ID, park.Stay{Owner: t, Until: time.Now().Add(time.Minute), Carried: ev.Conn.Detach(br)})
			holds <- ev.ID
		}
	}})
	memory := fasthttputil.NewInmemoryListener()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for _, ln := range []net.Listener{memory, tcp} {
		go func() { _ = lot.Serve(ln) }()
	}
	dial := func(tcpToo bool) net.Conn {
		var c net.Conn
		var err error
		if tcpToo {
			c, err = net.Dial("tcp", tcp.Addr().String())
		} else {
			c, err = memory.Dial()
		}
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	until := func(ok func(park.Stats) bool) {
		t.Helper()
		for range 5000 {
			if ok(lot.Stats()) {
				return
			}
			time.Sleep(time.Millisecond)
		}
		t.Fatalf("waited in vain: %+v", lot.Stats())
	}
	var conns []net.Conn
	for i := range 4 {
		c := dial(i%2 == 0)
		defer c.Close()
		conns = append(conns, c)
		until(func(s park.Stats) bool { return s.Idle == int64(i+1) })
	}
	for i := range 2 { // a new one makes the oldest go, of whatever kind
		c := dial(i%2 == 1)
		defer c.Close()
		if _, err := conns[i].Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("connection %d: %v", i, err)
		}
		conns = append(conns, c)
	}
	for _, c := range conns[2:] {
		_, _ = c.Write([]byte("poll\n"))
	}
	var ids []park.ID
	for range 4 {
		ids = append(ids, <-holds)
	}
	for _, tcpToo := range []bool{true, false} {
		c := dial(tcpToo)
		if got, err := bufio.NewReader(c).ReadString('\n'); got != "full\n" {
			t.Errorf("got %q, %v", got, err)
		}
		c.Close()
	}
	if err := lot.Check(); err != nil {
		t.Error(err)
	}
	for _, id := range ids {
		lot.Answer(id, []byte("message\n"), false)
	}
	for _, c := range conns[2:] {
		if got, err := bufio.NewReader(c).ReadString('\n'); got != "message\n" {
			t.Errorf("got %q, %v", got, err)
		}
	}
	lot.Drain()
	until(func(s park.Stats) bool { return s.Idle+s.Active+s.Parked == 0 })
	if err := lot.Check(); err != nil {
		t.Error(err)
	}
	lot.Shut()
}
