//go:build linux

package pushpin

import "strings"

// Answers that do not hold, and what the app and the client see of each other.
var relayScenarios = []scenario{
	{name: "relay", app: always(answer("200 OK", "plain\n", "X-One: 1", "Content-Type: text/plain"))},
	{name: "relay of an error", app: always(answer("404 Gone Fishing", "none\n", "X-One: 1"))},
	{name: "relay of a 204", app: always(answer("204 No Content", "", "X-One: 1"))},
	{name: "relay of a 304", app: always(answer("304 Not Modified", "", `ETag: "a"`))},
	{name: "relay of HEAD", app: always(answer("200 OK", "plain\n", "X-One: 1")), steps: []step{ask("HEAD", ""), answered}},
	{name: "relay of several cookies", app: always(answer("200 OK", "plain\n", "Set-Cookie: a=1", "Set-Cookie: b=2"))},
	{name: "relay of a large answer", app: always(answer("200 OK", strings.Repeat("0123456789", 20_000)))},
	{name: "relay of a Date", app: always(answer("200 OK", "", "Date: Mon, 02 Jan 2006 15:04:05 GMT", "Server: app/1"))},
	{name: "no hold: a Date", app: always(answer("200 OK", "", "Grip-Foo: x", "Date: Mon, 02 Jan 2006 15:04:05 GMT", "Server: app/1"))},
	{name: "relay of a redirect", app: always(answer("302 Found", "", "Location: /elsewhere"))},

	{name: "no hold: Grip headers are removed", app: always(answer("200 OK", "plain\n", "Grip-Channel: {c}", "grip-timeout: 9", "GRIP-FOO: x", "X-One: 1"))},
	{name: "no hold: an empty Grip-Channel", app: always(answer("200 OK", "plain\n", "Grip-Channel: "))},
	{name: "no hold: Grip-Status", app: always(answer("200 OK", "plain\n", "Grip-Status: 404"))},
	{name: "no hold: Grip-Status with a reason", app: always(answer("200 OK", "plain\n", "Grip-Status: 404 No Such Thing"))},
	{name: "no hold: Grip-Status of an unknown code", app: always(answer("200 OK", "plain\n", "Grip-Status: 599"))},
	{name: "no hold: Grip-Status of no meaning to HTTP", app: always(answer("200 OK", "plain\n", "Grip-Status: 999 Odd"))},
	{name: "no hold: Grip-Status 304", app: always(answer("200 OK", "plain\n", "Grip-Status: 304", `ETag: "a"`))},
	{name: "no hold: Grip-Status 204", app: always(answer("200 OK", "plain\n", "Grip-Status: 204"))},
	{name: "no hold: Grip-Status nonsense", app: always(answer("200 OK", "plain\n", "Grip-Status: many"))},
	{name: "no hold: Grip-Status too large", app: always(answer("200 OK", "plain\n", "Grip-Status: 1000"))},
	{name: "no hold: Grip-Status empty", app: always(answer("200 OK", "plain\n", "Grip-Status: "))},
	{name: "no hold: Grip-Status replaces the app's reason", app: always(answer("200 Splendid", "plain\n", "Grip-Status: 200"))},
	{name: "no hold: Grip-Expose-Headers", app: always(answer("200 OK", "plain\n", "Grip-Expose-Headers: X-Two, x-three", "X-One: 1", "X-Two: 2", "X-Three: 3", "Content-Type: text/plain"))},
	{name: "no hold: a large answer with a Grip header", app: always(answer("200 OK", strings.Repeat("0123456789", 20_000), "Grip-Channel: {c}"))},
	{name: "no hold: Grip-Timeout nonsense", app: always(answer("200 OK", "plain\n", "Grip-Timeout: soon"))},
	{name: "no hold: a bad Grip-Link", app: always(answer("200 OK", "plain\n", "Grip-Link: nonsense"))},
	{name: "no hold: too many filters", app: always(answer("200 OK", "plain\n", "Grip-Channel: {c}; filter=a; filter=b; filter=c; filter=d; filter=e; filter=f"))},
}

// Requests on their way to the app.
var requestScenarios = []scenario{
	{name: "the app sees a signature and features", app: always(answer("200 OK", "")), steps: []step{get("X-One: 1"), answered, seen}},
	{
		name: "the app does not see a client's Grip headers",
		app:  always(answer("200 OK", "")),
		steps: []step{get("Grip-Sig: forged", "grip-feature: everything", "GRIP-LAST: a; last-id=1", "Grip-Foo: x", "Gripless: y"),
			answered, seen},
	},
	{name: "the app sees a body", app: always(answer("200 OK", "")), steps: []step{ask("POST", `{"a":1}`, "Content-Type: application/json"), answered, seen}},
	{
		name: "a POST poll is held",
		app:  hold("timeout\n"),
		steps: []step{ask("POST", `{"a":1}`, "Content-Type: application/json"), held, publish(item(`{"body":"news\n"}`)),
			answered, seen},
	},
	{name: "a PUT poll is held", app: hold("timeout\n"), steps: []step{ask("PUT", "x"), held, publish(item(`{"body":"news\n"}`)), answered}},
	{name: "an OPTIONS poll is held", app: hold("timeout\n"), steps: []step{ask("OPTIONS", ""), held, publish(item(`{"body":"news\n"}`)), answered}},
	{name: "a HEAD poll is held", app: hold("timeout\n", "X-One: 1"), steps: []step{ask("HEAD", ""), held, publish(item(`{"body":"news, not to be seen\n"}`)), answered}},
	{name: "a poll that wants the connection closed", app: hold("timeout\n"), steps: []step{get("Connection: close"), held, publish(item(`{"body":"news\n"}`)), answered}},
	{name: "a poll of HTTP/1.0", app: hold("timeout\n"), steps: []step{askRaw("GET {p} HTTP/1.0\r\nHost: localhost\r\n\r\n"), held, publish(item(`{"body":"news\n"}`)), answered}},
	{name: "a poll of HTTP/1.0 that is kept alive", app: hold("timeout\n"),
		steps: []step{askRaw("GET {p} HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n"), held, publish(item(`{"body":"news\n"}`)), answered}},
	{name: "a poll with a chunked body", app: hold("timeout\n"),
		steps: []step{askRaw("POST {p} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"), held, publish(item(`{"body":"news\n"}`)), answered}},
	{name: "a poll that expects 100-continue", app: hold("timeout\n"),
		steps: []step{ask("POST", "abc", "Expect: 100-continue"), held, publish(item(`{"body":"news\n"}`)), answered}},
	{name: "a poll with a query", app: hold("timeout\n"),
		steps: []step{askRaw("GET {p}?a=%41&b HTTP/1.1\r\nHost: localhost\r\n\r\n"), held, publish(item(`{"body":"news\n"}`)), answered, seen}},
	{
		name:  "a second poll over the same connection",
		app:   hold("timeout\n"),
		steps: []step{get(), held, publish(item(`{"body":"one\n"}`)), answered, getAgain, held, publish(item(`{"body":"two\n"}`)), answered},
	},
	{
		name:  "an ordinary request over the connection of a poll",
		app:   once(holds("timeout\n"), answer("200 OK", "plain\n")),
		steps: []step{get(), held, publish(item(`{"body":"one\n"}`)), answered, getAgain, answered},
	},
}
