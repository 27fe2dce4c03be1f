package parktest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cometproxy/park"
)

// testReuse: connections come and go as fast as they can, so that the system
// gives each descriptor to the next one at once, while events of the one before
// are under way. No client gets a byte that is for another, and no hold an event:
// see the rig.
func testReuse(t *testing.T, newLot func(park.Options) park.Lot) {
	r := newRig(t, newLot, park.Options{})
	end := make(chan bool)
	var claimants, clients sync.WaitGroup
	for range 4 {
		claimants.Go(func() { // of several holds at once, in no order
			var held []*hold
			for {
				select {
				case h := <-r.holds:
					held = append(held, h)
				case <-end:
					return
				case <-time.After(2 * time.Millisecond):
				}
				for len(held) > 8 || len(held) > 0 && rand.IntN(2) == 0 {
					i := rand.IntN(len(held))
					r.lot.Answer(held[i].id, []byte(held[i].said+"\n"), rand.IntN(3) == 0)
					held[i] = held[len(held)-1]
					held = held[:len(held)-1]
				}
			}
		})
	}
	var answers atomic.Int64
	for i := range 16 {
		clients.Go(func() {
			for n := range 60 {
				got, err := reuseClient(r.ln.Addr().String(), fmt.Sprintf("%d.%d", i, n))
				if err != nil {
					t.Error(err)
					return
				}
				answers.Add(int64(got))
			}
		})
	}
	clients.Wait()
	close(end)
	claimants.Wait()
	if answers.Load() < 100 {
		t.Errorf("only %d answers", answers.Load())
	}
}

// reuseClient sends requests that only its own answers fit, and leaves at some
// moment in some way.
func reuseClient(addr, name string) (answers int, err error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return 0, err
	}
	c := conn.(*net.TCPConn)
	defer c.Close()
	if rand.IntN(3) == 0 {
		_ = c.SetLinger(0)
	}
	b := make([]byte, 256)
	for i := range 1 + rand.IntN(4) {
		said := fmt.Sprintf("%s.%d", name, i)
		verb := []string{"park ", "say ", "idle "}[rand.IntN(3)]
		if _, err := c.Write([]byte(verb + said + "\n")); err != nil {
			return answers, nil
		}
		switch rand.IntN(8) {
		case 0:
			return answers, nil
		case 1:
			_ = c.CloseWrite()
		}
		_ = c.SetReadDeadline(time.Now().Add(patience))
		got := ""
		for !strings.HasSuffix(got, "\n") {
			n, err := c.Read(b)
			if err != nil {
				return answers, nil
			}
			got += string(b[:n])
		}
		if got != said+"\n" && got != "late "+said+"\n" {
			return answers, fmt.Errorf("the client of %q got %q", said, got)
		}
		answers++
	}
	return answers, nil
}
