package test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

const tableConfig = `
[hold]
timeout = "2s"
max_timeout = "3s"
max_answer = "300B"

[history]
messages = 5

[publish]
max_bytes   = "1KiB"
max_request = "4KiB"

[[route]]
path     = "/room/{a}"
channels = ["room:{a}"]

[[route]]
path     = "/both/{a}/{b}"
channels = ["room:{a}", "room:{b}"]

[[route]]
path     = "/many/{a}/{b}/{c}"
channels = ["room:{a}", "room:{b}", "room:{c}"]

[[route]]
path     = "/strict/{a}"
channels = ["room:{a}"]
params   = { a = "[0-9]+:[0-9]+" }

[[route]]
path     = "/cors/{a}"
channels = ["room:{a}"]
cors     = { origins = ["https://a.example", "https://b.example"], credentials = true, max_age = "10m" }

[[route]]
path     = "/any/{a}"
channels = ["room:{a}"]
cors     = { origins = ["*"] }

[[route]]
host     = "*.example.com"
path     = "/room/{a}"
channels = ["example:{a}"]
`

func req(method, target string, lines ...string) string {
	return harness.Request(method, target, "", lines...)
}

// common are headers of every 200 and 204 of a poll.
func common(more ...string) map[string]string {
	h := map[string]string{"Comet-Cursor": "*", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
	for i := 0; i < len(more); i += 2 {
		h[more[i]] = more[i+1]
	}
	return h
}

func empty(more ...string) map[string]string {
	return common(append([]string{"Content-Length", "", "Content-Type", "", "Transfer-Encoding", ""}, more...)...)
}

// tableServer has messages in some rooms and returns words for the rows.
func tableServer(t *testing.T) (*harness.Server, map[string]string) {
	s := harness.Start(t, tableConfig)
	c := s.Client(t)
	words := map[string]string{"cursor": c.Get(t, "/room/none?wait=0").WantNews(t).Cursor}
	inner := s.Inside(t)
	publish := func(channel, contentType, body string) string {
		lines := []string{"Content-Type: " + contentType}
		if contentType == "" {
			lines = nil
		}
		a := inner.Do(t, harness.Request("POST", "/channels/"+channel, body, lines...))
		if a.Status != 200 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		_, id, _ := strings.Cut(string(a.Body), `"id":"`)
		id, _, _ = strings.Cut(id, `"`)
		return id
	}
	words["id"] = publish("room:one", "", "first")
	words["last"] = publish("room:one", "application/json; charset=utf-8", ` {"n": 2} `)
	publish("room:kinds", "text/html", "<p>\"é\"\r\n\x01")
	publish("room:kinds", "application/vnd.x+json", `[1]`)
	publish("room:kinds", "image/png", "\x89PNG\xff")
	publish("room:form", "application/x-www-form-urlencoded", "a=b")
	publish("room:form", "text/plain", "\xff")
	publish("room:form", "", "\xfe")
	publish("room:caf%C3%A9%2Fcr%C3%A8me,1", "text/plain", "accent")
	for i := range 4 {
		publish("room:big", "text/plain", strings.Repeat(fmt.Sprint(i), 100))
	}
	return s, words
}

// future is a token that no message has yet.
func future(token string) string {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) < 3 {
		return token
	}
	b[len(b)-3]++
	return base64.RawURLEncoding.EncodeToString(b)
}

func TestSubscribe(t *testing.T) {
	t.Parallel()
	s, words := tableServer(t)
	words["future"] = future(words["last"])
	words["foreign"] = "AQAAAAAAAAABAAAAAAAAAAE"
	words["long"] = strings.Repeat("A", 2048)
	rows := append(cursorRows(), waitRows()...)
	rows = append(rows, formRows()...)
	rows = append(rows, methodRows()...)
	rows = append(rows, pathRows()...)
	checkRows(t, s, s.Public[0], words, rows)
}

// The bodies' beginnings of what is in room:one.
const (
	oneFirst = `~{"messages":[{"channel":"room:one","id":"`
	bothSeen = `,"data":"first"},{"channel":"room:one","id":"`
)

func cursorRows() []row {
	gap := `~"gap":true,"gap_channels":["room:one"]`
	none := func(name, query string, lines ...string) row {
		return row{name: "cursor: " + name, request: req("GET", "/room/one?wait=0"+query, lines...), status: 204, header: empty()}
	}
	some := func(name, query, body string, lines ...string) row {
		return row{name: "cursor: " + name, request: req("GET", "/room/one?wait=2"+query, lines...), status: 200,
			header: common("Content-Type", "application/json", "Content-Length", "*"), body: body}
	}
	bad := func(name, query string, lines ...string) row {
		return row{name: "cursor: " + name, request: req("GET", "/room/one?wait=0"+query, lines...), status: 400,
			header: map[string]string{"Content-Type": problemType, "Cache-Control": "no-store"}}
	}
	return []row{
		none("absent", ""), none("empty", "&cursor="), none("now", "&cursor=now"), none("present", "&cursor={last}"),
		none("empty header", "", "Last-Event-ID:"), none("query before header", "&cursor=now", "Last-Event-ID: {cursor}"),
		some("earliest", "&cursor=earliest", oneFirst), some("earliest, both", "&cursor=earliest", "~"+bothSeen),
		some("old", "&cursor={cursor}", "~"+bothSeen), some("escaped", "&c%75rsor=earliest", "~"+bothSeen),
		some("header", "", "~"+bothSeen, "Last-Event-ID: {cursor}"), some("header in other letters", "", "~"+bothSeen, "last-event-id: {cursor}"),
		some("id of a message", "&cursor={id}", `~,"data": {"n": 2} }],"cursor":"`), some("id in the header", "", `~{"n": 2}`, "Last-Event-ID: {id}"),
		some("foreign", "&cursor={foreign}", gap), some("future", "&cursor={future}", gap), some("other form", "&cursor=abc", gap),
		some("longest", "&cursor={long}", gap), some("gap has what is kept", "&cursor=abc", "~"+bothSeen),
		bad("too long", "&cursor={long}A"), bad("no base64url", "&cursor=a.b"), bad("padding", "&cursor=YQ=="), bad("bad escape", "&cursor=%4"),
		bad("twice", "&cursor=now&cursor=now"), bad("twice by escape", "&cursor=now&%63ursor=now"), bad("two headers", "", "Last-Event-ID: a", "Last-Event-ID: a"),
		bad("control in header", "", "Last-Event-ID: a\tb"),
	}
}

func waitRows() []row {
	wait := func(name, query string, status int, header map[string]string, lines ...string) row {
		return row{name: "wait: " + name, request: req("GET", "/room/quiet"+query, lines...), status: status, header: header}
	}
	bad := map[string]string{"Content-Type": problemType, "Preference-Applied": ""}
	return []row{
		wait("0", "?wait=0", 204, empty("Preference-Applied", "")),
		wait("a fraction", "?wait=0.1", 204, empty()),
		wait("above the maximum", "?wait=0.05&_=1", 204, empty()),
		wait("negative", "?wait=-1", 400, bad), wait("no number", "?wait=x", 400, bad), wait("empty", "?wait=", 400, bad), wait("twice", "?wait=0&wait=0", 400, bad),
		wait("Prefer", "", 204, empty("Preference-Applied", "wait=0"), "Prefer: wait=0"),
		wait("Prefer, held", "", 204, empty("Preference-Applied", "wait=1"), "Prefer: wait=1"),
		wait("Prefer above the maximum", "", 204, empty("Preference-Applied", "wait=3"), "Prefer: wait=100"),
		wait("Prefer among others", "", 204, empty("Preference-Applied", "wait=0"), "Prefer: respond-async, wait=0"),
		wait("Prefer on a line of its own", "", 204, empty("Preference-Applied", "wait=0"), "Prefer: respond-async", "prefer: wait=0"),
		wait("query before Prefer", "?wait=0", 204, empty("Preference-Applied", ""), "Prefer: wait=3"),
		wait("bad Prefer is ignored", "?limit=1", 204, empty("Preference-Applied", ""), "Prefer: wait=-1"),
		{name: "wait: Prefer with news", request: req("GET", "/room/one?cursor=earliest", "Prefer: wait=1"), status: 200, header: common("Preference-Applied", "wait=1")},
	}
}

func formRows() []row {
	limit := func(name, limit string, status int, body string) row {
		return row{name: "limit: " + name, request: req("GET", "/room/one?cursor=earliest&limit="+limit), status: status, body: body}
	}
	kinds := func(name, target string, body string) row {
		return row{name: "kind: " + name, request: req("GET", target+"?cursor=earliest"), status: 200, body: body}
	}
	raw := func(name, query string, status int, header map[string]string, body string) row {
		return row{name: "raw: " + name, request: req("GET", query), status: status, header: header, body: body}
	}
	return []row{
		limit("1", "1", 200, `~,"data":"first"}],"cursor":"`), limit("1000", "1000", 200, "~"+bothSeen),
		limit("0", "0", 400, ""), limit("1001", "1001", 400, ""), limit("no number", "x", 400, ""),
		{name: "limit: bytes of an answer", request: req("GET", "/room/big?cursor=earliest"), status: 200, body: `~"data":"` + strings.Repeat("0", 100) + `"}],"cursor":"`},
		{name: "limit: the cut answer's cursor goes on", request: req("GET", "/both/one/big?limit=2&cursor={cursor}"), status: 200, header: map[string]string{"Comet-Cursor": "{last}"}},
		kinds("json as it is", "/room/one", `~"data": {"n": 2} }`),
		kinds("text with a type", "/room/kinds", `~"type":"text/html","data":"<p>\"é\"\r\n\u0001"}`),
		kinds("json with a type", "/room/kinds", `~"type":"application/vnd.x+json","data":[1]}`),
		kinds("bytes", "/room/kinds", `~"type":"image/png","data_base64":"iVBOR/8="}`),
		kinds("curl's form", "/room/form", `~,"data":"a=b"}`),
		kinds("text that is none", "/room/form", `~"type":"text/plain","data_base64":"/w=="}`),
		kinds("no type, no UTF-8", "/room/form", `~"type":"application/octet-stream","data_base64":"/g=="}`),
		raw("text", "/room/one?format=raw&cursor=earliest", 200, common("Content-Type", "text/plain; charset=utf-8", "Comet-Id", "{id}", "Comet-Cursor", "{id}", "Comet-Channel", "room:one", "Comet-Gap", ""), "first"),
		raw("json", "/room/one?format=raw&cursor={id}", 200, common("Content-Type", "application/json; charset=utf-8", "Comet-Id", "{last}"), `{"n": 2}`),
		raw("bytes", "/room/kinds?format=raw&cursor=earliest", 200, common("Content-Type", "text/html"), "~<p>\"é\"\r\n\x01"),
		raw("escaped name", "/room/caf%C3%A9%2Fcr%C3%A8me%2C1?format=raw&cursor=earliest", 400, nil, ""),
		raw("gap", "/room/one?format=raw&cursor=abc", 200, common("Comet-Gap", "room:one", "Comet-Id", "{id}"), "first"),
		raw("gap without messages", "/both/x/y?format=raw&cursor=abc", 204, empty("Comet-Gap", "room:x, room:y"), ""),
		raw("nothing", "/room/x?format=raw&wait=0", 204, empty("Comet-Id", "", "Comet-Gap", ""), ""),
		{name: "format: json", request: req("GET", "/room/one?format=json&wait=0"), status: 204},
		{name: "format: another", request: req("GET", "/room/one?format=xml"), status: 400},
	}
}

func methodRows() []row {
	notAllowed := map[string]string{"Allow": "GET, HEAD, OPTIONS"}
	expose := "Access-Control-Expose-Headers"
	origin := "Access-Control-Allow-Origin"
	return []row{
		{name: "HEAD", request: req("HEAD", "/room/one?cursor=earliest"), status: 204, header: empty()},
		{name: "POST without a body", request: req("POST", "/room/one", "Content-Length: 0"), status: 405, header: notAllowed},
		{name: "PUT", request: req("PUT", "/room/one"), status: 405, header: notAllowed},
		{name: "DELETE", request: req("DELETE", "/room/one"), status: 405, header: notAllowed},
		{name: "BREW", request: req("BREW", "/room/one"), status: 405, header: notAllowed},
		{name: "OPTIONS", request: req("OPTIONS", "/room/one"), status: 204, header: map[string]string{"Allow": "GET, HEAD, OPTIONS", origin: ""}},
		{name: "CORS: none", request: req("GET", "/room/one?wait=0", "Origin: https://a.example"), status: 204, header: empty(origin, "")},
		{name: "CORS: listed", request: req("GET", "/cors/one?cursor=earliest", "Origin: https://b.example"), status: 200,
			header: common(origin, "https://b.example", "Access-Control-Allow-Credentials", "true", "Vary", "Origin", expose, "~Comet-Cursor")},
		{name: "CORS: held", request: req("GET", "/cors/x?wait=0.05", "Origin: https://a.example"), status: 204,
			header: empty(origin, "https://a.example", "Vary", "Origin", expose, "~Retry-After")},
		{name: "CORS: problem", request: req("GET", "/cors/x?wait=x", "Origin: https://a.example"), status: 400, header: map[string]string{origin: "https://a.example"}},
		{name: "CORS: not listed", request: req("GET", "/cors/x?wait=0", "Origin: https://c.example"), status: 204, header: empty(origin, "", "Vary", "Origin")},
		{name: "CORS: no origin", request: req("GET", "/cors/x?wait=0"), status: 204, header: empty(origin, "", "Vary", "Origin")},
		{name: "CORS: any", request: req("GET", "/any/x?wait=0", "Origin: https://c.example"), status: 204, header: empty(origin, "*", "Vary", "")},
		{name: "CORS: preflight", request: req("OPTIONS", "/cors/x", "Origin: https://a.example", "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: prefer"), status: 204,
			header: map[string]string{origin: "https://a.example", "Access-Control-Allow-Methods": "~GET", "Access-Control-Max-Age": "600",
				"Access-Control-Allow-Headers": "Prefer, Last-Event-ID, Authorization, Comet-Cursor", "Access-Control-Allow-Credentials": "true"}},
		{name: "CORS: preflight of another", request: req("OPTIONS", "/cors/x", "Origin: https://c.example", "Access-Control-Request-Method: GET"), status: 204,
			header: map[string]string{origin: "", "Access-Control-Allow-Methods": ""}},
		{name: "HTTP/1.0", request: "GET /room/x?wait=0 HTTP/1.0\r\n\r\n", status: 204, header: empty(), closes: true},
		{name: "HTTP/1.0 held", request: "GET /room/x?wait=0.05 HTTP/1.0\r\n\r\n", status: 204, header: empty(), closes: true},
		{name: "HTTP/1.0 keep-alive", request: "GET /room/x?wait=0 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", status: 204, header: empty("Connection", "keep-alive")},
		{name: "HTTP/1.0 keep-alive held", request: "GET /room/x?wait=0.05 HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", status: 204, header: empty("Connection", "keep-alive")},
		{name: "Connection: close", request: req("GET", "/room/x?wait=0", "Connection: close"), status: 204, header: empty("Connection", "close"), closes: true},
		{name: "Connection: close, held", request: req("GET", "/room/x?wait=0.05", "connection: foo, Close"), status: 204, header: empty("Connection", "close"), closes: true},
		{name: "Connection: close, news", request: req("GET", "/room/one?cursor=earliest", "Connection: close"), status: 200, header: common("Connection", "close"), closes: true},
	}
}

func pathRows() []row {
	path := func(name, target string, status int, lines ...string) row {
		return row{name: "path: " + name, request: req("GET", target, lines...), status: status}
	}
	return []row{
		path("no route", "/", 404), path("longer", "/room/one/x", 404), path("shorter", "/room", 404), path("other letters", "/Room/one?wait=0", 404),
		path("nothing left", "/room/", 404), path("dots that lead away", "/room/..", 404), path("empty segment", "/room/one/", 400), path("doubled slash", "//room/one", 400),
		path("dots", "/x/../room/one", 400), path("escaped dots", "/room/%2e%2e/room/one", 400), path("dot", "/room/./one", 400),
		path("bad escape", "/room/%zz", 400), path("bad UTF-8", "/room/%ff", 400), path("control", "/room/%00", 400),
		path("colon", "/room/a:b", 400), path("escaped colon", "/room/a%3ab", 400), path("slash", "/room/a%2Fb", 400), path("comma", "/room/a,b", 400),
		path("semicolon", "/room/a;b", 400), path("star", "/room/*", 400), path("dollar", "/room/$a", 400), path("quote", "/room/%22", 400),
		path("angle", "/room/%3C", 400), path("space", "/room/a%20b", 400), path("wide space", "/room/a%E3%80%80b", 400),
		path("own expression", "/strict/1:2?wait=0", 204), path("own expression, escaped", "/strict/%31%3A2?wait=0", 204), path("not by the expression", "/strict/1:2x", 400),
		path("letters of the world", "/room/caf%C3%A9?wait=0", 204),
		path("too long a name", "/room/"+strings.Repeat("x", 251), 400), path("longest name", "/room/"+strings.Repeat("x", 250)+"?wait=0", 204),
		path("absolute form", "http://localhost/room/one?wait=0", 204),
		{name: "path: equal names count once", request: req("GET", "/many/a/b/a?cursor=abc"), status: 200, body: `~"gap_channels":["room:a","room:b"]`},
		{name: "path: host", request: req("GET", "/room/one?wait=0&cursor=abc", "Host: www.Example.com:80"), status: 200, body: `~"gap_channels":["example:one"]`},
	}
}

// TestWaitTime: a hold lasts as long as asked, lowered to the maximum, and up to
// a tenth shorter.
func TestWaitTime(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, tableConfig)
	for query, want := range map[string]time.Duration{
		"": 2 * time.Second, "?wait=1": time.Second, "?wait=0.5": time.Second / 2, "?wait=100": 3 * time.Second,
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			c := s.Client(t)
			begin := time.Now()
			if a := c.Get(t, "/room/quiet"+query); a.Status != 204 {
				t.Errorf("%d", a.Status)
			}
			if d := time.Since(begin); d < want*9/10-20*time.Millisecond || d > want+soon() {
				t.Errorf("held for %s; want %s or a tenth less", d, want)
			}
		})
	}
}
