package proxy

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/valyala/fasthttp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A wire test is one request and the exact bytes that come back, kept in
// testdata/wire/NAME.txt.
type wireTest struct {
	name     string
	options  Options
	app      string // what the app under /app answers; empty: there is none
	before   func(s *site)
	internal bool
	request  string // its lines end in LF here, and in CRLF on the wire; body apart
	body     string
	during   func(s *site) // happens while the request is held
	after    string        // sent while it is held, as it is
}

// Positions of the epoch that sites have, as tokens.
const (
	at0 = "AQAAAAAAAAABAAAAAAAAAAA"
	at1 = "AQAAAAAAAAABAAAAAAAAAAE"
	at9 = "AQAAAAAAAAABAAAAAAAAAAk" // from the future
)

var anything = map[string]*regexp.Regexp{"room": regexp.MustCompile(".*")}

// published1 publishes messages of every kind to the channels of room 1.
func published1(s *site) {
	s.t.Helper()
	for _, m := range []struct{ channel, mediaType, body string }{
		{"room:1", "application/json", `{"n": 1}`},
		{"everyone", "text/plain", "to \"all\"\r\n"},
		{"room:1", "text/html; charset=utf-8", "<b>é</b>"},
		{"room:1", "image/png", "\x89PNG\x00"},
		{"room:1", "application/geo+json", "[]"},
		{"room:1", "", "a=b"},
		{"room:2", "", "another room's"},
	} {
		if r := s.request("POST", "/channels/"+m.channel, m.body, "Content-Type: "+m.mediaType); r.status != 200 {
			s.t.Fatal(r.raw)
		}
	}
}

func one(s *site)     { s.t.Helper(); s.publish("room:1", `{"n":1}`) }
func erased(s *site)  { s.t.Helper(); one(s); s.request("DELETE", "/channels/room:1", "") }
func drained(s *site) { s.Drain(nil) }
func timeUp(s *site)  { time.Sleep(61 * time.Second) }

func get(target string, lines ...string) string {
	return "GET " + target + " HTTP/1.1\nHost: x\n" + strings.ReplaceAll(joined(lines), "\r", "") + "\n"
}

func get10(target string, lines ...string) string {
	return strings.Replace(get(target, lines...), "HTTP/1.1", "HTTP/1.0", 1)
}

func post(target, body string, lines ...string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\nHost: localhost\n%sContent-Length: %d\n\n", target, strings.ReplaceAll(joined(lines), "\r", ""), len(body))
}

const (
	originA = "Origin: https://a.example"
	originB = "Origin: https://b.example"
	asJSON  = "Content-Type: application/json"
)

func pollTests() []wireTest {
	return []wireTest{
		{name: "poll-one", before: one, request: get("/events/1?cursor=" + at0)},
		{name: "poll-one-held", request: get("/events/1"), during: one},
		{name: "poll-kinds", before: published1, request: get("/both/1?cursor=earliest")},
		{name: "poll-limit", before: published1, request: get("/both/1?cursor=earliest&limit=2")},
		{name: "poll-several-held", request: get("/both/1"), during: func(s *site) { s.publish("everyone", `"all"`) }},
		{name: "poll-last-event-id", before: one, request: get("/events/1", "Last-Event-ID: "+at0)},
		{name: "poll-foreign-cursor", before: one, request: get("/both/1?cursor=" + strings.Replace(at0, "AQAAAAAAAAAB", "AQAAAAAAAAAC", 1))},
		{name: "poll-unknown-cursor", request: get("/events/1?cursor=from-elsewhere")},
		{name: "poll-future-cursor", request: get("/events/1?cursor=" + at9)},
		{name: "poll-gap", before: erased, request: get("/both/1?cursor=" + at0)},
		{name: "poll-gap-held", before: one, request: get("/both/1"), during: func(s *site) { s.request("DELETE", "/channels/room:1", "") }},
		{name: "poll-nothing", request: get("/events/1?wait=0")},
		{name: "poll-nothing-held", request: get("/events/1"), during: timeUp},
		{name: "poll-drained", request: get("/events/1"), during: drained},
		{name: "poll-prefer", request: get("/events/1", "Prefer: wait=0")},
		{name: "poll-prefer-held", request: get("/events/1", "Prefer: respond-async, wait=600"), during: timeUp},
		{name: "poll-prefer-cors-held", request: get("/cors/1", "Prefer: wait=5", originA), during: one},
		{name: "poll-http10", before: one, request: get10("/events/1?cursor=" + at0)},
		{name: "poll-http10-held", request: get10("/events/1"), during: one},
		{name: "poll-http10-keep-alive", before: one, request: get10("/events/1?cursor="+at0, "Connection: keep-alive")},
		{name: "poll-http10-keep-alive-held", request: get10("/events/1", "Connection: keep-alive"), during: one},
		{name: "poll-close", before: one, request: get("/events/1?cursor="+at0, "Connection: close")},
		{name: "poll-close-held", request: get("/events/1", "Connection: close"), during: one},
		{name: "poll-head", before: one, request: strings.Replace(get("/events/1?cursor="+at0), "GET", "HEAD", 1)},
		{name: "poll-pipelined-held", request: get("/events/1"), during: one, after: "GET /events/1?wait=0 HTTP/1.1\r\nHost: x\r\n\r\n"},
		{name: "raw", before: one, request: get("/events/1?format=raw&cursor=" + at0)},
		{name: "raw-held", request: get("/both/1?format=raw"), during: one},
		{name: "raw-binary", before: func(s *site) {
			s.request("POST", "/channels/room:%C3%A9%2F,%20x", "\x00\xff", "Content-Type: application/x-thing; v=1")
		}, request: get("/events/%C3%A9%2F,%20x?format=raw&cursor=" + at0),
			options: Options{Routes: []Route{{Path: "/events/{room}", Channels: []string{"room:{room}"}, Params: anything}}}},
		{name: "raw-gap", before: func(s *site) { erased(s); s.publish("room:1", `2`) }, request: get("/both/1?format=raw&cursor=" + at0)},
		{name: "raw-gap-only", before: erased, request: get("/both/1?format=raw&cursor=" + at0)},
		{name: "raw-nothing-held", request: get("/events/1?format=raw"), during: timeUp},
	}
}

func corsTests() []wireTest {
	options := func(target string, lines ...string) string {
		return strings.Replace(get(target, lines...), "GET", "OPTIONS", 1)
	}
	preflight := []string{originA, "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: prefer"}
	return []wireTest{
		{name: "cors", before: one, request: get("/cors/1?cursor="+at0, originA)},
		{name: "cors-held", request: get("/cors/1", originA), during: one},
		{name: "cors-other-origin-held", request: get("/cors/1", originB), during: one},
		{name: "cors-no-origin-held", request: get("/cors/1"), during: one},
		{name: "cors-any-held", request: get("/open/1", originB), during: one},
		{name: "cors-credentials-held", request: get("/own/1", originA), during: one},
		{name: "cors-problem", request: get("/cors/1?wait=x", originA)},
		{name: "cors-bad-path", request: get("/cors/a%3Ab", originA)},
		{name: "options", request: options("/events/1")},
		{name: "options-preflight", request: options("/cors/1", preflight...)},
		{name: "options-preflight-other", request: options("/cors/1", originB, preflight[1])},
		{name: "options-preflight-any", request: options("/open/1", originB, preflight[1])},
	}
}

func problemTests() []wireTest {
	body := strings.Repeat("x", 5)
	return []wireTest{
		{name: "problem-wait", request: get("/events/1?wait=-1")},
		{name: "problem-cursor-twice", request: get("/events/1?cursor=a&cursor=b")},
		{name: "problem-body", request: "GET /events/1 HTTP/1.1\nHost: x\nContent-Length: 5\n\n", body: body},
		{name: "problem-body-chunked", request: "GET /events/1 HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n", body: "5\r\nhello\r\n0\r\n\r\n"},
		{name: "problem-method", request: strings.Replace(get("/events/1"), "GET", "PUT", 1)},
		{name: "problem-parameter", request: get("/events/a%3Bb")},
		{name: "problem-path", request: get("/events/%zz")},
		{name: "problem-not-found", request: get("/nowhere")},
		{name: "problem-syntax", request: "GET\n\n"},
		{name: "problem-length-twice", request: "POST /events/1 HTTP/1.1\nHost: x\nContent-Length: 0\nContent-Length: 5\n\n", body: body},
		{name: "problem-head-too-large", request: get("/events/1", "Cookie: "+strings.Repeat("c", 64<<10))},
		{name: "problem-parked", request: get("/events/1"), options: Options{MaxParked: 1},
			before: func(s *site) { s.dial().get("/events/1"); synctest.Wait() }},
		{name: "problem-channels", request: get("/both/1"), options: Options{Hold: HoldOptions{MaxChannels: 1}}},
	}
}

func internalTests() []wireTest {
	kept := func(s *site) {
		one(s)
		s.dial().get("/both/1")
		s.dial().get("/events/2")
		time.Sleep(1500 * time.Millisecond)
	}
	items := `{"items":[{"channel":"a","data":{"x":1}},{"channels":["b","c","b"],"text":"t"},{"channel":"d","data_base64":"AP8=","type":"image/x"}]}`
	bad := `{"items":[{"channel":"a","data":1},{"channel":"$a","data":1}]}`
	small := Options{Publish: PublishOptions{MaxBytes: 8, MaxRequest: 64}}
	token := Options{Internal: InternalOptions{Token: "secret"}}
	tests := []wireTest{
		{name: "publish", body: "[1]", request: post("/channels/a", "[1]", asJSON), before: func(s *site) { s.dial().get("/events/1"); synctest.Wait() }},
		{name: "publish-released", body: "hi", request: post("/channels/room:1", "hi"), before: kept},
		{name: "publish-not-json", body: "{", request: post("/channels/a", "{", asJSON)},
		{name: "publish-too-large", options: small, body: "123456789", request: post("/channels/a", "123456789")},
		{name: "publish-request-too-large", options: small, body: strings.Repeat("1", 65), request: post("/channels/a", strings.Repeat("1", 65))},
		{name: "publish-bad-name", body: "1", request: post("/channels/$a", "1")},
		{name: "publish-encoded", body: "1", request: post("/channels/a", "1", "Content-Encoding: gzip")},
		{name: "publish-again", body: "1", request: post("/channels/a", "1", "Idempotency-Key: k"), before: func(s *site) {
			s.request("POST", "/channels/a", "1", "Idempotency-Key: k")
			s.publish("b", "2")
		}},
		{name: "publish-other-under-key", body: "2", request: post("/channels/a", "2", "Idempotency-Key: k"), before: func(s *site) {
			s.request("POST", "/channels/a", "1", "Idempotency-Key: k")
		}},
		{name: "publish-items", body: items, request: post("/publish/", items)},
		{name: "publish-items-json", body: items, request: post("/publish/", items, "Accept: application/json")},
		{name: "publish-items-representation", body: items, request: post("/publish/", items, "Prefer: return=representation")},
		{name: "publish-items-bad", body: bad, request: post("/publish/", bad)},
		{name: "publish-items-not-json", body: "items", request: post("/publish/", "items")},
		{name: "publish-items-too-large", options: small, body: `{"items":[{"channel":"a","text":"123456789"}]}`, request: post("/publish/", `{"items":[{"channel":"a","text":"123456789"}]}`)},
		{name: "publish-items-method", request: get("/publish/")},
		{name: "publish-items-key", body: items, request: post("/publish/", items, "Idempotency-Key: k")},
		{name: "publish-items-accept", body: items, request: post("/publish/", items, "Accept: image/png")},
		{name: "channels", before: kept, request: get("/channels?limit=2")},
		{name: "channels-none", request: get("/channels")},
		{name: "channel", before: kept, request: get("/channels/room:1")},
		{name: "channel-none", request: get("/channels/room:1")},
		{name: "channel-head", before: one, request: strings.Replace(get("/channels/room:1"), "GET", "HEAD", 1)},
		{name: "channel-messages", before: published1, request: get("/channels/room:1/messages?limit=2")},
		{name: "channel-delete", before: kept, request: strings.Replace(get("/channels/room:1"), "GET", "DELETE", 1)},
		{name: "channel-below", request: get("/channels/a/b")},
		{name: "channel-method", request: strings.Replace(get("/channels/room:1"), "GET", "PATCH", 1)},
		{name: "internal-not-found", request: get("/")},
		{name: "internal-host", request: strings.Replace(get("/channels"), "Host: x", "Host: evil.example", 1)},
		{name: "internal-origin", request: get("/channels", originA)},
		{name: "internal-token-missing", options: token, request: get("/channels")},
		{name: "internal-token", options: token, request: get("/channels", "Authorization: Bearer secret")},
		{name: "debug-off", request: get("/debug/check")},
		{name: "debug-check", options: Options{Internal: InternalOptions{Debug: true}}, request: get("/debug/check")},
		{name: "health-live", options: token, request: get("/health/live")},
		{name: "health-ready", request: get("/health/ready")},
		{name: "health-draining", before: drained, request: get("/health/ready")},
	}
	for i := range tests {
		tests[i].internal = true
		if tests[i].name != "internal-host" {
			tests[i].request = strings.Replace(tests[i].request, "Host: x", "Host: localhost", 1)
		}
	}
	return tests
}

func TestWire(t *testing.T) {
	tests := slices.Concat(pollTests(), corsTests(), problemTests(), internalTests(), gripTests(), gripItemTests())
	names := make(map[string]bool)
	for _, w := range tests {
		names[w.name+".txt"] = true
		t.Run(w.name, func(t *testing.T) {
			file := filepath.Join("testdata", "wire", w.name+".txt")
			got := w.run(t)
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s\n(go test -run TestWire -update writes it anew)", got, want)
			}
		})
	}
	files, err := os.ReadDir(filepath.Join("testdata", "wire"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !names[f.Name()] {
			t.Errorf("testdata/wire/%s is no test's", f.Name())
		}
	}
}

// run is the text of the golden file: what was sent, a dashed line, what came.
func (w *wireTest) run(t *testing.T) (text string) {
	request := strings.ReplaceAll(w.request, "\n", "\r\n") + w.body
	got := recordedBehind(t, w.options, w.app, w.before, w.internal, request, w.during, w.after)
	shown := request
	if len(shown) > 4096 {
		shown = shown[:100] + "..."
	}
	if w.after != "" {
		shown += w.after
	}
	return readable(shown) + strings.Repeat("-", 20) + "\n" + got
}

// recorded sends a request in a bubble and returns what came back, made readable,
// and how the connection was left.
func recorded(t *testing.T, o Options, before func(*site), internal bool, request string, during func(*site), after string) (text string) {
	t.Helper()
	return recordedBehind(t, o, "", before, internal, request, during, after)
}

func recordedBehind(t *testing.T, o Options, answer string, before func(*site), internal bool, request string, during func(*site), after string) (text string) {
	t.Helper()
	var handler func(*fasthttp.Request) string
	if answer != "" {
		handler = func(*fasthttp.Request) string { return answer }
	}
	virtualBehind(t, o, handler, func(t *testing.T, s *site, _ *app) {
		if before != nil {
			before(s)
		}
		ln := s.public
		if internal {
			ln = s.internal
		}
		c := s.dialFrom(ln, nil)
		var r recorder
		go r.read(c.br)
		c.send(request)
		synctest.Wait()
		if during != nil {
			if text, _ := r.recorded(); text != "" {
				t.Errorf("not held: %s", text)
			}
			if after != "" {
				c.send(after)
				synctest.Wait()
			}
			during(s)
			synctest.Wait()
		}
		bytes, ended := r.recorded()
		text = readable(bytes)
		if ended {
			text += "-- closed\n"
		}
	})
	return text
}

// A recorder keeps what comes over a connection.
type recorder struct {
	mu    sync.Mutex
	bytes []byte
	ended bool
}

func (r *recorder) read(br *bufio.Reader) {
	for {
		b, err := br.ReadByte()
		r.mu.Lock()
		if err != nil {
			r.ended = true
			r.mu.Unlock()
			return
		}
		r.bytes = append(r.bytes, b)
		r.mu.Unlock()
	}
}

func (r *recorder) recorded() (bytes string, ended bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(r.bytes), r.ended
}

// readable writes CRLF as a line's end; a lone LF, which ends a body, and all that
// is no text is escaped.
func readable(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case strings.HasPrefix(s, "\r\n"):
			b.WriteByte('\n')
			n = 2
		case r == '\\':
			b.WriteString(`\\`)
		case r == '\n':
			b.WriteString(`\n`)
		case r == utf8.RuneError && n == 1, r < ' ', r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		default:
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	if text := b.String(); !strings.HasSuffix(text, "\n") {
		b.WriteByte('\n')
	}
	return b.String()
}

// TestHeldAnswersAreTheSame: an answer has the same header lines and the same
// body whether its request was held or not.
func TestHeldAnswersAreTheSame(t *testing.T) {
	publish := func(mediaType, body string) func(s *site) {
		return func(s *site) { s.request("POST", "/channels/room:1", body, "Content-Type: "+mediaType) }
	}
	erase := func(s *site) { s.request("DELETE", "/channels/room:1", "") }
	for _, what := range []struct {
		name, query string
		happen      func(*site)
	}{
		{"json", "", publish("application/json", `{"n":1}`)},
		{"text", "", publish("text/plain", "a\nb")},
		{"empty", "", publish("text/plain", "")},
		{"raw", "&format=raw", publish("application/json", `{"n":1}`)},
		{"raw-binary", "&format=raw", publish("x/y", "\x00")},
		{"raw-empty", "&format=raw", publish("x/y", "")},
		{"gap", "", erase},
		{"raw-gap", "&format=raw", erase},
		{"nothing", "", nil},
		{"raw-nothing", "&format=raw", nil},
	} {
		for _, how := range []struct {
			path, version string
			lines         []string
		}{
			{"/events/1", "1.1", nil},
			{"/both/1", "1.1", nil},
			{"/events/1", "1.1", []string{"Connection: close"}},
			{"/events/1", "1.0", nil},
			{"/events/1", "1.0", []string{"Connection: keep-alive"}},
			{"/cors/1", "1.1", []string{originA}},
			{"/cors/1", "1.0", []string{originB}},
			{"/cors/1", "1.1", nil},
			{"/open/1", "1.1", []string{originA, "Connection: close"}},
			{"/own/1", "1.1", []string{originA, "Connection: TE, Close"}},
			{"/events/1", "1.1", []string{"Prefer: wait=7"}},
			{"/cors/1", "1.0", []string{"Prefer: wait=7", originA}},
		} {
			t.Run(fmt.Sprint(what.name, how), func(t *testing.T) {
				request := func(wait string) string {
					return fmt.Sprintf("GET %s?cursor=%s%s%s HTTP/%s\r\nHost: x\r\n%s\r\n", how.path, at0, what.query, wait, how.version, joined(how.lines))
				}
				now, held := request(""), request("")
				before, during := what.happen, what.happen
				if what.happen == nil {
					before, during = nil, timeUp
					now, held = request("&wait=0"), request("&wait=60")
					if len(how.lines) > 0 && strings.HasPrefix(how.lines[0], "Prefer") {
						now = strings.Replace(request(""), "wait=7", "wait=0", 1)
						held = request("")
					}
				}
				a := recorded(t, Options{}, before, false, now, nil, "")
				b := recorded(t, Options{}, nil, false, held, during, "")
				b = strings.Replace(b, "Preference-Applied: wait=7", "Preference-Applied: wait=0", 1)
				a = strings.Replace(a, "Preference-Applied: wait=7", "Preference-Applied: wait=0", 1)
				if a, b := sortedLines(a), sortedLines(b); a != b {
					t.Errorf("at once:\n%s\nheld:\n%s", a, b)
				}
			})
		}
	}
}

// sortedLines puts the lines of an answer's head in order.
func sortedLines(answer string) string {
	head, rest, _ := strings.Cut(answer, "\n\n")
	lines := strings.Split(head, "\n")
	slices.Sort(lines[1:])
	return strings.Join(lines, "\n") + "\n\n" + rest
}
