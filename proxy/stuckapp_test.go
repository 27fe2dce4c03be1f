package proxy

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cometproxy/backend"
)

// TestShutdownWithStuckApp: an app that takes no more of a request's body, and a
// request that waits in the queue behind it, do not hold up a shutdown.
func TestShutdownWithStuckApp(t *testing.T) {
	virtual(t, Options{}, func(t *testing.T, _ *site) {
		a := openApp(t, backend.Options{MaxConns: 1}, nil)
		o := behind(a)
		o.Grace = time.Second
		s := open(t, o)
		for range 2 {
			c := s.dial()
			c.send("POST /app HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n")
			go func() {
				for range 100 {
					if _, err := c.Write([]byte(strings.Repeat("x", 100000))); err != nil {
						return
					}
				}
			}()
		}
		synctest.Wait()
		if st := a.Stats(); st.Active != 1 || st.Waiting != 1 {
			t.Fatalf("%+v", st)
		}
		began := time.Now()
		if cut := s.shutdown(nil); cut != 2 {
			t.Errorf("%d cut off", cut)
		}
		if took := time.Since(began); took > s.set().Grace+5*time.Second {
			t.Errorf("it took %s", took)
		}
		synctest.Wait()
		s.atRest()
		if st := a.Stats(); st.Active+st.Waiting != 0 {
			t.Errorf("%+v", st)
		}
	})
}
