package test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

// timeoutBody is what holds in these tests end with when nothing comes.
const timeoutBody = "nothing"

// A holding app answers GET /hold/{name}?{further} by a hold on the channel
// hold:{name} and on everyone, after as long as it likes.
func holding(t *testing.T, think func(name string)) *harness.Backend {
	return harness.NewBackend(t, func(x *harness.Exchange) {
		path, query, _ := strings.Cut(x.Target, "?")
		name := strings.TrimPrefix(path, "/hold/")
		think(name)
		channel := "Grip-Channel: hold:" + name
		if query != "" {
			channel += "; prev-id=" + query
		}
		x.Answer(200, timeoutBody, "Grip-Hold: response", "Grip-Timeout: 5", channel, "Grip-Channel: everyone", "Content-Type: text/plain")
	})
}

// TestGRIPPublishAroundTheAnswer: messages published at any moment around the one
// at which the app's answer holds the request reach the client.
func TestGRIPPublishAroundTheAnswer(t *testing.T) {
	clients, rounds := 100, harness.Scale(100, 10)
	const answerAfter, latest = 10 * time.Millisecond, 20 * time.Millisecond
	arrived := make([]chan struct{}, clients)
	for i := range arrived {
		arrived[i] = make(chan struct{}, 1)
	}
	app := holding(t, func(name string) {
		i, _ := strconv.Atoi(name)
		arrived[i] <- struct{}{}
		time.Sleep(answerAfter)
	})
	s := harness.Start(t, app.Config(""))
	var lost atomic.Int64
	var done sync.WaitGroup
	for i := range clients {
		c := s.Client(t)
		done.Go(func() {
			for r := range rounds {
				c.SendGet(fmt.Sprintf("/hold/%d", i))
				<-arrived[i]
				offset := latest * time.Duration(r*clients+i) / time.Duration(clients*rounds)
				time.Sleep(offset)
				body := fmt.Sprintf("%d.%d", i, r)
				if _, err := s.TryPublishAll([]harness.Item{harness.GRIPItem(fmt.Sprintf("hold:%d", i), "", body)}); err != nil {
					t.Error(err)
					return
				}
				a, err := c.Read()
				if err != nil {
					t.Errorf("client %d: %v", i, err)
					return
				}
				if string(a.Body) != body {
					lost.Add(1)
					t.Errorf("published %v after the request had come: got %q, want %q", offset, a.Body, body)
				}
			}
		})
	}
	done.Wait()
	st := s.Stats().GRIP
	t.Logf("%d publishes: lost %d; %d requests were held, %d had their message when the app answered", clients*rounds, lost.Load(), st["held"], st["found"])
	if st["held"]+st["found"] != uint64(clients*rounds) {
		t.Errorf("%v", st)
	}
}

// A follower is a client of a holding app that sends the cursor of each answer
// back.
type follower struct {
	c      *harness.Client
	target string
	cursor string
}

// next polls once.
func (f *follower) next() (body string, err error) {
	var lines []string
	if f.cursor != "" {
		lines = []string{"Comet-Cursor: " + f.cursor}
	}
	if err := f.c.SendGet(f.target, lines...); err != nil {
		return "", err
	}
	a, err := f.c.ReadTo("GET", harness.Patience)
	if err != nil {
		return "", err
	}
	if f.cursor = a.Header.Get("Comet-Cursor"); f.cursor == "" {
		return "", fmt.Errorf("%d without a cursor: %s", a.Status, a.Body)
	}
	return string(a.Body), nil
}

// TestGRIPCursor: clients that send their cursor back get every message of two
// channels once and in order, however long the app takes for its answer to each
// poll.
func TestGRIPCursor(t *testing.T) {
	clients, each := harness.Scale(200, 40), harness.Scale(500, 50)
	everyone := each / 5 // messages to all of them
	app := holding(t, func(string) { time.Sleep(rand.N(50 * time.Millisecond)) })
	s := harness.Start(t, "[history]\nmessages = 2000\n"+app.Config(""))
	logs, errs := make([][]string, clients), make([]error, clients)
	var ready, done sync.WaitGroup
	ready.Add(clients)
	want := each + everyone
	for i := range clients {
		f := &follower{c: s.Client(t), target: fmt.Sprintf("/hold/%d", i)}
		done.Go(func() {
			started := false
			for len(logs[i]) < want && errs[i] == nil && !t.Failed() {
				var body string
				body, errs[i] = f.next()
				if !started { // the first poll takes the message that says so
					started = true
					ready.Done()
					continue
				}
				if body != timeoutBody {
					logs[i] = append(logs[i], body)
				}
			}
		})
	}
	start := make([]harness.Item, clients)
	for i := range start {
		start[i] = harness.GRIPItem(fmt.Sprintf("hold:%d", i), "", "start")
	}
	s.AwaitParked(clients, harness.Patience)
	if _, err := s.TryPublishAll(start); err != nil {
		t.Fatal(err)
	}
	ready.Wait()
	published := publishGRIP(t, s, clients, each, everyone)
	done.Wait()
	lost, twice, disordered := 0, 0, 0
	for i, log := range logs {
		if errs[i] != nil {
			t.Errorf("client %d: %v", i, errs[i])
		}
		l, w, d := compareGRIP(i, log, each, everyone)
		lost, twice, disordered = lost+l, twice+w, disordered+d
	}
	st := s.Stats()
	t.Logf("%d clients, %d messages: lost %d, twice %d, out of order %d; %v", clients, published, lost, twice, disordered, st.GRIP)
	if lost+twice+disordered > 0 || st.GRIP["behind"] > 0 {
		t.Error("deliveries are wrong")
	}
}

// publishGRIP publishes each messages to every client's own channel and some to
// everyone, with pauses of all lengths.
func publishGRIP(t *testing.T, s *harness.Server, clients, each, everyone int) (published int) {
	t.Helper()
	for n := range each {
		items := make([]harness.Item, 0, clients+1)
		if n%5 == 0 && n/5 < everyone {
			items = append(items, harness.GRIPItem("everyone", "", fmt.Sprintf("all.%d", n/5)))
		}
		for i := range clients {
			items = append(items, harness.GRIPItem(fmt.Sprintf("hold:%d", i), "", fmt.Sprintf("%d.%d", i, n)))
		}
		if _, err := s.TryPublishAll(items); err != nil {
			t.Fatal(err)
		}
		published += len(items)
		time.Sleep(rand.N(20 * time.Millisecond))
	}
	return published
}

// compareGRIP compares what client i got with what it should have.
func compareGRIP(i int, log []string, each, everyone int) (lost, twice, disordered int) {
	counts, last := make(map[string]int), make(map[string]int)
	for _, body := range log {
		counts[body]++
		channel, number, _ := strings.Cut(body, ".")
		n, err := strconv.Atoi(number)
		if err != nil || n < last[channel] {
			disordered++
		}
		last[channel] = n
	}
	count := func(channel string, n int) {
		for k := range n {
			switch c := counts[fmt.Sprintf("%s.%d", channel, k)]; {
			case c == 0:
				lost++
			case c > 1:
				twice++
			}
		}
	}
	count(strconv.Itoa(i), each)
	count("all", everyone)
	return lost, twice, disordered
}

// TestGRIPBursts: of three messages published at once, a client that is held and
// comes back without saying what it has seen gets the first; the publisher is
// told so, and the others are counted. A client with its cursor gets all, and so
// does one whose app names the last id that it has shown.
func TestGRIPBursts(t *testing.T) {
	const bursts = 30
	app := holding(t, func(string) {})
	s := harness.Start(t, app.Config(""))
	burst := func(name string, b int) (released int) {
		items := make([]harness.Item, 3)
		for k := range items {
			id := fmt.Sprintf("%d.%d", b, k)
			items[k] = harness.GRIPItem("hold:"+name, id, id)
		}
		results, err := s.TryPublishAll(items)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			released += r.Released
		}
		return released
	}

	plain := s.Client(t)
	before, got, released := s.Stats().GRIP["unheard"], 0, 0
	for b := range bursts {
		plain.SendGet("/hold/plain")
		s.AwaitParked(1, harness.Patience)
		released += burst("plain", b)
		if a, err := plain.Read(); err != nil || string(a.Body) != fmt.Sprintf("%d.0", b) {
			t.Fatalf("%v %v", a, err)
		}
		got++
	}
	unheard := s.Stats().GRIP["unheard"] - before
	t.Logf("without a cursor: %d of %d messages came, %d releases, %d unheard", got, 3*bursts, released, unheard)
	if got != bursts || released != bursts || unheard != 2*bursts {
		t.Error("not one of each three")
	}

	for _, way := range []string{"cursor", "prev-id"} {
		f := &follower{c: s.Client(t), target: "/hold/" + way}
		for b := range bursts {
			for k := range 3 {
				want := fmt.Sprintf("%d.%d", b, k)
				if k == 0 {
					go func() { s.AwaitParked(1, harness.Patience); burst(way, b) }()
				}
				body, err := f.next()
				if err != nil || body != want {
					t.Fatalf("with a %s: %q, %v; want %q", way, body, err, want)
				}
				if way == "prev-id" {
					f.cursor, f.target = "", "/hold/"+way+"?"+body
				}
			}
		}
	}
}

// TestGRIPNonsense: an app that answers nonsense gives its client 502 with a
// reason, and the log the detail.
func TestGRIPNonsense(t *testing.T) {
	answers := map[string]struct {
		head, body string
		logged     string
	}{
		"hold":    {"Grip-Hold: sometimes", "", "sometimes"},
		"stream":  {"Grip-Hold: stream\r\nGrip-Channel: a", "", "stream"},
		"timeout": {"Grip-Hold: response\r\nGrip-Channel: a\r\nGrip-Timeout: soon", "", "soon"},
		"channel": {"Grip-Hold: response\r\nGrip-Channel: $own", "", "$own"},
		"status":  {"Grip-Status: fine", "", "fine"},
		"json":    {"Content-Type: application/grip-instruct", "{", "grip-instruct"},
		"large":   {"Grip-Hold: response\r\nGrip-Channel: a", strings.Repeat("x", 100_001), "100000"},
		"gzip":    {"Grip-Hold: response\r\nGrip-Channel: a\r\nContent-Encoding: gzip", "not gzip", "gzip"},
	}
	app := harness.NewBackend(t, func(x *harness.Exchange) {
		a := answers[strings.TrimPrefix(x.Target, "/")]
		x.Answer(200, a.body, strings.Split(a.head, "\r\n")...)
	})
	s := harness.Start(t, app.Config(""))
	c := s.Client(t)
	for name, a := range answers {
		r := c.Get(t, "/"+name)
		var p struct{ Detail string }
		if json.Unmarshal(r.Body, &p); r.Status != 502 || !strings.Contains(p.Detail, "GRIP instructions") {
			t.Errorf("%s: %d %s", name, r.Status, r.Body)
		}
		for end := time.Now().Add(harness.Patience); s.LogCount(a.logged) == 0; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: the log does not say %q:\n%s", name, a.logged, s.Log())
			}
		}
		for line := range r.Header {
			if strings.HasPrefix(line, "Grip-") {
				t.Errorf("%s: the client sees %s", name, line)
			}
		}
	}
}

// TestGRIPEarlyAnswer: an app may hold a request before it has read its body, or
// without ever reading it. The body is never taken for the next request.
func TestGRIPEarlyAnswer(t *testing.T) {
	const hold = "HTTP/1.1 200 OK\r\nGrip-Hold: response\r\nGrip-Channel: a\r\nContent-Length: 4\r\n\r\nnone"
	app := harness.NewBackend(t, func(x *harness.Exchange) {
		switch x.Target {
		case "/reads":
			x.Write(hold)
			x.Body()
		case "/closes":
			x.Write(hold)
			x.Last = true
		case "/nonsense":
			x.Write(strings.Replace(hold, "response", "sometimes", 1))
			x.Body()
		default:
			x.Answer(200, "plain")
		}
	})
	s := harness.Start(t, app.Config(""))
	body := strings.Repeat("GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n", 1000)
	for _, target := range []string{"/reads", "/closes"} {
		c := s.Client(t)
		c.Send(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", target, len(body), body[:20000]))
		time.Sleep(50 * time.Millisecond)
		c.Send(body[20000:] + harness.Request("GET", "/next", ""))
		s.AwaitParked(1, harness.Patience)
		s.Publish("a", "news")
		if a, err := c.Read(); err != nil || string(a.Body) != "news" {
			t.Errorf("%s: %+v %v", target, a, err)
		}
		if a, err := c.Read(); err != nil || string(a.Body) != "plain" {
			t.Errorf("%s: %+v %v", target, a, err)
		}
	}
	c := s.Client(t)
	c.Send(fmt.Sprintf("POST /nonsense HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:20000]))
	if a := c.Want(t, 502); a.Header.Get("Connection") != "close" {
		t.Errorf("%+v", a)
	}
	if err := c.End(harness.Patience); err != nil {
		t.Error(err)
	}
	for _, x := range app.Requests() {
		if x.Target == "/smuggled" {
			t.Fatal("a request's body was taken for a request")
		}
	}
}
