package proxy

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"cometproxy/backend"
	"cometproxy/channels"
	"cometproxy/proxy/route"
)

// FuzzPublishBody: POST /publish/ publishes every message of a batch or, if one of
// its items is bad, none. What is published is well formed.
func FuzzPublishBody(f *testing.F) {
	for _, seed := range []string{
		`{"items":[]}`,
		`{"items":[{"channel":"a","data":{"x":[1,null]}}]}`,
		`{"items":[{"channel":"a","text":"t","type":"text/html"},{"channel":"b","data":1}]}`,
		`{"items":[{"channels":["a","b","a"],"data_base64":"AP8="}]}`,
		`{"items":[{"channel":"a","data":1},{"channel":"$a","data":1}]}`,
		`{"items":[{"channel":"a","data":1,"text":"t"}]}`,
		`{"items":[{"channel":"a","data":1,"type":"text/plain"}]}`,
		`{"items":[{"channel":"a\u0000","data":1}]}`,
		`{"items":[{"channel":"\ud800","text":"\ud800"}]}`,
		`{"items":[{"channel":null,"data":1}]}`,
		`{"items":[{"channels":[],"data":1}]}`,
		`{"items":[{"channel":"a","type":"a\nb","text":""}]}`,
		`{"items":[{"channel":"a","formats":{"http-response":{"body":"b"}}}]}`,
		`{"items":[{"channel":"a","http-response":{"body":"b"},"id":"1","prev-id":"0"}]}`,
		`{"items":null}`, `{"items":{}}`, `[]`, `null`, `{`, "",
	} {
		f.Add([]byte(seed))
	}
	site := open(f, Options{Publish: PublishOptions{MaxBytes: 1000}})
	p := site.Proxy
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) == 0 {
			return // it has no length, and 411 is another matter
		}
		sent := bytes.Clone(body)
		items, err := p.parseItems(sent)
		clear(sent) // the HTTP server uses the buffer again
		before := p.hub.Position()
		var ctx fasthttp.RequestCtx
		ctx.Request.Header.SetMethod("POST")
		ctx.Request.Header.Set("Prefer", "return=representation")
		ctx.Request.SetBody(body)
		p.publishItems(&ctx)
		numbers := p.hub.Position() - before
		status := ctx.Response.StatusCode()
		if err != nil {
			if status != 400 && status != 413 || numbers != 0 || len(items) != 0 {
				t.Fatalf("%v: status %d, %d items, %d published", err, status, len(items), numbers)
			}
			if s := err.Error(); !utf8.ValidString(s) || strings.ContainsAny(s, "\r\n") {
				t.Fatalf("%q", s)
			}
			return
		}
		named := slices.ContainsFunc(items, func(it channels.Item) bool { return it.ID != "" }) // perhaps a repetition
		if status != 200 || numbers > uint64(len(items)) || numbers < uint64(len(items)) && !named {
			t.Fatalf("status %d: %d of %d published", status, numbers, len(items))
		}
		var answer struct{ Items []published }
		if err := json.Unmarshal(ctx.Response.Body(), &answer); err != nil || len(answer.Items) != len(items) {
			t.Fatalf("%v: %s", err, ctx.Response.Body())
		}
		for i, it := range items {
			if err := route.ValidChannel(it.Channel); err != nil || answer.Items[i].Channel != it.Channel {
				t.Fatalf("%v: %q, answered %q", err, it.Channel, answer.Items[i].Channel)
			}
			if n := len(it.Data.(*payload).body); n > 1000 {
				t.Fatalf("%d bytes", n)
			}
			load := it.Data.(*payload)
			if it.Forms&channels.Native != 0 {
				standsInJSON(t, it.Channel, load)
			}
			if it.Forms&channels.HTTPResponse != 0 {
				standsOverHeld(t, site.Proxy, &channels.Message{Number: 1, Channel: it.Channel, Forms: it.Forms, Data: load})
			}
		}
	})
}

// standsOverHeld checks the answer that a GRIP hold gets from a message: one
// whole answer, without a line that is not the app's or the proxy's.
func standsOverHeld(t *testing.T, p *Proxy, m *channels.Message) {
	t.Helper()
	held := newHeldAnswer(200, "", []byte("X-Held: 1\r\nContent-Type: text/held\r\n"), []byte("held"), nil)
	a := p.gripAnswer(held, &channels.Ending{Messages: []*channels.Message{m}, Cursor: 1})
	raw := a.append(nil, 0, false)
	br := bufio.NewReader(bytes.NewReader(raw))
	r, err := readReply(br, false)
	if err != nil || br.Buffered() > 0 {
		t.Fatalf("%v, and %d bytes more: %q", err, br.Buffered(), raw)
	}
	if r.status < 200 || r.status > 999 || r.field("Comet-Cursor") == "" {
		t.Fatalf("%q", raw)
	}
	for _, line := range r.head {
		if name, _, _ := strings.Cut(line, ":"); strings.HasPrefix(strings.ToLower(name), "grip") {
			t.Fatalf("%q", raw)
		}
	}
}

// FuzzPayload: what can be published comes out of a JSON answer as it was, and
// its Content-Type is a header line.
func FuzzPayload(f *testing.F) {
	for _, seed := range []struct{ channel, mediaType, body string }{
		{"a", "application/json", `{"a":[1,2.50,"\u00e9\/"]}`},
		{"a", "application/json", ` [ ] `},
		{"a", "Application/JSON; charset=utf-8", `"` + "\u2028" + `"`},
		{"a", "application/ld+json", `1e400`},
		{"a", "application/json", ``},
		{"é\"", "text/plain", "\x00\x1f\x7f\u2028\\\"\r\n\t"},
		{"a", "text/html", "\xff"},
		{"a", "", "\xff"},
		{"a", "application/x-www-form-urlencoded", "a=b"},
		{"a", "text/\xff", "t"},
		{"a", "text/plain\r\nX: y", "t"},
		{"a", "x/y; a=\"é\"", "b"},
		{"a", ";", ""},
	} {
		f.Add(seed.channel, seed.mediaType, []byte(seed.body))
	}
	f.Fuzz(func(t *testing.T, channel, mediaType string, body []byte) {
		if route.ValidChannel(channel) != nil {
			return
		}
		load, err := newPayload(mediaType, bytes.Clone(body))
		if err != nil {
			return
		}
		if !bytes.Equal(load.body, body) {
			t.Fatal("another body")
		}
		if load.contentType == "" || strings.ContainsAny(load.contentType, "\r\n\x00") {
			t.Fatalf("Content-Type %q", load.contentType)
		}
		if load.size(channel) < len(body) {
			t.Fatalf("size %d", load.size(channel))
		}
		standsInJSON(t, channel, load)
	})
}

// standsInJSON checks a message as it stands in an answer.
func standsInJSON(t *testing.T, channel string, load *payload) {
	t.Helper()
	id := channels.Cursor{Epoch: 1, Number: 7}
	b := appendMessage(nil, &channels.Message{Channel: channel, Number: 7, Data: load}, id)
	if !utf8.Valid(b) || !json.Valid(b) {
		t.Fatalf("no JSON: %q", b)
	}
	var m struct {
		Channel, ID string
		Type        *string
		Data        json.RawMessage
		Base64      *string `json:"data_base64"`
	}
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	if m.Channel != channel || m.ID != id.String() || (m.Type == nil) != load.plain || m.Type != nil && *m.Type != load.contentType {
		t.Fatalf("%q of type %q: %s", channel, load.contentType, b)
	}
	switch load.kind {
	case jsonish:
		if want := bytes.TrimSpace(load.body); !bytes.Equal(bytes.TrimSpace(m.Data), want) {
			t.Fatalf("data %q, want %q", m.Data, want)
		}
	case text:
		var s string
		if err := json.Unmarshal(m.Data, &s); err != nil || s != string(load.body) {
			t.Fatalf("%v: data %s, want %q", err, m.Data, load.body)
		}
	case binary:
		if m.Base64 == nil || m.Data != nil {
			t.Fatalf("%s", b)
		}
		if s, err := base64.StdEncoding.DecodeString(*m.Base64); err != nil || string(s) != string(load.body) {
			t.Fatalf("%v: %s", err, b)
		}
	}
}

// A fuzzSite has native routes and an app that counts what it is asked.
type fuzzSite struct {
	*site
	apps sync.Map // target -> struct{}
}

func openFuzzSite(f *testing.F) *fuzzSite {
	fs := &fuzzSite{}
	a := openApp(f, backend.Options{}, func(req *fasthttp.Request) string {
		fs.apps.Store(string(req.Header.RequestURI()), struct{}{})
		return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	})
	o := behind(a)
	o.Hold = HoldOptions{Timeout: time.Millisecond, MaxTimeout: time.Millisecond}
	fs.site = open(f, o)
	return fs
}

// next shows that the next client is served.
func (fs *fuzzSite) next(t *testing.T) {
	t.Helper()
	c := fs.connect(t)
	defer c.Close()
	io.WriteString(c, "GET /events/1?wait=0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if r, err := readReply(bufio.NewReader(c), false); err != nil || r.status != 204 {
		t.Fatalf("the next request: %v %s", err, r.raw)
	}
}

func (fs *fuzzSite) connect(t *testing.T) net.Conn {
	t.Helper()
	c, err := fs.public.Dial()
	if err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	return c
}

// FuzzPublicRequest sends bytes to the public listener: nothing panics, every
// answer is well formed, nothing follows a last answer, and the next client is
// served.
func FuzzPublicRequest(f *testing.F) {
	for _, seed := range []string{
		"GET /events/1?wait=0 HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /events/1?wait=0 HTTP/1.0\r\n\r\n",
		"GET /events/1 HTTP/1.1\r\nHost: x\r\n\r\nGET /events/1?format=raw HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /events/1?cursor=now&format=raw&wait=0 HTTP/1.1\r\nHost: x\r\nPrefer: wait=0\r\nOrigin: https://a.example\r\n\r\n",
		"GET /events/1?wait=0 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
		"POST /events/1 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
		"OPTIONS /cors/1 HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\nAccess-Control-Request-Method: GET\r\n\r\n",
		"GET http://y/events/1?wait=0#x HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET //events//1?wait=0 HTTP/1.1\r\nHost: x\r\n\r\n",
		"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"GET /events/1 HTTP/1.1\nHost: x\n\n",
		"GET /app HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
		"POST /app HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi",
		"GET /events/1 HTTP/1.1\r\nHost: x\r\n : y\r\n\r\n",
		"GET /events/1 HTTP/1.1\r\nHost: x\r\n",
	} {
		f.Add([]byte(seed))
	}
	fs := openFuzzSite(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		c := fs.connect(t)
		defer c.Close()
		if _, err := c.Write(raw); err != nil {
			t.Fatal(err)
		}
		// Bytes that are no whole request get no answer, and nobody knows what
		// is one: what comes within this time is looked at.
		c.SetReadDeadline(time.Now().Add(4 * time.Millisecond))
		if !bytes.Contains(raw, []byte("HEAD")) { // whose answers cannot be read without knowing
			checkAnswers(t, c, raw)
		}
		fs.next(t)
	})
}

// checkAnswers reads what comes back for raw.
func checkAnswers(t *testing.T, c net.Conn, raw []byte) {
	t.Helper()
	br := bufio.NewReader(c)
	finals, closing := 0, false
	for {
		r, err := readReply(br, false)
		var late interface{ Timeout() bool }
		if err == io.EOF || errors.As(err, &late) && late.Timeout() {
			break
		}
		if err != nil {
			t.Fatalf("answer %d: %v: %q", finals+1, err, r.raw)
		}
		if r.status == 100 {
			continue
		}
		if closing {
			t.Fatalf("an answer after the last: %q", r.raw)
		}
		if strings.Contains(r.body, "the proxy failed") {
			t.Fatalf("a panic: %q", raw)
		}
		finals++
		closing = r.field("Connection") == "close"
	}
	if finals > bytes.Count(raw, []byte("\n"))+1 {
		t.Fatalf("%d answers to %q", finals, raw)
	}
}

// FuzzBodyIsNoRequest: whatever the method, the route and the other header lines
// are, the bytes of a request's body are never taken for a request. One that
// follows is answered, or the connection is closed.
func FuzzBodyIsNoRequest(f *testing.F) {
	smuggled := "GET /app/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, seed := range []struct {
		method, target, lines, body string
		chunks                      uint8
	}{
		{"GET", "/events/1", "", smuggled, 0},
		{"GET", "/events/1", "", smuggled, 1},
		{"POST", "/events/1", "Expect: 100-continue", smuggled, 0},
		{"POST", "/events/1", "Expect: 100-continue", smuggled, 7},
		{"OPTIONS", "/cors/1", "Origin: https://a.example", smuggled, 0},
		{"HEAD", "/events/1", "", smuggled, 0},
		{"HEAD", "/events/1", "", smuggled, 86},
		{"PUT", "/nowhere", "", smuggled, 0},
		{"PUT", "/nowhere", "", strings.Repeat(smuggled, 300), 50},
		{"GET", "/events/%zz", "", strings.Repeat(smuggled, 300), 0},
		{"POST", "/app/x", "", smuggled, 0},
		{"POST", "/app/x", "Connection: Content-Length, Transfer-Encoding, close", smuggled, 9},
		{"POST", "/app/x", "Connection: upgrade|Upgrade: x", smuggled, 0},
		{"DELETE", "/app/x", "TE: trailers|Trailer: X", smuggled, 3},
		{"GET", "/app/x", "", "", 1},
	} {
		f.Add(seed.method, seed.target, seed.lines, []byte(seed.body), seed.chunks)
	}
	fs := openFuzzSite(f)
	f.Fuzz(func(t *testing.T, method, target, lines string, body []byte, chunks uint8) {
		request, ok := wholeRequest(method, target, lines, body, int(chunks))
		if !ok {
			return
		}
		fs.apps.Clear()
		c := fs.connect(t)
		defer c.Close()
		io.WriteString(c, request+"GET /app/sentinel HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		br := bufio.NewReader(c)
		r, err := readReply(br, method == "HEAD")
		for err == nil && r.status == 100 {
			r, err = readReply(br, method == "HEAD")
		}
		if err != nil {
			if err == io.EOF { // no answer at all: closed
				return
			}
			t.Fatalf("%v: %q to %q", err, r.raw, request)
		}
		if method == "HEAD" && r.status >= 400 && r.field("Connection") == "close" {
			// A request that the HTTP server could not read is answered with a
			// body: its method is forgotten. It ends the connection.
			if rest, _ := io.ReadAll(br); len(rest) > 0 && fmt.Sprint(len(rest)) != r.field("Content-Length") {
				t.Fatalf("%q came second, after %q, to %q", rest, r.raw, request)
			}
			return
		}
		next, err := readReply(br, false)
		sentinel := err == nil && next.status == 200 && next.body == "ok"
		if !sentinel && err != io.EOF {
			t.Fatalf("%v: %q came second, after %q, to %q", err, next.raw, r.raw, request)
		}
		if sentinel && r.field("Connection") == "close" {
			t.Fatalf("it went on after the last answer to %q", request)
		}
		if _, err := br.ReadByte(); err == nil {
			t.Fatalf("more came to %q", request)
		}
		fs.apps.Range(func(asked, _ any) bool {
			if asked != target && asked != "/app/sentinel" {
				t.Errorf("the app was asked for %q by %q", asked, request)
			}
			return true
		})
		fs.next(t)
	})
}

// wholeRequest writes a request whose framing is correct; not ok if method,
// target or lines (parted by "|") do not go into one, or change the framing.
func wholeRequest(method, target, lines string, body []byte, chunks int) (request string, ok bool) {
	for _, r := range method {
		if r < 'A' || r > 'Z' {
			return "", false
		}
	}
	if method == "" || method == "CONNECT" || !strings.HasPrefix(target, "/") || len(target)+len(lines) > 4096 {
		return "", false
	}
	if strings.ContainsFunc(target+lines, func(r rune) bool { return r < ' ' || r > 0x7e }) || strings.Contains(target, " ") {
		return "", false
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: x\r\n", method, target)
	for line := range strings.SplitSeq(lines, "|") {
		name, _, ok := strings.Cut(line, ":")
		low := strings.ToLower(strings.TrimSpace(name))
		if !ok || low == "content-length" || low == "transfer-encoding" || low == "host" {
			continue
		}
		b.WriteString(line + "\r\n")
	}
	if chunks == 0 {
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
		return b.String(), true
	}
	b.WriteString("Transfer-Encoding: chunked\r\n\r\n")
	for len(body) > 0 {
		n := min(chunks, len(body))
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	b.WriteString("0\r\n\r\n")
	return b.String(), true
}
