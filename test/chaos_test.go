package test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

// An appFault is what an app does instead of a whole answer, and what its client may
// see of that: one of the statuses, or an answer that is cut off.
type appFault struct {
	name     string
	statuses []int
	cut      bool
	do       func(x *harness.Exchange, body []byte)
}

var hugeHead = "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Filler: "+strings.Repeat("x", 1000)+"\r\n", 10<<10)

var appFaults = []appFault{
	{"dies", []int{502}, false, func(x *harness.Exchange, _ []byte) { x.Last = true }},
	{"is reset", []int{502}, false, func(x *harness.Exchange, _ []byte) {
		x.Conn.(interface{ SetLinger(int) error }).SetLinger(0)
		x.Last = true
	}},
	{"dies within the head", []int{502}, false, func(x *harness.Exchange, _ []byte) {
		x.Write("HTTP/1.1 200 OK\r\nContent-Le")
		x.Last = true
	}},
	{"dies within the body", nil, true, func(x *harness.Exchange, body []byte) {
		x.Write(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body)+1, body))
		x.Last = true
	}},
	{"dies between chunks", nil, true, func(x *harness.Exchange, body []byte) {
		x.Write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(string(body)))
		x.Last = true
	}},
	{"has chunks that are none", nil, true, func(x *harness.Exchange, body []byte) {
		x.Write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(string(body)) + "nonsense\r\n")
		x.Last = true
	}},
	{"babbles", []int{502}, false, func(x *harness.Exchange, body []byte) {
		x.Write(string(body[:min(len(body), 500)]) + "\r\n\r\n")
		x.Last = true
	}},
	{"hangs", []int{504}, false, func(x *harness.Exchange, _ []byte) {
		io.Copy(io.Discard, x.R)
		x.Last = true
	}},
	{"has two lengths", []int{502}, false, func(x *harness.Exchange, body []byte) {
		x.Write(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Length: 3\r\n\r\n%s", len(body), body))
		x.Last = true
	}},
	{"has a head of 10 MB", []int{502}, false, func(x *harness.Exchange, _ []byte) {
		x.Write(hugeHead)
		x.Last = true
	}},
}

// content is the body that belongs to a number: of any size up to 64 KiB, mostly
// small.
func content(n int) []byte {
	rnd := rand.New(rand.NewPCG(uint64(n), 1))
	size := 1 + rnd.IntN(2<<10)
	if rnd.IntN(20) == 0 {
		size = 1 + rnd.IntN(64<<10)
	}
	line := fmt.Sprintf("%d,", n)
	return []byte(strings.Repeat(line, size/len(line)+1)[:size])
}

// faultOf is what happens to request n: every tenth has a fault, costly ones are
// rarer.
func faultOf(n int) *appFault {
	if n%10 != 7 {
		return nil
	}
	f := &appFaults[n/10%len(appFaults)]
	if (f.name == "hangs" || f.name == "has a head of 10 MB") && n/100%50 != 0 {
		return &appFaults[n/100%6]
	}
	return f
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// faultyApp answers each number with its content, and with the sum of what came
// with it; or does what its fault is.
func faultyApp(x *harness.Exchange) {
	got, err := x.Body()
	n, bad := strconv.Atoi(strings.TrimPrefix(x.Target, "/"))
	if err != nil || bad != nil {
		x.Last = true
		return
	}
	body := content(n)
	if f := faultOf(n); f != nil {
		f.do(x, body)
		return
	}
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nX-Number: %d\r\nX-Got: %s\r\n", n, sum(got))
	if x.Last = n%50 == 0; x.Last { // said, or a POST might be sent on a connection that is being closed
		head += "Connection: close\r\n"
	}
	if n%3 == 0 {
		half := len(body) / 2
		x.Write(head + "Transfer-Encoding: chunked\r\n\r\n" + chunk(string(body[:half+1])))
		if half+1 < len(body) {
			x.Write(chunk(string(body[half+1:])))
		}
		x.Write("0\r\n\r\n")
	} else {
		x.Write(fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(body), body))
	}
}

// TestFaultyApp: an app with faults at one request of ten. Every answer is whole
// and its own, or clearly none; what the client has sent reaches the app whole.
func TestFaultyApp(t *testing.T) {
	b := harness.NewBackend(t, faultyApp)
	b.Forgets = true
	s := harness.Start(t, b.Config("answer_timeout = \"1s\"\neject_failures = 0\n")+appRoute)
	const clients = 64
	all := harness.Scale(100_000, 10_000)
	var next, whole, cut atomic.Int64
	inParallel(t, clients, func(int) error {
		var c *harness.Client
		defer func() {
			if c != nil {
				c.Close()
			}
		}()
		for {
			n := int(next.Add(1))
			if n > all {
				return nil
			}
			var err error
			if c == nil {
				if c, err = harness.NewClient(s.Public[0]); err != nil {
					return err
				}
			}
			again, err := askFaulty(c, n)
			if err != nil {
				return err
			}
			if again {
				whole.Add(1)
			} else {
				cut.Add(1)
				c.Close()
				c = nil
			}
		}
	})
	t.Logf("%d whole answers, %d connections ended", whole.Load(), cut.Load())
	if st := s.Stats(); st.Backends["app"].Active != 0 {
		t.Errorf("still under way: %+v", st.Backends)
	}
}

// askFaulty makes request n and checks its answer; again reports that the
// connection can be used further.
func askFaulty(c *harness.Client, n int) (again bool, err error) {
	method, sent := "GET", []byte(nil)
	switch n % 4 {
	case 1:
		method, sent = "PUT", content(n+1)
		err = c.Send(harness.Request(method, fmt.Sprintf("/%d", n), string(sent)))
	case 3:
		method, sent = "POST", content(n+1)
		go c.Send(req(method, fmt.Sprintf("/%d", n), "Transfer-Encoding: chunked") + chunk(string(sent)) + "0\r\n\r\n")
	default:
		err = c.SendGet(fmt.Sprintf("/%d", n))
	}
	if err != nil {
		return false, fmt.Errorf("request %d: %w", n, err)
	}
	a, err := c.ReadTo(method, 30*time.Second)
	f := faultOf(n)
	switch {
	case err != nil && f != nil && f.cut && !harness.TimedOut(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("request %d (%v): %w", n, f, err)
	case f != nil && f.cut:
		return false, fmt.Errorf("request %d: the app %s, and the answer is whole: %d, %d bytes", n, f.name, a.Status, len(a.Body))
	case f != nil:
		for _, status := range f.statuses {
			if a.Status == status && a.Header.Get("Content-Type") == "application/problem+json" {
				return !strings.EqualFold(a.Header.Get("Connection"), "close"), nil
			}
		}
		return false, fmt.Errorf("request %d: the app %s, and the answer is %d %s", n, f.name, a.Status, a.Body)
	case a.Status != 200 || a.Header.Get("X-Number") != strconv.Itoa(n) || sum(a.Body) != sum(content(n)):
		return false, fmt.Errorf("request %d: %d, answer of %q, %d bytes", n, a.Status, a.Header.Get("X-Number"), len(a.Body))
	case a.Header.Get("X-Got") != sum(sent):
		return false, errors.New("the app got another body than was sent")
	}
	return !strings.EqualFold(a.Header.Get("Connection"), "close"), nil
}
