package doctor

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// answer makes one; lines are header lines, "Name: value".
func answer(status int, took time.Duration, body string, lines ...string) Answer {
	h := make(http.Header)
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		h.Add(name, value)
	}
	return Answer{Status: status, Took: took, Body: []byte(body), Header: h, Coded: h.Get("Content-Encoding")}
}

const (
	ours = "Comet-Cursor: AAA"
	mark = "Comet-Probe: 1"
)

var (
	none    = answer(204, 0, "", ours)
	problem = answer(503, 0, `{"type":"about:blank","status":503,"detail":"as many polls are held"}`+"\n", "Content-Type: application/problem+json")
)

func failed(took time.Duration, err error) Answer { return Answer{Took: took, Err: err} }

func later(a Answer, took time.Duration) Answer {
	a.Took = took
	return a
}

func TestOutcome(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		asked time.Duration
		kind  Kind
		a     Answer
		want  Outcome
	}{
		{8 * s, KindPoll, later(none, 8*s), Full},
		{8 * s, KindPoll, later(none, 7300*time.Millisecond), Full}, // a tenth shorter
		{8 * s, KindPoll, later(none, 5*s), Short},
		{8 * s, KindPoll, answer(200, 2*s, "{}", ours), News},
		{8 * s, KindProbe, answer(204, 8*s, "", mark), Full}, // the cursor got lost
		{8 * s, KindProbe, answer(200, 0, "{}", ours, mark), NoQuery},
		{8 * s, KindPoll, problem, Refused},
		{8 * s, KindPoll, answer(504, 5*s, ""), Cut},
		{8 * s, KindPoll, answer(200, 5*s, "try again"), Cut},
		{8 * s, KindPoll, failed(5*s, io.EOF), Cut},
		{8 * s, KindPoll, failed(18*s, os.ErrDeadlineExceeded), Cut},
		{0, KindSilent, failed(18*s, os.ErrDeadlineExceeded), Open},
		{0, KindSilent, failed(3*s, syscall.ECONNRESET), Cut},
		{0, KindSilent, answer(200, 5*s, ""), Full},
		{0, KindSilent, answer(504, 5*s, ""), Cut},
	} {
		if got := outcome(&Hold{c.asked, c.a}, c.kind); got != c.want {
			t.Errorf("%v %d %+v: %s, want %s", c.asked, c.kind, c.a, got, c.want)
		}
	}
}

// evidence of a probe by which all is fine.
func evidence() *Evidence {
	e := &Evidence{Asked: "http://a.example/p", URL: "http://a.example/p", ProbeURL: "http://a.example/p", Kind: KindProbe, Longest: 8 * time.Second,
		Connection: Connection{Address: "192.0.2.1:80", Protocol: "HTTP/1.1"}, First: answer(204, 0, "", ours, mark), Probe: new(Probing)}
	for _, d := range lengths(e.Longest) {
		e.Holds = append(e.Holds, Hold{d, later(none, d)})
	}
	echoed := func(n int, accept string) Echoed {
		a := answer(200, 0, "", ours, mark, "Cache-Control: no-store", "Vary: Origin", "X-Content-Type-Options: nosniff")
		a.Reused = n > 0
		return Echoed{a, &Echo{Probe: 1, Nonce: fmt.Sprint(n), HTTP: "1.1", Connection: "c", Timeout: 25, Max: 60,
			Names: append([]string{"Host"}, sentLines...), Values: map[string]string{"Accept-Encoding": accept}}}
	}
	for n := range 4 {
		e.Probe.Echoes = append(e.Probe.Echoes, echoed(n, "identity"))
	}
	coded := echoed(4, acceptAll)
	e.Probe.Coded = &coded
	e.Probe.Pieces = &Pieces{Sent: []time.Duration{0, time.Second, 2 * time.Second}, Arrived: []time.Duration{0, 1010 * time.Millisecond, 2020 * time.Millisecond}}
	return e
}

// TestJudge changes one thing after the other in what is fine.
func TestJudge(t *testing.T) {
	if r := Judge(evidence()); r.Found || len(r.Advice) > 0 || slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Verdict != "fine" || c.Level != LevelFine }) {
		t.Errorf("%+v", r)
	}
	const s = time.Second
	for _, c := range []struct {
		name           string
		change         func(*Evidence)
		check, verdict string
		found          bool
		says           string // in the check's text or in the advice
	}{
		{"cut", func(e *Evidence) { e.Holds[3].Answer = answer(504, 5*s, "", "Server: nginx/1.22.1") }, "holds", "cut", true, "after 5 s with 504 Gateway Timeout by nginx/1.22.1; a hold of 4 s came through"},
		{"cut, what to set", func(e *Evidence) { e.Holds[3].Answer = answer(504, 5*s, "", "Server: nginx") }, "holds", "cut", true, "proxy_read_timeout 70s;"},
		{"cut by Cloudflare", func(e *Evidence) { e.Holds[3].Answer = answer(524, 5*s, "", "CF-Ray: x", "Server: cloudflare") }, "holds", "cut", true, "hold.max_timeout below 100s"},
		{"cut behind an AWS load balancer", func(e *Evidence) {
			e.Probe.Echoes[0].Echo.Names = append(e.Probe.Echoes[0].Echo.Names, "X-Amzn-Trace-Id")
			e.Holds[3].Answer = failed(5*s, io.EOF)
		}, "holds", "cut", true, "idle_timeout.timeout_seconds = 70"},
		{"cut above what clients get", func(e *Evidence) {
			e.Holds = []Hold{{50 * s, answer(504, 40*s, "")}}
		}, "holds", "cut", true, "clients that ask for nothing get 25 s, which come through"},
		{"cut at once", func(e *Evidence) {
			for i := range e.Holds {
				e.Holds[i].Answer = answer(403, 0, "")
			}
		}, "holds", "cut", true, "ended at once with 403 Forbidden"},
		{"cut now and then", func(e *Evidence) { e.Holds[2].Answer, e.Holds[3].Answer = failed(2*s, io.EOF), failed(5*s, io.EOF) }, "holds", "cut", true, "after 2.0 to 5 s by the end"},
		{"refused", func(e *Evidence) { e.Holds[3].Answer = problem }, "holds", "refused", true, "503: as many polls are held"},
		{"no query", func(e *Evidence) { e.Holds[3].Answer = answer(200, 0, "{}", mark) }, "holds", "changed", true, "takes the query away"},
		{"short", func(e *Evidence) { e.Holds[3].Answer = later(none, 2*s) }, "holds", "fine", false, "hold.max_timeout"},
		{"drain", func(e *Evidence) { e.Holds[3].Answer = answer(204, 2*s, "", ours, "Retry-After: 20") }, "holds", "unknown", false, "is ending"},
		{"news", func(e *Evidence) { e.Holds[3].Answer = answer(200, 2*s, "{}", ours) }, "holds", "fine", false, "4 s came through; messages"},
		{"buffered", func(e *Evidence) { e.Probe.Pieces.Arrived = []time.Duration{2 * s, 2 * s, 2 * s} }, "buffering", "buffered", true, "within 2 s came all at once"},
		{"half buffered", func(e *Evidence) {
			e.Probe.Pieces.Arrived = []time.Duration{1100 * time.Millisecond, 1100 * time.Millisecond, 2 * s}
		}, "buffering", "buffered", true, "flushpackets=on"},
		{"no pieces", func(e *Evidence) { e.Probe.Pieces = &Pieces{Answer: problem} }, "buffering", "unknown", false, "503"},
		{"compressed", func(e *Evidence) {
			e.Probe.Coded = &Echoed{answer(200, 0, "", "Content-Encoding: br", "Via: 1.1 Caddy"), nil}
		}, "compression", "compressed", true, "no \"encode\""},
		{"compressed unasked", func(e *Evidence) { e.Probe.Echoes[0].Answer.Coded = "gzip" }, "compression", "compressed", true, "(gzip)"},
		{"Accept-Encoding", func(e *Evidence) { e.Probe.Coded.Echo.Values["Accept-Encoding"] = "gzip" }, "compression", "fine", false, `to "gzip"`},
		{"cached", func(e *Evidence) { e.Probe.Echoes[1].Echo.Nonce = "0" }, "caching", "cached", true, "in spite of"},
		{"headers", func(e *Evidence) { e.Probe.Echoes[0].Answer.Header.Set("Cache-Control", "private") }, "headers", "changed", true, "Cache-Control of answers"},
		{"no X-Forwarded-For", func(e *Evidence) { e.First.Header.Set("Server", "nginx") }, "headers", "incomplete", false, "proxy_set_header X-Forwarded-For"},
		{"HTTP/1.0", func(e *Evidence) { e.Probe.Echoes[3].Echo.HTTP = "1.0" }, "protocol", "HTTP/1.0", false, "proxy_http_version 1.1;"},
		{"no keep-alive", func(e *Evidence) {
			for i, x := range e.Probe.Echoes {
				x.Echo.Connection, x.Echo.Values["Connection"] = fmt.Sprint(i), "close"
			}
		}, "protocol", "no keep-alive", false, "keepalive 64;"},
		{"other connections", func(e *Evidence) {
			for i, x := range e.Probe.Echoes {
				x.Echo.Connection = fmt.Sprint(i)
			}
		}, "protocol", "unknown", false, "or many take turns"},
		{"nor the client's", func(e *Evidence) {
			for i := range e.Probe.Echoes {
				e.Probe.Echoes[i].Answer.Reused = false
			}
		}, "protocol", "fine", false, "a handshake"},
		{"redirected", func(e *Evidence) { e.Redirects = []string{"http://b/"} }, "reached", "redirected", false, "redirected from"},
		{"nobody", func(e *Evidence) { e.Failure = &Failure{"refused", "nothing listens", "Start it."} }, "reached", "refused", true, "Start it."},
		{"another", func(e *Evidence) { e.Kind, e.First = KindOther, answer(200, 0, "hi", "Server: Apache/2.4") }, "holds", "nothing holds", true, "200 OK by Apache/2.4"},
		{"forbidden", func(e *Evidence) { e.Kind, e.First = KindOther, answer(403, 0, "") }, "holds", "nothing holds", true, "-header"},
		{"not running", func(e *Evidence) { e.Kind, e.First = KindOther, answer(502, 0, "", "Server: nginx") }, "holds", "no answer", true, "is cometproxy running"},
		{"not running, in the end", func(e *Evidence) { e.Kind, e.Probe, e.Holds = KindSilent, nil, []Hold{{0, answer(503, 3*s, "")}} }, "holds", "no answer", true, "503"},
		{"cached poll", func(e *Evidence) {
			e.Kind, e.Probe = KindPoll, nil
			e.First.Header.Set("X-Cache", "Hit from cloudfront")
		}, "caching", "cached", true, "X-Cache: Hit"},
		{"compressed poll", func(e *Evidence) {
			e.Kind, e.Probe, e.Poll = KindPoll, nil, &Polling{answer(200, 0, "", "Content-Encoding: gzip")}
		}, "compression", "compressed", true, "probe = "},
	} {
		e := evidence()
		c.change(e)
		r := Judge(e)
		var text strings.Builder
		r.Print(&text)
		if r.Verdict(c.check) != c.verdict || r.Found != c.found || !strings.Contains(text.String(), c.says) {
			t.Errorf("%s: found %t, want %s %s, %q in\n%s", c.name, r.Found, c.check, c.verdict, c.says, text.String())
		}
	}
}

func TestHow(t *testing.T) {
	for _, c := range []struct {
		a    Answer
		want string
	}{
		{answer(408, 0, "<body>Your browser didn't send a complete request in time.</body>"), "with 408 Request Timeout by HAProxy"},
		{answer(504, 0, "The server didn't respond in time."), "by HAProxy"},
		{answer(599, 0, ""), "with 599"},
		{failed(0, fmt.Errorf("read: %w", syscall.ECONNRESET)), "RST"},
		{failed(0, io.ErrUnexpectedEOF), "FIN"},
		{failed(0, os.ErrDeadlineExceeded), "by silence"},
		{failed(0, errors.New("stream error: stream ID 1; INTERNAL_ERROR")), "by HTTP/2"},
		{failed(0, errors.New("odd\x1b[31m")), "by an error: odd[31m"},
	} {
		if got := how(&c.a); !strings.Contains(got, c.want) {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestLengths(t *testing.T) {
	for longest, want := range map[time.Duration]string{8 * time.Second: "[1s 2s 4s 8s]", time.Second: "[500ms 1s]", 55 * time.Second: "[6.8s 13.7s 27.5s 55s]"} {
		if got := fmt.Sprint(lengths(longest)); got != want {
			t.Errorf("%s: %s, want %s", longest, got, want)
		}
	}
}
