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
		what:       "every answer has a `Date`, that at which it is sent",
		why:        "an app's is old when a hold ends; nginx, too, puts its own in place of an app's",
		everywhere: takesDate,
	},
	{
		what:       "HTTP/1.0 is answered with HTTP/1.1, and told that the connection closes",
		why:        "a server answers with its own version (RFC 9110, section 6.2)",
		everywhere: ownVersion,
	},

	// Answers to clients.
	{
		what:       "answers to held requests have a `Comet-Cursor`, and so have those that name channels and do not hold",
		why:        "a client that sends it back misses nothing in between, and the app need not keep ids for that",
		everywhere: of(toClient, takesCursor),
	},
	{
		what:       "the proxy's own errors are `application/problem+json`",
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
		what: "answers to held requests have a `Content-Length`, whatever their size",
		why:  "the length is known",
		in: map[string]change{
			"item of 500,000 bytes": of(toClient, both(drops("Connection", "Transfer-Encoding"), takes("Content-Length"))),
		},
	},
	{
		what: "a held `HEAD` whose time is up gets no `Content-Length`",
		why:  "the app sent no body whose length could be told",
		in: map[string]change{
			"timeout of HEAD": drops("Content-Length"),
		},
	},
	{
		what: "`ETag`, `Last-Modified` and the like do not go from the app's answer to a message",
		why:  "they are about another body: a browser would ask with them, be told 304, and show the message again",
		in: map[string]change{
			"merge: headers about the body": of(toClient, drops("ETag", "Last-Modified")),
		},
	},
	{
		what: "headers of one connection (`Keep-Alive`, those that `Connection` names) are left out, an app's and an item's",
		why:  "they are between neighbours (RFC 9110, section 7.6.1)",
		in: map[string]change{
			"item: Connection": of(toClient, drops("Keep-Alive")),
			"merge: a hop-by-hop header that the app names": of(toClient, drops("X-Hop")),
		},
	},

	// What an app answers.
	{
		what: "an answer with `Grip-` headers that does not hold may have any size, and so may its request",
		why:  "nothing of it is kept",
		in: map[string]change{
			"no hold: a large answer with a Grip header":              says("200 OK", "", strings.Repeat("0123456789", 20_000)),
			"request of 100,001 bytes with a Grip header and no hold": says("200 OK", "", "plain\n"),
		},
	},
	{
		what: "more than five filters on a channel are an error",
		why:  "they are one to later versions of Pushpin",
		in: map[string]change{
			"no hold: too many filters": problem("502 Bad Gateway"),
			"too many filters":          problem("502 Bad Gateway"),
		},
	},
	{
		what: "`Grip-Keep-Alive` is not read",
		why:  "it is for streams",
		in: map[string]change{
			"Grip-Keep-Alive nonsense on a hold": both(says("200 OK", "", "timeout\n"), takes("Comet-Cursor")),
		},
	},
	{
		what: "a number that stands as text in instructions is an error",
		why:  "every wrong type is one; Pushpin makes an exception for `timeout`, of which any text is a number to it",
		in: map[string]change{
			"timeout of JSON: its timeout is text": problem("502 Bad Gateway"),
		},
	},
	{
		what: "`application/grip-instruct` may have capitals",
		why:  "media types are compared without regard to case (RFC 9110, section 8.3.1)",
		in: map[string]change{
			"JSON: Content-Type of other case": says("200 OK", "", "x\n"),
		},
	},
	{
		what: "instructions with neither a hold nor a body are an answer without a body",
		why:  "Pushpin stumbles over the missing body; with an empty one it answers",
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
		what: "clients see no `Grip-` headers, wherever they stand",
		why:  "Pushpin removes those of the app and of items, and forgets those in instructions",
		in: map[string]change{
			"JSON: Grip headers among the headers": drops("Grip-Hold"),
		},
	},
	{
		what: "instructions whose headers HTTP cannot carry, or whose base64 is none, are an error",
		why:  "as with items, below",
		in: map[string]change{
			"JSON: header of two lines": problem("502 Bad Gateway"),
			"JSON: body-bin nonsense":   problem("502 Bad Gateway"),
		},
	},

	// Channels, and what is published on them.
	{
		what: "what is published while the app decides ends the hold at once",
		why:  "the hold begins where the request was forwarded; Pushpin loses it",
		in: map[string]change{
			"item: while the app decides": of(toClient, both(says("200 OK", "", "news\n"), takes("Comet-Cursor"))),
		},
	},
	{
		what: "a `prev-id` that is behind gets what came after it",
		why:  "that is kept; Pushpin asks the app again",
		in: map[string]change{
			"item: a prev-id that is behind": of(toClient, func(pushpin, comet *record) {
				if pushpin.body == "asked again\n" {
					both(says("200 OK", "", "two\n"), takes("Comet-Cursor"))(pushpin, comet)
				}
			}),
		},
	},
	{
		what: "a request may hold on 100 channels (`hold.max_channels`)",
		why:  "Pushpin leaves out what is over 20, without a word",
		in: map[string]change{
			"channels: more than twenty, the last": of(toClient, says("200 OK", "", "last\n")),
		},
	},
	{
		what: "channel names have 1 to 255 bytes without control characters, and no `$` in front",
		why:  "native polls have the same names, and those with `$` are cometproxy's own",
		in: map[string]change{
			"channels: hold on a name with $":              problem("502 Bad Gateway"),
			"channels: an item for the empty name":         refuses("a channel name may not be empty"),
			"channels: an item for a name with $":          refuses("channel names that begin with $ are reserved"),
			"channels: an item for a very long name":       refuses("a channel name is at most 255 bytes of UTF-8, this one has 256"),
			"channels: an item for a name with a line end": refuses("a channel name may not contain the control character U+000A"),
		},
	},
	{
		what: "the app is not asked again: `hint`, `body-patch` and `content-filters` end the hold with its own answer, and an item whose `prev-id` does not follow is delivered",
		why:  "that is level 2; clients poll again by themselves",
		in: map[string]change{
			"hint":       of(toClient, says("200 OK", "", "timeout\n")),
			"body-patch": of(toClient, says("200 OK", "application/json", `{"a":1}`+"\n")),
			"item: content-filters that do not match":     of(toClient, says("200 OK", "", "timeout\n")),
			"a prev-id, and an item that does not follow": of(toClient, says("200 OK", "", "news\n")),
		},
	},
	{
		what: "half of a surrogate pair in a body becomes U+FFFD",
		why:  "that is Unicode's sign for it; Pushpin writes a question mark",
		in: map[string]change{
			"item: lone surrogate in the body": of(toClient, says("200 OK", "", "a\ufffdb")),
		},
	},
	{
		what: "codes below 200, and those that are no number, are refused",
		why:  "with 100 Pushpin leaves its client without an answer, and takes nonsense for 0",
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
		what: "a reason or header that HTTP cannot carry is refused, and so is base64 that is none or of another alphabet",
		why:  "text with a line break could write headers of a client's answer, and the other would arrive empty",
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
		what: "the error of an unknown `action` says so",
		why:  "Pushpin's has an empty reason",
		in: map[string]change{
			`http-response {"action":"","body":"x"}`:         refuses("'http-response' contains 'action' with unknown value"),
			`http-response {"action":"nonsense","body":"x"}`: refuses("'http-response' contains 'action' with unknown value"),
			`http-response {"action":"Send","body":"x"}`:     refuses("'http-response' contains 'action' with unknown value"),
			`http-stream {"action":"nonsense"}`:              refuses("'http-stream' contains 'action' with unknown value"),
			`ws-message {"action":"nonsense"}`:               refuses("'ws-message' contains 'action' with unknown value"),
		},
	},
	{
		what: "the action `refresh` is accepted, and does nothing",
		why:  "later versions of Pushpin know it, for WebSockets",
		in: map[string]change{
			`http-response {"action":"refresh"}`: accepts,
			`http-stream {"action":"refresh"}`:   accepts,
			`ws-message {"action":"refresh"}`:    accepts,
		},
	},

	// The publish request.
	{
		what:       "the error of one item of several says which one it is",
		why:        "a publisher of hundreds of items would have to search",
		everywhere: of(toPublisher, namesItem),
	},
	{
		what: "answers of JSON have `Cache-Control: no-store`",
		why:  "all JSON of the internal listener has it",
		everywhere: of(toPublisher, func(pushpin, comet *record) {
			if pushpin.get("Content-Type") == "application/json" {
				pushpin.set("Cache-Control", "no-store")
			}
		}),
	},
	{
		what: "errors that are not about items are `application/problem+json`, a body that is too large is 413, and `GET /` is the page for operators, or nothing",
		why:  "they are those of the whole internal listener",
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
		what: "a publish may be chunked, and have a query and a large head",
		why:  "such requests are well-formed",
		in: map[string]change{
			"publish: chunked":              accepts,
			"publish: a query":              accepts,
			"publish: head of 11,000 bytes": accepts,
		},
	},
	{
		what: "`Accept` may have capitals, an empty one allows everything, and a wrong method is told first",
		why:  "media types are compared without regard to case, and the other two help more",
		in: map[string]change{
			"Accept: APPLICATION/JSON": both(says("200 OK", "application/json", `{"message":"Published"}`+"\n"), takes("Cache-Control")),
			"Accept: ":                 accepts,
			"publish: GET with an Accept that is not to be had": both(says("405 Method Not Allowed", "text/plain", "Method not allowed: GET.\n"), takes("Allow")),
		},
	},
	{
		what: "a byte order mark before the JSON is an error",
		why:  "senders must not write one (RFC 8259, section 8.1)",
		in: map[string]change{
			"body \ufeff" + nothing: says("400 Bad Request", "text/plain", "Body is not valid JSON.\n"),
		},
	},

	// Requests to the app.
	{
		what: "`Grip-Feature` is `status`",
		why:  "it lists what is implemented",
		everywhere: of(toApp, func(pushpin, comet *record) {
			pushpin.set("Grip-Feature", "status")
		}),
	},
	{
		what:       "`Accept-Encoding` reaches the app as the client sent it",
		why:        "client and app agree on compression between them",
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
		what:       "no `Accept` is made up",
		why:        "the app sees what the client sent",
		everywhere: of(toApp, drops("Accept")),
	},
	{
		what:       "the app gets `X-Forwarded-For`, `X-Forwarded-Host`, `X-Forwarded-Proto` and `X-Request-Id`",
		why:        "it does not see the client otherwise; Pushpin sends some of them if told to",
		everywhere: of(toApp, takes("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Request-Id")),
	},
	{
		what:       "answers that are not held carry `X-Request-Id`",
		why:        "a client's complaint names the request that the app has in its log",
		everywhere: takes("X-Request-Id"),
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
	if cursor := comet.get("Comet-Cursor"); pushpin.ofHold || cursor != "" {
		pushpin.set("Comet-Cursor", cursor) // which must be there if it was held
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
