//go:build linux

package pushpin

import (
	"strings"
	"time"
)

// What makes a hold, and what does not.
var holdScenarios = []scenario{
	{name: "hold released", app: hold("timeout\n", "X-One: 1", "Content-Type: text/plain"), steps: released(item(`{"body":"news\n"}`))},
	{name: "Grip-Hold nonsense", app: hold("timeout\n", "Grip-Hold: nonsense")},
	{name: "Grip-Hold empty", app: hold("timeout\n", "Grip-Hold: ")},
	{name: "Grip-Hold of other case", app: hold("timeout\n", "Grip-Hold: Response")},
	{name: "Grip-Hold in quotes", app: hold("timeout\n", `Grip-Hold: "response"`)},
	{name: "grip-hold of other case", app: hold("timeout\n", "grip-hold: response"), steps: released(item(`{"body":"news\n"}`))},
	{name: "Grip-Timeout negative", app: hold("timeout\n", "Grip-Timeout: -1")},
	{name: "Grip-Timeout nonsense", app: hold("timeout\n", "Grip-Timeout: soon")},
	{name: "Grip-Timeout with a fraction", app: hold("timeout\n", "Grip-Timeout: 5.5")},
	{name: "Grip-Timeout empty", app: hold("timeout\n", "Grip-Timeout: ")},
	{name: "Grip-Timeout of many digits", app: hold("timeout\n", "Grip-Timeout: 99999999999999999999")},
	{name: "Grip-Timeout very long", app: hold("timeout\n", "Grip-Timeout: 2000000"), steps: released(item(`{"body":"news\n"}`))},
	{name: "Grip-Set-Meta", app: hold("timeout\n", `Grip-Set-Meta: user=ann, role="a, b", flag`), steps: released(item(`{"body":"news\n"}`))},
	{name: "Grip-Set-Meta empty", app: hold("timeout\n", "Grip-Set-Meta: "), steps: released(item(`{"body":"news\n"}`))},
	{name: "an unknown filter", app: hold("timeout\n", "Grip-Channel: {c}; filter=unknown"), steps: released(item(`{"body":"news\n"}`))},
	{name: "too many filters", app: hold("timeout\n", "Grip-Channel: {c}; filter=a; filter=b; filter=c; filter=d; filter=e; filter=f", "Grip-Timeout: 1")},
	{name: "five filters", app: hold("timeout\n", "Grip-Channel: {c}; filter=a; filter=b; filter=c; filter=d; filter=e"), steps: released(item(`{"body":"news\n"}`))},
	{name: "a prev-id, and an item that follows", app: hold("timeout\n", "Grip-Channel: {c}; prev-id=1"), steps: released(follows("1", "news"))},
	{name: "a prev-id, and an item that does not follow", app: once(holds("timeout\n", "Grip-Channel: {c}; prev-id=1"), answer("200 OK", "asked again\n")),
		steps: released(follows("0", "news"))},
	{name: "Grip-Status nonsense on a hold", app: hold("timeout\n", "Grip-Status: nonsense")},
	{name: "Grip-Keep-Alive nonsense on a hold", app: hold("timeout\n", "Grip-Keep-Alive: x; format=nonsense", "Grip-Timeout: 1")},
	{name: "Grip-Link nonsense on a hold", app: hold("timeout\n", "Grip-Link: nonsense; rel=next")},
	{name: "an error that holds", app: always(answer("404 Not Found", "none\n", "Grip-Hold: response", "Grip-Channel: {c}")), steps: released(item(`{"body":"news\n"}`))},
	{
		name:  "two clients on one channel",
		app:   hold("timeout\n", "X-One: 1"),
		steps: []step{get(), get(), held, publish(item(`{"body":"news\n"}`)), answered},
	},
}

// Holds whose time is up: the shortest is 5 s.
var timeoutScenarios = []scenario{
	timeout("timeout", hold("timeout\n", "Grip-Timeout: 1", "X-One: 1", "X-one: 2", "Content-Type: text/plain", "Set-Cookie: a=1", "Set-Cookie: b=2")),
	timeout("timeout of 0", hold("timeout\n", "Grip-Timeout: 0")),
	timeout("timeout without a channel", always(answer("200 OK", "timeout\n", "Grip-Hold: response", "Grip-Timeout: 1"))),
	timeout("timeout of an error", always(answer("404 Gone Fishing", "none\n", "Grip-Hold: response", "Grip-Channel: {c}", "Grip-Timeout: 1"))),
	timeout("timeout of an answer with a Date", hold("timeout\n", "Grip-Timeout: 1", "Date: Mon, 02 Jan 2006 15:04:05 GMT", "Server: app/1")),
	timeout("timeout without a body", hold("", "Grip-Timeout: 1")),
	timeout("timeout of a 204", always(answer("204 No Content", "", "Grip-Hold: response", "Grip-Channel: {c}", "Grip-Timeout: 1", "X-One: 1"))),
	timeout("timeout of a 304", always(answer("304 Not Modified", "", "Grip-Hold: response", "Grip-Channel: {c}", "Grip-Timeout: 1", `ETag: "a"`))),
	timeout("timeout with Grip-Status", hold("timeout\n", "Grip-Timeout: 1", "Grip-Status: 304", `ETag: "a"`)),
	timeout("timeout with Grip-Status and a reason", hold("timeout\n", "Grip-Timeout: 1", "Grip-Status: 404 No Such Thing")),
	timeout("timeout with Grip-Expose-Headers", hold("timeout\n", "Grip-Timeout: 1", "Grip-Expose-Headers: X-Two", "X-One: 1", "X-Two: 2")),
	timeout("timeout of a gzipped answer", always(reply{status: "200 OK", body: "timeout\n", encode: gzipped,
		lines: []string{"Grip-Hold: response", "Grip-Channel: {c}", "Grip-Timeout: 1", "Content-Encoding: gzip"}})),
	timeout("timeout of JSON without a response", instruct(`{"hold":{"mode":"response","timeout":1,"channels":[{"name":"{c}"}]}}`, "X-One: 1")),
	timeout("timeout of JSON", instruct(`{"hold":{"timeout":1,"channels":[{"name":"{c}"}]},"response":{"code":404,"reason":"Odd","headers":{"X-One":"1"},"body":"timeout\n"}}`)),
	timeout("timeout of JSON: body-bin", instruct(`{"hold":{"timeout":1,"channels":[{"name":"{c}"}]},"response":{"headers":[["X-One","1"],["X-One","2"]],"body-bin":"`+base64Of("\x00\xff")+`"}}`)),
	timeout("timeout of JSON: code alone", instruct(`{"hold":{"timeout":1,"channels":[{"name":"{c}"}]},"response":{"code":404}}`)),
	{name: "timeout of JSON: its timeout is text", app: instruct(`{"hold":{"timeout":"1","channels":[{"name":"{c}"}]},"response":{"body":"timeout\n"}}`)},
	timeout("timeout of JSON: no channels", instruct(`{"hold":{"timeout":1,"channels":[]},"response":{"body":"timeout\n"}}`)),
	timeout("timeout of JSON: its code wins over Grip-Status", instruct(`{"hold":{"timeout":1,"channels":[{"name":"{c}"}]},"response":{"code":201,"body":"timeout\n"}}`, "Grip-Status: 404 Odd")),
	timeout("timeout of JSON: Grip-Timeout beside it", instruct(`{"hold":{"channels":[{"name":"{c}"}]},"response":{"body":"timeout\n"}}`, "Grip-Timeout: 1")),
	{
		name:  "timeout of HEAD",
		app:   hold("timeout\n", "Grip-Timeout: 1", "X-One: 1"),
		steps: []step{ask("HEAD", ""), held, timedOut(5 * time.Second)},
	},
	{
		name: "timeout after items of other formats",
		app:  hold("timeout\n", "Grip-Timeout: 1"),
		steps: []step{get(), held,
			publish(`{"items":[{"channel":"{c}","formats":{"http-stream":{"content":"x"},"ws-message":{"content":"x"}}}]}`),
			publish(`{"items":[{"channel":"{c}","formats":{"unknown":{}}}]}`),
			publish(`{"items":[{"channel":"another-{c}","formats":{"http-response":{"body":"news\n"}}}]}`),
			timedOut(5 * time.Second)},
	},
	{
		name:  "timeout after an action that is not for polls",
		app:   hold("timeout\n", "Grip-Timeout: 1"),
		steps: []step{get(), held, publish(item(`{"action":"close"}`)), timedOut(5 * time.Second)},
	},
}

func timeout(name string, app appFunc) scenario {
	return scenario{name: name, app: app, steps: []step{get(), timedOut(5 * time.Second)}}
}

// follows is an item with ids, for the play's channel.
func follows(prevID, body string) string {
	return `{"items":[{"channel":"{c}","id":"next","prev-id":` + quoted(prevID) + `,"http-response":{"body":"` + body + `\n"}}]}`
}

// What is too large, or just not.
var limitScenarios = []scenario{
	{name: "body of 100,000 bytes with a hold", app: hold(strings.Repeat("0123456789", 10_000)), steps: released(item(`{"body":"news\n"}`))},
	{name: "body of 100,001 bytes with a hold", app: hold(strings.Repeat("0123456789", 10_000) + "0")},
	{name: "instruction of 100,001 bytes", app: instruct(`{"response":{"body":"x"}}` + strings.Repeat(" ", 100_001))},
	{
		name:  "request of 100,000 bytes with a hold",
		app:   hold("timeout\n"),
		steps: []step{ask("POST", strings.Repeat("0123456789", 10_000)), held, publish(item(`{"body":"news\n"}`)), answered},
	},
	{
		name:  "request of 100,001 bytes with a hold",
		app:   hold("timeout\n"),
		steps: []step{ask("POST", strings.Repeat("0123456789", 10_000)+"0"), answered},
	},
	{
		name:  "request of 100,001 bytes with a Grip header and no hold",
		app:   always(answer("200 OK", "plain\n", "Grip-Channel: {c}")),
		steps: []step{ask("POST", strings.Repeat("0123456789", 10_000)+"0"), answered},
	},
	{name: "item of 500,000 bytes", app: hold("timeout\n"), steps: released(item(`{"body":` + quoted(strings.Repeat("0123456789", 50_000)) + `}`))},
}
