package park_test

import (
	"bufio"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"

	"cometproxy/park"
)

// TestBubble: a hold of 25 s over a listener in memory, in virtual time. All of
// the lot, the idle workers too, must be visible to the bubble and end with it.
func TestBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const hold = 25 * time.Second
		ended := make(chan time.Duration, 1)
		var lot park.Lot
		var parked time.Time
		takeOver := func(hc net.Conn) {
			c := hc.(interface{ UnsafeConn() net.Conn }).UnsafeConn().(park.Conn)
			parked = time.Now()
			lot.Park(c.ID(), park.Stay{Owner: c, Until: parked.Add(hold), Carried: c.Detach(hc)})
		}
		server := &fasthttp.Server{
			Handler: func(ctx *fasthttp.RequestCtx) {
				ctx.HijackSetNoResponse(true)
				ctx.Hijack(takeOver)
			},
			StreamRequestBody: true,
			NoDefaultDate:     true,
			IdleTimeout:       time.Second,
			ReadTimeout:       10 * time.Second,
		}
		lot = park.NewGoroutine(park.Options{Event: func(ev park.Event) {
			switch ev.Kind {
			case park.Serve:
				_ = server.ServeConn(ev.Conn)
			case park.Deadline:
				ended <- time.Since(parked)
				lot.Answer(ev.ID, []byte("HTTP/1.1 204 No Content\r\n\r\n"), false)
			}
		}})
		ln := fasthttputil.NewInmemoryListener()
		served := make(chan error, 1)
		go func() { served <- lot.Serve(ln) }()

		c, err := ln.Dial()
		if err != nil {
			t.Fatal(err)
		}
		br := bufio.NewReader(c)
		for range 3 {
			// Two at once: the second is carried over and held again.
			_, _ = c.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"))
			for range 2 {
				if after := <-ended; after < hold || after > hold+100*time.Millisecond {
					t.Errorf("held for %v, want %v", after, hold)
				}
				var resp fasthttp.Response
				if err := resp.Read(br); err != nil || resp.StatusCode() != 204 {
					t.Fatalf("answer %d, %v", resp.StatusCode(), err)
				}
			}
			synctest.Wait()
			if s := lot.Stats(); s.Idle != 1 {
				t.Errorf("got %+v", s)
			}
		}

		// Pipelined while it is parked: kept, and held after the first.
		_, _ = c.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
		synctest.Wait()
		_, _ = c.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
		<-ended
		<-ended
		synctest.Wait()

		time.Sleep(80 * time.Second) // longer than the idle timeout
		synctest.Wait()
		if s := lot.Stats(); s.Idle+s.Active+s.Parked+s.Finishing != 0 {
			t.Errorf("got %+v", s)
		}
		if err := lot.Check(); err != nil {
			t.Error(err)
		}
		_ = ln.Close()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		lot.Shut()
		time.Sleep(20 * time.Second) // fasthttp's own cleaners
	})
}
