package proxy

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing/synctest"
)

// gripItem publishes an item with an http-response.
func gripItem(response string) func(s *site) {
	return func(s *site) {
		s.t.Helper()
		if r := s.items(`{"channel":"a","formats":{"http-response":` + response + `}}`); r.status != 200 {
			s.t.Error(r.raw)
		}
	}
}

func zipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.String()
}

// gripTests are requests whose app's answer has instructions.
func gripTests() []wireTest {
	const onA = "Grip-Channel: a"
	news := gripItem(`{"code":"200","reason":"News","headers":{"x-app":"new","Grip-Channel":"z","Content-Length":"999"},"body":"hello"}`)
	held := holdOn("none", onA, "X-App: old", "Set-Cookie: a=1", "Set-Cookie: a=2; Path=/x", "Connection: X-Mine", "X-Mine: 1", "Keep-Alive: timeout=5")
	head := strings.Replace(get("/app/poll"), "GET", "HEAD", 1)
	instruct := func(body string, lines ...string) string {
		return ok(body, append(lines, "Content-Type: application/grip-instruct; x=y", "X-App: old")...)
	}
	hold := `"hold":{"channels":[{"name":"a"}],"timeout":20}`
	form := "POST /app HTTP/1.1\nHost: x\nContent-Length: %d\n\n"
	large := strings.Repeat("x", maxInstructed+1)
	tests := []wireTest{
		{name: "passed-on", app: ok("body", "Grip-Status: 404 Gone Fishing", "X-App: old", "grip-other: 1", "Grip_Twin: 1")},
		{name: "passed-on-channels", app: ok("body", onA, "Cache-Control: no-store")},
		{name: "passed-on-status", app: ok("body", "Grip-Status: 304")},
		{name: "passed-on-exposed", app: ok("body", "Grip-Expose-Headers: x-app", "X-App: old", "X-Other: 1", "Content-Encoding: x-mine")},
		{name: "message-etag", app: holdOn("none", onA, `ETag: "a"`, "Last-Modified: Sat, 21 Nov 2026 00:00:00 GMT"), during: news},
		{name: "timeout-etag", app: holdOn("none", onA, `ETag: "a"`), during: timeUp},
		{name: "message", app: held, during: news},
		{name: "message-one-by-one", app: held, during: gripItem(`{"body":"1"}`), after: get0("/app/poll")},
		{name: "message-native", app: held, during: func(s *site) { s.publish("a", `{"n":1}`) }},
		{name: "message-other-form", app: held, during: func(s *site) {
			s.items(`{"channel":"a","formats":{"http-stream":{"content":"x"}}}`)
			s.items(`{"channel":"a","formats":{"http-response":{"action":"close"}}}`)
			s.say("a", "at last")
		}},
		{name: "message-no-content", app: held, during: gripItem(`{"code":204,"body":"ignored"}`)},
		{name: "message-binary", app: held, during: gripItem(`{"body-bin":"AP8=","headers":[["Content-Type","x/y"],["X-Two","1"],["X-Two","2"]]}`)},
		{name: "hint", app: held, during: gripItem(`{"action":"hint"}`)},
		{name: "patch", app: held, during: gripItem(`{"body-patch":[]}`)},
		{name: "deleted", app: held, during: func(s *site) { s.request("DELETE", "/channels/a", "") }},
		{name: "timeout", app: held, during: timeUp},
		{name: "timeout-status", app: holdOn("none", onA, "Grip-Status: 205 Reset"), during: timeUp},
		{name: "timeout-exposed", app: holdOn("none", onA, "Grip-Expose-Headers: Content-Type", "X-App: old"), during: timeUp},
		{name: "timeout-zipped", app: holdOn(zipped("none"), onA, "Content-Encoding: gzip"), during: timeUp},
		{name: "drained", app: held, during: drained},
		{name: "head-message", app: holdOn("", onA), request: head, during: news},
		{name: "head-timeout", app: holdOn("", onA), request: head, during: timeUp},
		{name: "http10", app: held, request: get10("/app/poll"), during: news},
		{name: "http10-keep-alive", app: held, request: get10("/app/poll", "Connection: keep-alive"), during: news},
		{name: "close", app: held, request: get("/app/poll", "Connection: close"), during: news},
		{name: "instruct", app: instruct("{" + hold + `,"response":{"code":201,"headers":[["X-B","1"],["Grip-X","1"]],"body":"mine"}}`), during: timeUp},
		{name: "instruct-bare", app: instruct("{" + hold + "}"), during: timeUp},
		{name: "instruct-no-hold", app: instruct(`{"response":{"body":"mine","headers":{"Content-Type":"text/x"}}}`)},
		{name: "instruct-nonsense", app: instruct("nonsense")},
		{name: "stream", app: ok("none", "Grip-Hold: stream", onA)},
		{name: "next", app: ok("none", `Grip-Link: </next>; rel=next`)},
		{name: "post", app: held, request: fmt.Sprintf(form, 3), body: "abc", during: news},
		{name: "post-larger", app: held, request: fmt.Sprintf(form, 20000), body: large[:20000], during: news},
		{name: "post-too-large", app: held, request: fmt.Sprintf(form, len(large)), body: large},
		{name: "parked", app: held, options: Options{MaxParked: 1}, before: func(s *site) { s.dial().get("/events/1"); synctest.Wait() }},
		{name: "held-bytes", app: held, options: Options{GRIP: GRIPOptions{HeldBytes: 10}}},
		{name: "off", app: held, options: Options{Routes: []Route{{Path: "/app", Backend: "app", NoGRIP: true}}}},
	}
	for i := range tests {
		tests[i].name = "grip-" + tests[i].name
		if tests[i].request == "" {
			tests[i].request = get("/app/poll")
		}
	}
	return tests
}

// get0 is a request that is sent as it is.
func get0(target string) string { return strings.ReplaceAll(get(target), "\n", "\r\n") }

// gripItemTests are publishes of items with formats, and what native polls get of
// them.
func gripItemTests() []wireTest {
	var tests []wireTest
	publish := func(name, items string, lines ...string) {
		body := `{"items":[` + items + `]}`
		tests = append(tests, wireTest{name: "publish-grip-" + name, internal: true, body: body, request: post("/publish/", body, lines...)})
	}
	const good = `{"channel":"a","id":"1","formats":{"http-response":{"body":"x"}}}`
	publish("formats", good+`,`+good+`,{"channel":"b","http-response":{"body":"y"}}`, "Prefer: return=representation")
	publish("no-channel", `{"formats":{"http-response":{"body":"x"}}}`)
	publish("empty-channel", `{"channel":"","formats":{"http-response":{"body":"x"}}}`)
	publish("no-formats", `{"channel":"a"}`)
	publish("no-body", good+`,{"channel":"a","formats":{"http-response":{}}}`)
	publish("status", `{"channel":"a","formats":{"http-response":{"code":100,"body":""}}}`)
	publish("injection", `{"channel":"a","formats":{"http-response":{"headers":{"X":"1\r\nSet-Cookie: a=b"},"body":""}}}`)
	publish("both", `{"channel":"a","data":1,"formats":{"http-response":{"body":""}}}`)
	tests = append(tests, wireTest{name: "publish-no-length", internal: true, request: "POST /publish/ HTTP/1.1\nHost: localhost\n\n"})
	onRoom := func(response string) func(*site) {
		return func(s *site) {
			s.t.Helper()
			if r := s.items(`{"channel":"room:1","formats":{"http-response":` + response + `}}`); r.status != 200 {
				s.t.Error(r.raw)
			}
		}
	}
	return append(tests,
		wireTest{name: "poll-grip-json", request: get("/events/1"), during: onRoom(`{"code":404,"headers":{"content-type":"application/json","X-A":"b"},"body":"[1]"}`)},
		wireTest{name: "poll-grip-text", request: get("/events/1"), during: onRoom(`{"body":"x"}`)},
		wireTest{name: "poll-grip-no-json", request: get("/events/1"), during: onRoom(`{"headers":{"Content-Type":"application/json"},"body":"{"}`)},
		wireTest{name: "poll-grip-others", request: get("/events/1"), during: func(s *site) {
			onRoom(`{"action":"hint"}`)(s)
			onRoom(`{"body-patch":[]}`)(s)
			s.items(`{"channel":"room:1","ws-message":{"content":"x"}}`)
			one(s)
		}},
	)
}
