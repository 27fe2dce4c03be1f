package grip

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// head makes header lines of text, one per line.
func head(text string) (fields []Field) {
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\n"), ":")
		fields = append(fields, Field{name, value})
	}
	return fields
}

// describe writes what is not as in an instruction that says nothing.
func describe(in *Instruction) string {
	var b strings.Builder
	say := func(given bool, format string, args ...any) {
		if given {
			fmt.Fprintf(&b, format+" ", args...)
		}
	}
	say(in.Hold != NoHold, "%s", [...]string{"", "response", "stream"}[in.Hold])
	for _, c := range in.Channels {
		say(true, "channel(%s", c.Name)
		say(c.PrevID != "", "prev=%s", c.PrevID)
		say(c.Filters != nil, "filters=%q", c.Filters)
		say(true, ")")
	}
	say(in.Timeout != DefaultTimeout, "%v", in.Timeout)
	say(in.Meta != nil, "meta%v", in.Meta)
	say(in.Status != 0 || in.Reason != "", "status(%d %s)", in.Status, in.Reason)
	say(in.ExposeOnly, "expose%q", in.Expose)
	for _, l := range in.Links {
		say(true, "link(%s %s %v)", l.URL, l.Rel, l.Timeout)
	}
	if r := in.Response; r != nil {
		say(true, "answer(%d %q %v %q)", r.Status, r.Reason, r.Header, r.Body)
	}
	return strings.TrimSpace(strings.ReplaceAll(b.String(), " )", ")"))
}

type instructionTest struct{ name, head, body, want string }

// try compares what Parse makes of a body, "" for none, or the error it gives.
func (tc *instructionTest) try(t *testing.T, status int) {
	t.Helper()
	in, err := Parse(head(tc.head), tc.body != "", status, []byte(tc.body))
	got := ""
	switch {
	case err == nil:
		got = describe(in)
	case in != nil:
		t.Errorf("an instruction beside the error %q", err)
		fallthrough
	default:
		got = "error: " + err.Error()
	}
	if got != tc.want {
		t.Errorf("got %q; want %q", got, tc.want)
	}
}

func TestInstructionHeader(t *testing.T) {
	for _, tc := range []instructionTest{
		{"nothing", "", "", ""},
		{"others", "Content-Type: a\nX-Grip-Hold: response\nGrip_Hold: response", "", ""},
		{"response", "Grip-Hold: response", "", "response"},
		{"stream, in any case of the name", "GRIP-hold: stream", "", "stream"},
		{"the first hold", "Grip-Hold: stream\nGrip-Hold: x", "", "stream"},
		{"another hold", "Grip-Hold: Response", "", `error: Grip-Hold is "Response": it must be response or stream`},
		{"an empty hold", "Grip-Hold:", "", `error: Grip-Hold is "": it must be response or stream`},

		{"channels", "Grip-Channel: a, b\nGrip-Channel: c", "", "channel(a) channel(b) channel(c)"},
		{"no name", "Grip-Channel: a,,b,\nGrip-Channel: ;prev-id=1", "", "channel(a) channel(b)"},
		{"prev-id and filters", "Grip-Channel: a; Prev-Id=1; filter=x; filter=\"y\"", "", `channel(a prev=1 filters=["x" "y"])`},
		{"filter is matched exactly", "Grip-Channel: a; Filter=x", "", "channel(a)"},
		{"a channel twice", "Grip-Channel: a; prev-id=1; filter=x, b, a; prev-id=2; filter=y; filter=x, a", "", `channel(a prev=2 filters=["x" "y"]) channel(b)`},
		{"bad quoting", `Grip-Channel: a; prev-id="1, b` + "\nGrip-Channel: c", "", "channel(c)"},
		{"five filters", "Grip-Channel: a" + strings.Repeat(";filter=x", 5), "", `channel(a filters=["x"])`},
		{"six filters", "Grip-Channel: a" + strings.Repeat(";filter=x", 6), "", `error: Grip-Channel: channel "a" has more than 5 filters`},
		{"six filters together", "Grip-Channel: a;filter=1;filter=2;filter=3, a;filter=4;filter=5;filter=6", "", `error: Grip-Channel: channel "a" has more than 5 filters`},

		{"timeout", "Grip-Timeout: 20", "", "20s"},
		{"a short timeout", "Grip-Timeout: 0", "", "5s"},
		{"a long timeout", "Grip-Timeout: 2147483647", "", (2147483647 * time.Second).String()},
		{"a timeout too long", "Grip-Timeout: 2147483648", "", `error: Grip-Timeout is "2147483648": it must be a whole number of seconds, 0 or more`},
		{"a negative timeout", "Grip-Timeout: -1", "", `error: Grip-Timeout is "-1": it must be a whole number of seconds, 0 or more`},
		{"a broken timeout", "Grip-Timeout: 1.5", "", `error: Grip-Timeout is "1.5": it must be a whole number of seconds, 0 or more`},
		{"an empty timeout", "Grip-Timeout:", "", `error: Grip-Timeout is "": it must be a whole number of seconds, 0 or more`},

		{"meta", `Grip-Set-Meta: b="2, \"3\"", a=1` + "\nGrip-Set-Meta: c; d=4", "", `meta[{a 1} {b 2, "3"} {c }]`},
		{"the last meta", "Grip-Set-Meta: a=1, a=2", "", "meta[{a 2}]"},
		{"bad meta", `Grip-Set-Meta: a="1"2, ,b=3`, "", "meta[{b 3}]"},

		{"status", "Grip-Status: 304", "", "status(304)"},
		{"status and reason", "Grip-Status: 404 Not Here", "", "status(404 Not Here)"},
		{"the last status there is", "Grip-Status: 999", "", "status(999)"},
		{"an empty status", "Grip-Status:", "", ""},
		{"an informational status", "Grip-Status: 101", "", `error: Grip-Status is "101": it must begin with a status from 200 to 999`},
		{"a status too large", "Grip-Status: 1000", "", `error: Grip-Status is "1000": it must begin with a status from 200 to 999`},
		{"no status", "Grip-Status: OK", "", `error: Grip-Status is "OK": it must begin with a status from 200 to 999`},
		{"a signed status", "Grip-Status: +200", "", `error: Grip-Status is "+200": it must begin with a status from 200 to 999`},
		{"a line break in the reason", "Grip-Status: 200 a\rb", "", `error: Grip-Status is "200 a\rb": the reason must not have line breaks or NUL`},

		{"expose", "Grip-Expose-Headers: A, b\nGrip-Expose-Headers: c,", "", `expose["A" "b" "c"]`},
		{"expose none", "Grip-Expose-Headers:", "", "expose[]"},

		{"a next link", "Grip-Link: </a,b;c>; rel=next", "", "link(/a,b;c next 2m0s)"},
		{"a timeout of its own", `Grip-Link: <http://x/>; rel="next"; timeout=7`, "", "link(http://x/ next 7s)"},
		{"links", "Grip-Link: </a>; rel=gone; timeout=x, </b>; rel=next\nGrip-Link: </c>;rel=self", "", "link(/a gone 0s) link(/b next 2m0s)"},
		{"a link without parameters", "Grip-Link: nonsense", "", ""},
		{"a link without brackets", "Grip-Link: /a; rel=next", "", `error: Grip-Link has "/a": the URL must stand in <>`},
		{"half a link", "Grip-Link: </a; rel=next", "", `error: Grip-Link has "</a": the URL must stand in <>`},
		{"an empty link", "Grip-Link: <>; rel=next", "", `error: Grip-Link has "<>": the URL must stand in <>`},
		{"a link that is no URL", "Grip-Link: <http://[x/>; rel=next", "", `error: Grip-Link has "<http://[x/>", which is no URL: percent-encode what is special in it`},
		{"a negative timeout of a link", "Grip-Link: </a>; rel=next; timeout=-1", "", `error: Grip-Link's timeout is "-1": it must be a whole number of seconds, 0 or more`},

		{"keep-alive is not read", "Grip-Keep-Alive: ; format=nonsense", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) { tc.try(t, 404) })
	}
}

func TestInstructionBody(t *testing.T) {
	for _, tc := range []instructionTest{
		{"empty", "", `{}`, `answer(200 "" [] "")`},
		{"a byte order mark", "", "\ufeff{}", `answer(200 "" [] "")`},
		{"unknown keys", "", `{"x":1,"Hold":2,"hold":{"channels":[],"y":null,"keep-alive":5}}`, `response answer(200 "" [] "")`},
		{"no JSON", "", `{`, "error: the application/grip-instruct body is not valid JSON in UTF-8"},
		{"no UTF-8", "", "{\"x\":\"\xff\"}", "error: the application/grip-instruct body is not valid JSON in UTF-8"},
		{"a list", "", `[]`, "error: the application/grip-instruct body is not a JSON object"},
		{"null", "", `null`, "error: the application/grip-instruct body is not a JSON object"},

		{"hold", "", `{"hold":{"mode":"stream","channels":[{"name":"a"}],"timeout":30}}`, `stream channel(a) 30s answer(200 "" [] "")`},
		{"mode is response", "", `{"hold":{"channels":[]}}`, `response answer(200 "" [] "")`},
		{"another mode", "", `{"hold":{"mode":"","channels":[]}}`, `error: hold.mode is "": it must be response or stream`},
		{"mode null", "", `{"hold":{"mode":null,"channels":[]}}`, "error: hold contains 'mode' with wrong type"},
		{"hold null", "", `{"hold":null}`, "error: the application/grip-instruct body contains 'hold' with wrong type"},
		{"hold list", "", `{"hold":[]}`, "error: the application/grip-instruct body contains 'hold' with wrong type"},

		{"channels", "", `{"hold":{"channels":[{"name":"a","prev-id":"1","filters":["x"]},{"name":""},{"name":"a","filters":["y"]}]}}`,
			`response channel(a prev=1 filters=["x" "y"]) answer(200 "" [] "")`},
		{"no channels", "", `{"hold":{}}`, "error: hold does not contain 'channels'"},
		{"channels null", "", `{"hold":{"channels":null}}`, "error: hold contains 'channels' with wrong type"},
		{"a channel as a string", "", `{"hold":{"channels":["a"]}}`, "error: channels contains element that is not an object"},
		{"a channel null", "", `{"hold":{"channels":[null]}}`, "error: channels contains element that is not an object"},
		{"a channel without name", "", `{"hold":{"channels":[{}]}}`, "error: channel does not contain 'name'"},
		{"a number for a name", "", `{"hold":{"channels":[{"name":1}]}}`, "error: channel contains 'name' with wrong type"},
		{"a number for prev-id", "", `{"hold":{"channels":[{"name":"a","prev-id":1}]}}`, "error: channel contains 'prev-id' with wrong type"},
		{"filters as a string", "", `{"hold":{"channels":[{"name":"a","filters":"x"}]}}`, "error: channel contains 'filters' with wrong type"},
		{"a number among filters", "", `{"hold":{"channels":[{"name":"a","filters":["x",1]}]}}`, "error: filters contains element with wrong type"},
		{"six filters", "", `{"hold":{"channels":[{"name":"a","filters":["1","2","3","4","5","6"]}]}}`, `error: channel "a" has more than 5 filters`},

		{"a short timeout", "", `{"hold":{"channels":[],"timeout":1}}`, `response 5s answer(200 "" [] "")`},
		{"a whole timeout", "", `{"hold":{"channels":[],"timeout":30.0}}`, `response 30s answer(200 "" [] "")`},
		{"a broken timeout", "", `{"hold":{"channels":[],"timeout":30.5}}`, "error: hold contains 'timeout' with invalid value"},
		{"a negative timeout", "", `{"hold":{"channels":[],"timeout":-1}}`, "error: hold contains 'timeout' with invalid value"},
		{"a huge timeout", "", `{"hold":{"channels":[],"timeout":1e300}}`, "error: hold contains 'timeout' with invalid value"},
		{"a string timeout", "", `{"hold":{"channels":[],"timeout":"30"}}`, "error: hold contains 'timeout' with wrong type"},

		{"meta", "", `{"hold":{"channels":[],"meta":{"b":"2","a":"1"}}}`, `response meta[{a 1} {b 2}] answer(200 "" [] "")`},
		{"a number in meta", "", `{"hold":{"channels":[],"meta":{"a":1}}}`, "error: 'meta' contains 'a' with wrong type"},
		{"meta null", "", `{"hold":{"channels":[],"meta":null}}`, "error: hold contains 'meta' with wrong type"},

		{"header lines add up", "Grip-Hold: response\nGrip-Channel: a; prev-id=1, b\nGrip-Timeout: 10\nGrip-Set-Meta: a=1, b=2\nGrip-Link: </x>; rel=gone",
			`{"hold":{"mode":"stream","channels":[{"name":"c"},{"name":"a","prev-id":"2"}],"timeout":20,"meta":{"a":"3"}}}`,
			`stream channel(a prev=2) channel(b) channel(c) 20s meta[{a 3} {b 2}] link(/x gone 0s) answer(200 "" [] "")`},
		{"header lines alone", "Grip-Hold: stream\nGrip-Timeout: 10", `{}`, `stream 10s answer(200 "" [] "")`},
		{"a bad header line", "Grip-Hold: x", `{}`, `error: Grip-Hold is "x": it must be response or stream`},
	} {
		t.Run(tc.name, func(t *testing.T) { tc.try(t, 200) })
	}
}

func TestInstructionResponse(t *testing.T) {
	for _, tc := range []instructionTest{
		{"all", "", `{"response":{"code":404,"reason":"No","headers":{"B":"2","A":"1"},"body":"é\n"}}`, `answer(404 "No" [{A 1} {B 2}] "é\n")`},
		{"a list of headers", "", `{"response":{"headers":[["B","2"],["A","1"],["B","3"]]}}`, `answer(200 "" [{B 2} {A 1} {B 3}] "")`},
		{"body-bin", "", `{"response":{"body-bin":"AP8","body":"x"}}`, `answer(200 "" [] "\x00\xff")`},
		{"the proxy's headers", "", `{"response":{"headers":{"content-length":"1","Transfer-Encoding":"chunked","CONNECTION":"close","Keep-Alive":"1","Grip-X":"1","grip_y":"2","X":"3"}}}`,
			`answer(200 "" [{X 3}] "")`},

		{"Grip-Status goes in", "Grip-Status: 404 No", `{"response":{"body":"x"}}`, `answer(404 "No" [] "x")`},
		{"Grip-Status with a reason", "Grip-Status: 404 No", `{"response":{"reason":"Gone"}}`, `answer(404 "Gone" [] "")`},
		{"code over Grip-Status", "Grip-Status: 404 No", `{"response":{"code":410}}`, `answer(410 "" [] "")`},
		{"Grip-Status without response", "Grip-Status: 404 No", `{}`, `answer(404 "No" [] "")`},
		{"Grip-Expose-Headers is of the app's", "Grip-Expose-Headers: A", `{"response":{"headers":{"B":"1"}}}`, `answer(200 "" [{B 1}] "")`},

		{"null", "", `{"response":null}`, "error: the application/grip-instruct body contains 'response' with wrong type"},
		{"a string for code", "", `{"response":{"code":"200"}}`, "error: response contains 'code' with wrong type"},
		{"an informational code", "", `{"response":{"code":100}}`, "error: response contains 'code' with invalid value 100: it must be from 200 to 999"},
		{"a code too large", "", `{"response":{"code":1000}}`, "error: response contains 'code' with invalid value 1000: it must be from 200 to 999"},
		{"a negative code", "", `{"response":{"code":-1}}`, "error: response contains 'code' with invalid value"},
		{"reason null", "", `{"response":{"reason":null}}`, "error: response contains 'reason' with wrong type"},
		{"a line break in the reason", "", `{"response":{"reason":"a\r\nb"}}`, "error: response contains 'reason' with a line break or NUL in it"},
		{"body number", "", `{"response":{"body":1}}`, "error: response contains 'body' with wrong type"},
		{"body-bin number", "", `{"response":{"body-bin":1,"body":"x"}}`, "error: response contains 'body-bin' with wrong type"},
		{"body-bin that is no base64", "", `{"response":{"body-bin":"!"}}`, "error: response contains 'body-bin' with invalid value"},

		{"headers string", "", `{"response":{"headers":"x"}}`, "error: response contains 'headers' with wrong type"},
		{"headers null", "", `{"response":{"headers":null}}`, "error: response contains 'headers' with wrong type"},
		{"a header's value a list", "", `{"response":{"headers":{"A":["x"]}}}`, "error: headers contains 'A' with wrong type"},
		{"a header of three", "", `{"response":{"headers":[["A","x","y"]]}}`, "error: headers contains list with wrong number of elements"},
		{"a header name", "", `{"response":{"headers":{"A:":"x"}}}`, `error: headers contains "A:", which is not a header name`},
		{"an empty header name", "", `{"response":{"headers":[["","x"]]}}`, `error: headers contains "", which is not a header name`},
		{"a line break in a value", "", `{"response":{"headers":[["A","x\ny"]]}}`, "error: headers contains 'A' with a line break or NUL in its value"},
		{"NUL in a value", "", `{"response":{"headers":{"A":"\u0000"}}}`, "error: headers contains 'A' with a line break or NUL in its value"},
	} {
		t.Run(tc.name, func(t *testing.T) { tc.try(t, 200) })
	}
}

func TestInstructionBodyStatus(t *testing.T) {
	tc := instructionTest{body: "{}", want: "error: the answer's status is 201: with application/grip-instruct it must be 200; the client's status goes into the body, as response.code"}
	tc.try(t, 201)
}

// Only with instruct a body is read.
func TestBodyOfTheApp(t *testing.T) {
	in, err := Parse(head("Grip-Hold: response"), false, 200, []byte("nonsense"))
	if err != nil || in.Response != nil {
		t.Errorf("got %+v, %v", in, err)
	}
}

func FuzzInstruction(f *testing.F) {
	for _, h := range []string{
		"", "Grip-Hold: response\nGrip-Channel: a; prev-id=1; filter=x, a\nGrip-Timeout: 1", "Grip-Hold: x", "Grip-Status: 404 No\nGrip-Expose-Headers: a, b",
		"Grip-Set-Meta: a=1, b=\"2\"", "Grip-Link: </a,b>; rel=next; timeout=3", "Grip-Channel: ,\"a, b",
	} {
		f.Add(h, "", false)
		f.Add(h, `{"hold":{"mode":"stream","channels":[{"name":"a","prev-id":"1","filters":["x"]}],"timeout":7,"meta":{"a":"b"}}}`, true)
		f.Add(h, `{"response":{"code":404,"reason":"No","headers":{"A":"1","grip-x":"2"},"body-bin":"AP8="}}`, true)
		f.Add(h, `{"response":{"headers":[["A","1"],["Connection","close"],["B","\r\n"]],"body":"x"}}`, true)
	}
	f.Fuzz(func(t *testing.T, lines, body string, instruct bool) {
		in, err := Parse(head(lines), instruct, 200, []byte(body))
		if err != nil {
			if in != nil || err.Error() == "" {
				t.Fatalf("got %+v with error %q", in, err)
			}
			return
		}
		checkInstruction(t, in)
		if (in.Response != nil) != instruct {
			t.Fatalf("instruct is %v, the response %+v", instruct, in.Response)
		}
		again, err := Parse(head(lines), instruct, 200, []byte(body))
		if err != nil || describe(again) != describe(in) {
			t.Fatalf("a second time: %v", err)
		}
	})
}

func checkInstruction(t *testing.T, in *Instruction) {
	if in.Timeout < MinTimeout || in.Status != 0 && !finalStatus(in.Status) || !isLine(in.Reason) {
		t.Fatalf("timeout %v, status %d %q", in.Timeout, in.Status, in.Reason)
	}
	seen := make(map[string]bool)
	for _, c := range in.Channels {
		if c.Name == "" || seen[c.Name] || len(c.Filters) > MaxFilters {
			t.Fatalf("channels %+v", in.Channels)
		}
		seen[c.Name] = true
	}
	checkMeta(t, in.Meta)
	for _, l := range in.Links {
		if l.URL == "" || l.Rel != "next" && l.Rel != "gone" || l.Timeout < 0 {
			t.Fatalf("link %+v", l)
		}
	}
	if r := in.Response; r != nil {
		checkAnswer(t, r.Status, r.Reason, r.Header)
		if in.Status != 0 || in.Reason != "" || in.ExposeOnly {
			t.Fatalf("the answer is told of beside the response: %+v", in)
		}
	}
}

func checkMeta(t *testing.T, meta []Pair) {
	for i, p := range meta {
		if i > 0 && meta[i-1].Name >= p.Name {
			t.Fatalf("meta %q", meta)
		}
	}
}

// checkAnswer makes sure that a response can be written as it is.
func checkAnswer(t *testing.T, status int, reason string, header []Field) {
	if status < 200 || status > 999 || strings.ContainsAny(reason, "\r\n\x00") {
		t.Fatalf("status %d %q", status, reason)
	}
	for _, f := range header {
		if Reserved([]byte(f.Name)) || f.Name == "" || strings.ContainsAny(f.Name, "\r\n\x00: ") || strings.ContainsAny(f.Value, "\r\n\x00") {
			t.Fatalf("header line %q", f)
		}
		switch strings.ToLower(f.Name) {
		case "content-length", "transfer-encoding", "connection", "keep-alive":
			t.Fatalf("header line %q", f)
		}
	}
}
