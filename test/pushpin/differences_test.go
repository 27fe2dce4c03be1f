//go:build linux

package pushpin

import "strings"

// differences are those that are meant; docs/grip.md has them for users.
var differences = []*difference{
	// All answers.
	{
		what:       "a publisher's connection stays open",
		why:        "who publishes often need not connect each time",
		everywhere: of(toPublisher, keepsOpen),
	},
	{
		what:       "answers have a Date, the time at which they are written",
		why:        "a proxy with a clock adds it (RFC 9110, section 6.6.1), and an app's own is old when a hold ends",
		everywhere: takesDate,
	},
	{
		what:       "the answer to HTTP/1.0 is one of HTTP/1.1, and says that it closes the connection",
		why:        "a server answers with its own version (RFC 9110, section 6.2)",
		everywhere: ownVersion,
	},

	// Answers to clients.
	{
		what:       "answers to held requests have a Comet-Cursor",
		why:        "a client that sends it back misses nothing in between, also without an app that keeps ids",
		everywhere: of(toClient, takesCursor),
	},
	{
		what:       "errors of the proxy's own are application/problem+json",
		why:        "they say what is wrong and where to look, like all of cometproxy's; Pushpin's say it only in debug mode",
		everywhere: of(toClient, originError),
		in: map[string]change{
			"request of 100,001 bytes with a hold": problem("400 Bad Request"),
		},
	},
	{
		what: "a code without a standard text has another reason",
		why:  "there is no right one, and clients do not read it",
		everywhere: of(toClient, func(pushpin, _ *record) {
			pushpin.first = strings.Replace(pushpin.first, "Undefined Reason", "Unknown Status Code", 1)
		}),
	},
	{
		what: "answers to a poll have a Content-Length, whatever their size",
		why:  "the length is known",
		in: map[string]change{
			"item of 500,000 bytes": of(toClient, both(drops("Connection", "Transfer-Encoding"), takes("Content-Length"))),
		},
	},
	{
		what: "the answer to a HEAD whose time is up has no Content-Length",
		why:  "the app sent no body whose length could be told",
		in: map[string]change{
			"timeout of HEAD": drops("Content-Length"),
		},
	},
	{
		what: "headers of one connection are not passed on, neither an app's nor an item's",
		why:  "they are between the proxy and its neighbour (RFC 9110, section 7.6.1)",
		in: map[string]change{
			"item: Connection": of(toClient, drops("Keep-Alive")),
			"merge: a hop-by-hop header that the app names": of(toClient, drops("X-Hop")),
		},
	},

	// What an app answers.
	{
		what: "what is not held may have any size, and so may its request",
		why:  "nothing of it is kept",
		in: map[string]change{
			"no hold: a large answer with a Grip header":              says("200 OK", "", strings.Repeat("0123456789", 20_000)),
			"request of 100,001 bytes with a Grip header and no hold": says("200 OK", "", "plain\n"),
		},
	},
	{
		what: "more than five filters on a channel are an error",
		why:  "they are in Pushpin since 2.0",
		in: map[string]change{
			"no hold: too many filters": problem("502 Bad Gateway"),
			"too many filters":          problem("502 Bad Gateway"),
		},
	},
	{
		what: "Grip-Keep-Alive is not read",
		why:  "it is for streams",
		in: map[string]change{
			"Grip-Keep-Alive nonsense on a hold": both(says("200 OK", "", "timeout\n"), takes("Comet-Cursor")),
		},
	},
	{
		what: "numbers in instructions are numbers",
		why:  "no library sends them as text, and Pushpin takes any nonsense for 0",
		in: map[string]change{
			"timeout of JSON: its timeout is text": problem("502 Bad Gateway"),
		},
	},
	{
		what: "the type of instructions is compared without regard to case",
		why:  "media types are (RFC 9110, section 8.3.1)",
		in: map[string]change{
			"JSON: Content-Type of other case": says("200 OK", "", "x\n"),
		},
	},
	{
		what: "instructions without a hold and a body are an answer without a body",
		why:  "Pushpin 1.36 stumbles over the missing body; with an empty one it answers",
		in: map[string]change{
			"JSON: response of code alone":   says("404 Not Found", "", ""),
			"JSON: response of unknown code": says("599 Unknown Status Code", "", ""),
			"JSON: response of reason alone": says("200 Splendid", "", ""),
			"JSON: response of a 204":        says("204 No Content", "", ""),
			"JSON: empty response":           says("200 OK", "", ""),
			"JSON: empty":                    says("200 OK", "", ""),
		},
	},
	{
		what: "clients see no Grip headers, wherever they stand",
		why:  "Pushpin removes them from an app's and an item's headers, and forgets those in instructions",
		in: map[string]change{
			"JSON: Grip headers among the headers": drops("Grip-Hold"),
		},
	},
	{
		what: "headers with a line break and base64 that is none are refused, in instructions too",
		why:  "the one lets others write answers, the other loses content",
		in: map[string]change{
			"JSON: header of two lines": problem("502 Bad Gateway"),
			"JSON: body-bin nonsense":   problem("502 Bad Gateway"),
		},
	},

	// Channels, and what is published on them.
	{
		what: "channel names have 1 to 255 bytes, no control characters, and no $ in front",
		why:  "they are the same names as those of native polls; $ is cometproxy's own",
		in: map[string]change{
			"channels: hold on a name with $":              problem("502 Bad Gateway"),
			"channels: an item for the empty name":         refuses("a channel name may not be empty"),
			"channels: an item for a name with $":          refuses("channel names that begin with $ are reserved"),
			"channels: an item for a very long name":       refuses("a channel name is at most 255 bytes of UTF-8, this one has 256"),
			"channels: an item for a name with a line end": refuses("a channel name may not contain the control character U+000A"),
		},
	},
	{
		what: "the app is not asked again: a hint, a body-patch and an item that does not follow end the hold at once",
		why:  "this is level 1; a client polls again by itself",
		in: map[string]change{
			"hint":       of(toClient, says("200 OK", "", "timeout\n")),
			"body-patch": of(toClient, says("200 OK", "application/json", `{"a":1}`+"\n")),
			"a prev-id, and an item that does not follow": of(toClient, says("200 OK", "", "news\n")),
		},
	},
	{
		what: "half of a surrogate pair becomes U+FFFD",
		why:  "that is Unicode's own way to say it; Pushpin writes a question mark",
		in: map[string]change{
			"item: lone surrogate in the body": of(toClient, says("200 OK", "", "a\ufffdb")),
		},
	},
	{
		what: "codes below 200, and those that are no whole numbers, are refused",
		why:  "no answer can have them: with 100 Pushpin leaves the client without one",
		in: map[string]change{
			`http-response {"code":0,"body":"x"}`:       refuses("'http-response' contains 'code' with invalid value"),
			`http-response {"code":100,"body":"x"}`:     refuses("'http-response' contains 'code' with invalid value"),
			`http-response {"code":199,"body":"x"}`:     refuses("'http-response' contains 'code' with invalid value"),
			`http-response {"code":"","body":"x"}`:      refuses("'http-response' contains 'code' with invalid value"),
			`http-response {"code":"abc","body":"x"}`:   refuses("'http-response' contains 'code' with invalid value"),
			`http-response {"code":"200.0","body":"x"}`: refuses("'http-response' contains 'code' with invalid value"),
			`http-response {"code":true,"body":"x"}`:    refuses("'http-response' contains 'code' with wrong type"),
		},
	},
	{
		what: "a reason or header that HTTP cannot carry is refused, and so is base64 that is none",
		why:  "with a line break, a publisher's text could write a client's answer; base64 in another alphabet would arrive empty",
		in: map[string]change{
			`http-response {"reason":"a\r\nb","body":"x"}`:        refuses("'http-response' contains 'reason' with a line break or NUL in it"),
			`http-response {"headers":{"a":"x\r\ny"},"body":"x"}`: refuses("headers contains 'a' with a line break or NUL in its value"),
			`http-response {"headers":{"":"x"},"body":"x"}`:       refuses(`headers contains "", which is not a header name`),
			`http-response {"headers":{"a b":"x"},"body":"x"}`:    refuses(`headers contains "a b", which is not a header name`),
			`http-response {"body-bin":"!!!"}`:                    refuses("'http-response' contains 'body-bin' with invalid value"),
			`http-response {"body-bin":"_-8="}`:                   refuses("'http-response' contains 'body-bin' with invalid value"),
		},
	},
	{
		what: "an unknown action is named",
		why:  "Pushpin gives an empty reason",
		in: map[string]change{
			`http-response {"action":"","body":"x"}`:         refuses("'http-response' contains 'action' with unknown value"),
			`http-response {"action":"nonsense","body":"x"}`: refuses("'http-response' contains 'action' with unknown value"),
			`http-response {"action":"Send","body":"x"}`:     refuses("'http-response' contains 'action' with unknown value"),
			`http-stream {"action":"nonsense"}`:              refuses("'http-stream' contains 'action' with unknown value"),
			`ws-message {"action":"nonsense"}`:               refuses("'ws-message' contains 'action' with unknown value"),
		},
	},
	{
		what: "the action refresh is known",
		why:  "it is to Pushpin 2.0, which does it for WebSockets only",
		in: map[string]change{
			`http-response {"action":"refresh"}`: accepts,
			`http-stream {"action":"refresh"}`:   accepts,
			`ws-message {"action":"refresh"}`:    accepts,
		},
	},

	// The publish request.
	{
		what:       "an error in a batch says which item it is",
		why:        "a publisher of hundreds of items would have to search",
		everywhere: of(toPublisher, namesItem),
	},
	{
		what: "an answer of JSON has Cache-Control: no-store",
		why:  "all JSON of the internal listener has it",
		everywhere: of(toPublisher, func(pushpin, comet *record) {
			if pushpin.get("Content-Type") == "application/json" {
				pushpin.set("Cache-Control", "no-store")
			}
		}),
	},
	{
		what: "elsewhere than at /publish/ errors are application/problem+json",
		why:  "they are those of the native interface",
		in: map[string]change{
			"publish: GET elsewhere":            problem("404 Not Found"),
			"publish: below /publish/":          problem("404 Not Found"),
			"publish: GET /":                    problem("404 Not Found"),
			"publish: POST /recover":            problem("404 Not Found"),
			"publish: without a Host":           problem("400 Bad Request"),
			"publish: body of 10,000,000 bytes": problem("413 Request Entity Too Large"),
		},
	},
	{
		what: "a request may be chunked, and have a query and a large head",
		why:  "these are well-formed requests",
		in: map[string]change{
			"publish: chunked":              accepts,
			"publish: a query":              accepts,
			"publish: head of 11,000 bytes": accepts,
		},
	},
	{
		what: "Accept is read without regard to case, an empty one allows everything, and the method is looked at before it",
		why:  "so RFC 9110 has it",
		in: map[string]change{
			"Accept: APPLICATION/JSON": both(says("200 OK", "application/json", `{"message":"Published"}`+"\n"), takes("Cache-Control")),
			"Accept: ":                 accepts,
			"publish: GET with an Accept that is not to be had": both(says("405 Method Not Allowed", "text/plain", "Method not allowed: GET.\n"), takes("Allow")),
		},
	},
	{
		what: "a byte order mark is not JSON",
		why:  "senders must not write one (RFC 8259, section 8.1)",
		in: map[string]change{
			"body \ufeff" + nothing: says("400 Bad Request", "text/plain", "Body is not valid JSON.\n"),
		},
	},

	// Requests to the app.
	{
		what: "Grip-Feature is status",
		why:  "it lists what is implemented",
		everywhere: of(toApp, func(pushpin, comet *record) {
			pushpin.set("Grip-Feature", "status")
		}),
	},
	{
		what:       "Accept-Encoding is the client's",
		why:        "client and app agree on compression without the proxy",
		everywhere: of(toApp, drops("Accept-Encoding")),
	},
	{
		what: "the app gets the target byte for byte",
		why:  "it may be signed, or mean something else to the app",
		in: map[string]change{
			"a poll with a query": of(toApp, func(pushpin, _ *record) { pushpin.first = strings.Replace(pushpin.first, "?a=A&b", "?a=%41&b", 1) }),
		},
	},
	{
		what:       "no Accept is made up",
		why:        "the app sees what the client sent",
		everywhere: of(toApp, drops("Accept")),
	},
	{
		what:       "the app gets X-Forwarded-For, -Host and -Proto",
		why:        "it does not see the client otherwise; Pushpin can be told to send some of them",
		everywhere: of(toApp, takes("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto")),
	},
}

func takesDate(pushpin, comet *record) {
	if pushpin.kind != toApp {
		takes("Date")(pushpin, comet)
	}
}

func ownVersion(pushpin, _ *record) {
	if rest, ok := strings.CutPrefix(pushpin.first, "HTTP/1.0"); ok {
		pushpin.first = "HTTP/1.1" + rest
		if !pushpin.has("Connection") {
			pushpin.set("Connection", "close")
		}
	}
}

func takesCursor(pushpin, comet *record) {
	if pushpin.ofHold {
		pushpin.set("Comet-Cursor", comet.get("Comet-Cursor")) // which must be there
	}
}

func originError(pushpin, comet *record) {
	if pushpin.status() == "502 Bad Gateway" && pushpin.get("Content-Type") == "text/plain" {
		problem("502 Bad Gateway")(pushpin, comet)
	}
}

// keepsOpen needs HTTP/1.1: it stands before ownVersion.
func keepsOpen(pushpin, _ *record) {
	if strings.HasPrefix(pushpin.first, "HTTP/1.1") {
		pushpin.drop("Connection")
	}
}

// namesItem is for batches of several items.
func namesItem(pushpin, comet *record) {
	text, ok := strings.CutSuffix(pushpin.body, "\n")
	if ok && strings.HasPrefix(comet.body, text+" (item ") && strings.HasSuffix(comet.body, "; none was published)\n") {
		pushpin.body = comet.body
		takes("Content-Length")(pushpin, comet)
	}
}
