package backend

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// faulty is an app that answers each request with its own target, in every
// framing there is, and with every fault.
func faulty(c net.Conn) {
	br := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		early := rand.IntN(8) == 0
		if !early {
			io.Copy(io.Discard, r.Body)
		}
		id := r.RequestURI
		body := strings.Repeat(id+";", 1+rand.IntN(2000))
		if rand.IntN(3) > 0 {
			body = id + ";"
		}
		if rand.IntN(20) == 0 {
			time.Sleep(time.Duration(rand.IntN(5)) * time.Millisecond)
		}
		if rand.IntN(10) == 0 {
			io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: "+id+"\r\n\r\n")
		}
		sized := fmt.Sprintf("HTTP/1.1 200 OK\r\nX-Id: %s\r\nContent-Length: %d\r\n\r\n", id, len(body))
		other := "HTTP/1.1 200 OK\r\nX-Id: " + id + "\r\n"
		switch rand.IntN(24) {
		case 0:
			return
		case 1:
			io.WriteString(c, sized[:len(sized)/2])
			return
		case 2:
			io.WriteString(c, sized+body[:len(body)/2])
			return
		case 3: // something behind it
			io.WriteString(c, sized+body+sized)
		case 4:
			io.WriteString(c, sized+body)
			return
		case 5:
			io.WriteString(c, other+"\r\n"+body)
			return
		case 6, 7, 8:
			io.WriteString(c, other+"Transfer-Encoding: chunked\r\n\r\n")
			for b := body; b != ""; {
				n := 1 + rand.IntN(len(b))
				fmt.Fprintf(c, "%x\r\n%s\r\n", n, b[:n])
				b = b[n:]
			}
			io.WriteString(c, "0\r\n\r\n")
		case 9:
			io.WriteString(c, "garbage\r\n\r\n")
		default:
			io.WriteString(c, sized+body)
		}
		if early {
			return
		}
	}
}

// TestChaos: whatever happens, nobody gets a byte of somebody else's answer.
func TestChaos(t *testing.T) {
	workers, rounds := 100, chaosRounds
	if testing.Short() {
		rounds = 20
	}
	b := script(t, Options{MaxConns: 20, IdleTimeout: 20 * time.Millisecond}, faulty)
	var wg sync.WaitGroup
	var mu sync.Mutex
	complete := 0
	for w := range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			good := 0
			for i := range rounds {
				if chaosExchange(t, b, fmt.Sprintf("/%d-%d", w, i)) {
					good++
				}
			}
			mu.Lock()
			complete += good
			mu.Unlock()
		}()
	}
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(3 * time.Millisecond):
				if err := b.Check(); err != nil {
					t.Error(err)
				}
				if rand.IntN(10) == 0 {
					b.CloseIdle()
				}
			}
		}
	}()
	wg.Wait()
	close(stop)
	t.Logf("%d of %d complete, %+v", complete, workers*rounds, b.Stats())
	if complete < workers*rounds/4 {
		t.Error("too few answers for a test of this")
	}
}

// chaosExchange makes one exchange of a random kind and reports whether the
// answer was complete.
func chaosExchange(t *testing.T, b *Backend, id string) bool {
	r := get(id)
	switch rand.IntN(4) {
	case 0:
		r = request("POST", id)
		r.Body, r.BodySize = strings.NewReader(strings.Repeat("x", 70_000)), -1
	case 1:
		r = request("PUT", id)
		r.BodyBytes = make([]byte, rand.IntN(50_000))
	}
	var x *Exchange
	if rand.IntN(10) == 0 {
		cancel := make(chan struct{})
		r.Cancel, r.SlowAfter = cancel, time.Millisecond
		time.AfterFunc(time.Duration(rand.IntN(3000))*time.Microsecond, func() { close(cancel) })
	}
	x, err := b.Exchange(r)
	if err != nil {
		if _, ok := err.(*Error); !ok {
			t.Errorf("%T: %v", err, err)
		}
		return false
	}
	defer x.Close()
	if got := string(x.Header.Peek("X-Id")); got != id {
		t.Errorf("%s got the head of %s", id, got)
	}
	if rand.IntN(20) == 0 {
		go x.Cancel()
	}
	if rand.IntN(20) == 0 {
		return false // not read
	}
	body, ok := x.BufferedBody()
	if !ok {
		body, err = io.ReadAll(x.Body())
	}
	got := string(body)
	if err == nil && (got == "" || got != strings.Repeat(id+";", len(got)/(len(id)+1))) {
		t.Errorf("%s got the body %.60q", id, got)
	}
	return err == nil
}

func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{join .Imports "\n"}}`, ".").Output()
	if err != nil {
		t.Skip(err)
	}
	for _, p := range strings.Fields(string(out)) {
		if p == "net/http" || strings.HasPrefix(p, "cometproxy") {
			t.Errorf("imports %s: this package knows one app and HTTP/1.1, nothing of the proxy", p)
		}
	}
}
