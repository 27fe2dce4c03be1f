package grip

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// item parses text and describes the result or the error.
func item(t *testing.T, text string) string {
	t.Helper()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		t.Fatal(err)
	}
	it, err := ParseItem(fields)
	if err != nil {
		if it != nil {
			t.Errorf("an item beside the error %q", err)
		}
		return "error: " + err.Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%q %q %q", it.Channel, it.ID, it.PrevID)
	if r := it.Response; r != nil {
		fmt.Fprintf(&b, " response(%s)", describeResponse(r))
	}
	for _, say := range []struct {
		given bool
		text  string
	}{
		{it.Stream, "stream"}, {it.Message, "message"}, {it.NoSeq, "no-seq"},
		{it.Meta != nil, fmt.Sprint("meta", it.Meta)}, {it.Size != 0, fmt.Sprint("size ", it.Size)},
	} {
		if say.given {
			b.WriteString(" " + say.text)
		}
	}
	return b.String()
}

func describeResponse(r *ResponseFormat) string {
	if r.Action != Send {
		return [...]string{"", "hint", "close", "refresh"}[r.Action]
	}
	s := fmt.Sprintf("%d %q %v %q", r.Status, r.Reason, r.Header, r.Body)
	if r.Patch {
		s += " patch"
	}
	if r.ContentFilters != nil {
		s += fmt.Sprintf(" filters%q", r.ContentFilters)
	}
	return s
}

type itemTest struct{ text, want string }

func tryItems(t *testing.T, tests []itemTest) {
	for _, tc := range tests {
		t.Run(tc.text, func(t *testing.T) {
			if got := item(t, tc.text); got != tc.want {
				t.Errorf("got %q; want %q", got, tc.want)
			}
		})
	}
}

func TestItem(t *testing.T) {
	const x = `"formats":{"http-response":{"body":"x"}}`
	const sent = ` response(200 "" [] "x")`
	tryItems(t, []itemTest{
		{`{"channel":"t",` + x + `}`, `"t" "" ""` + sent},
		{`{"channel":"t","http-response":{"body":"x"}}`, `"t" "" ""` + sent},
		{`{"channel":"",` + x + `}`, `"" "" ""` + sent},
		{`{"channel":"t","id":"2","prev-id":"1",` + x + `}`, `"t" "2" "1"` + sent},
		{`{"channel":"t","id":"","prev-id":"",` + x + `}`, `"t" "" ""` + sent},
		{`{"channel":"t","unknown":null,` + x + `}`, `"t" "" ""` + sent},
		{`{}`, "error: publish item object does not contain 'channel'"},
		{`{"formats":5,"id":5}`, "error: publish item object does not contain 'channel'"},
		{`{"channel":5,` + x + `}`, "error: publish item object contains 'channel' with wrong type"},
		{`{"channel":null,` + x + `}`, "error: publish item object contains 'channel' with wrong type"},
		{`{"channel":"t","id":5,"prev-id":5,` + x + `}`, "error: publish item object contains 'id' with wrong type"},
		{`{"channel":"t","id":null,` + x + `}`, "error: publish item object contains 'id' with wrong type"},
		{`{"channel":"t","id":5,"formats":5}`, "error: publish item object contains 'id' with wrong type"},
		{`{"channel":"t","prev-id":null,` + x + `}`, "error: publish item object contains 'prev-id' with wrong type"},

		{`{"channel":"t"}`, "error: no formats specified"},
		{`{"channel":"t","foo":{}}`, "error: no formats specified"},
		{`{"channel":"t","formats":{}}`, "error: no formats specified"},
		{`{"channel":"t","formats":{},"meta":5}`, "error: no formats specified"},
		{`{"channel":"t","formats":{},"http-response":{"body":"x"}}`, "error: no formats specified"},
		{`{"channel":"t","formats":null}`, "error: publish item object contains 'formats' with wrong type"},
		{`{"channel":"t","formats":[]}`, "error: publish item object contains 'formats' with wrong type"},
		{`{"channel":"t","formats":{"foo":5}}`, `"t" "" ""`},
		{`{"channel":"t","formats":{"foo":5},"http-response":5}`, `"t" "" ""`},
		{`{"channel":"t","formats":{"http-response":null}}`, "error: 'http-response' is not an object"},
		{`{"channel":"t","http-stream":5}`, "error: 'http-stream' is not an object"},
		{`{"channel":"t","formats":{"ws-message":[]}}`, "error: 'ws-message' is not an object"},
		{`{"channel":"t","formats":{"ws-message":{},"http-stream":{},"http-response":{}}}`, "error: 'http-response' does not contain 'body', 'body-bin', or 'body-patch'"},
		{`{"channel":"t","http-response":{"body":"x"},"http-stream":{"content":"y"},"ws-message":{"content":"z"}}`, `"t" "" ""` + sent + " stream message"},

		{`{"channel":"t","meta":{"b":"2","a":"1"},` + x + `}`, `"t" "" ""` + sent + " meta[{a 1} {b 2}]"},
		{`{"channel":"t","meta":{},` + x + `}`, `"t" "" ""` + sent},
		{`{"channel":"t","meta":null,` + x + `}`, "error: publish item object contains 'meta' with wrong type"},
		{`{"channel":"t","meta":5,"size":-1,"no-seq":5,` + x + `}`, "error: publish item object contains 'meta' with wrong type"},
		{`{"channel":"t","meta":{"a":null},` + x + `}`, "error: 'meta' contains 'a' with wrong type"},
		{`{"channel":"t","size":5,"no-seq":true,` + x + `}`, `"t" "" ""` + sent + " no-seq size 5"},
		{`{"channel":"t","size":"5",` + x + `}`, `"t" "" ""` + sent + " size 5"},
		{`{"channel":"t","size":1.5,` + x + `}`, `"t" "" ""` + sent + " size 1"},
		{`{"channel":"t","size":1e30,` + x + `}`, `"t" "" ""` + sent + " size 2147483647"},
		{`{"channel":"t","size":-1,` + x + `}`, "error: publish item object contains 'size' with invalid value"},
		{`{"channel":"t","size":null,` + x + `}`, "error: publish item object contains 'size' with wrong type"},
		{`{"channel":"t","no-seq":"x",` + x + `}`, "error: publish item object contains 'no-seq' with wrong type"},
		{`{"channel":"t","no-seq":null,` + x + `}`, "error: publish item object contains 'no-seq' with wrong type"},
	})
}

// in puts the inside of a format into an item.
func in(format string, tests []itemTest) (whole []itemTest) {
	for _, tc := range tests {
		tc.text = `{"channel":"t","formats":{"` + format + `":{` + tc.text + `}}}`
		if !strings.HasPrefix(tc.want, "error: ") {
			tc.want = strings.TrimSpace(`"t" "" "" ` + tc.want)
		}
		whole = append(whole, tc)
	}
	return whole
}

func TestResponseFormat(t *testing.T) {
	const wrong = "error: 'http-response' contains '%s' with wrong type"
	invalidCode := "error: 'http-response' contains 'code' with invalid value"
	tryItems(t, in("http-response", []itemTest{
		{`"body":"é\n"`, `response(200 "" [] "é\n")`},
		{`"body":""`, `response(200 "" [] "")`},
		{`"body-bin":"AP8=","body":5`, `response(200 "" [] "\x00\xff")`},
		{`"body-bin":"AP8"`, `response(200 "" [] "\x00\xff")`},
		{`"body-bin":" A P\r\n8 = "`, `response(200 "" [] "\x00\xff")`},
		{`"body-bin":""`, `response(200 "" [] "")`},
		{`"body-patch":[{"op":"foo"}]`, `response(200 "" [] "" patch)`},
		{`"body":"x","body-patch":5`, `response(200 "" [] "x")`},
		{`"body":"x","unknown":5`, `response(200 "" [] "x")`},
		{``, "error: 'http-response' does not contain 'body', 'body-bin', or 'body-patch'"},
		{`"body":5`, fmt.Sprintf(wrong, "body")},
		{`"body":null`, fmt.Sprintf(wrong, "body")},
		{`"body-bin":null`, fmt.Sprintf(wrong, "body-bin")},
		{`"body-bin":"_-8="`, "error: 'http-response' contains 'body-bin' with invalid value"},
		{`"body-patch":{}`, fmt.Sprintf(wrong, "body-patch")},

		{`"action":"send","body":"x"`, `response(200 "" [] "x")`},
		{`"action":"send"`, "error: 'http-response' does not contain 'body', 'body-bin', or 'body-patch'"},
		{`"action":"hint","code":"x","headers":5`, "response(hint)"},
		{`"action":"close","body":5`, "response(close)"},
		{`"action":"refresh"`, "response(refresh)"},
		{`"action":"Send","body":"x"`, "error: 'http-response' contains 'action' with unknown value"},
		{`"action":"","body":"x"`, "error: 'http-response' contains 'action' with unknown value"},
		{`"action":null,"body":"x"`, fmt.Sprintf(wrong, "action")},

		{`"code":404,"reason":"No","body":"x"`, `response(404 "No" [] "x")`},
		{`"code":"200","body":"x"`, `response(200 "" [] "x")`},
		{`"code":" +204","body":"x"`, `response(204 "" [] "x")`},
		{`"code":200.0,"body":"x"`, `response(200 "" [] "x")`},
		{`"code":999,"body":"x"`, `response(999 "" [] "x")`},
		{`"code":1000,"body":"x"`, invalidCode},
		{`"code":"1000","body":"x"`, invalidCode},
		{`"code":1e10,"body":"x"`, invalidCode},
		{`"code":"99999999999","body":"x"`, invalidCode},
		{`"code":-1,"body":"x"`, invalidCode},
		{`"code":"-1","body":"x"`, invalidCode},
		{`"code":199,"body":"x"`, invalidCode},
		{`"code":0,"body":"x"`, invalidCode},
		{`"code":"abc","body":"x"`, invalidCode},
		{`"code":"","body":"x"`, invalidCode},
		{`"code":null,"body":"x"`, fmt.Sprintf(wrong, "code")},
		{`"code":[],"body":"x"`, fmt.Sprintf(wrong, "code")},
		{`"code":true,"body":"x"`, fmt.Sprintf(wrong, "code")},
		{`"reason":null,"body":"x"`, fmt.Sprintf(wrong, "reason")},
		{`"reason":"a\r\nb","body":"x"`, "error: 'http-response' contains 'reason' with a line break or NUL in it"},

		{`"content-filters":["a","b"],"body":"x"`, `response(200 "" [] "x" filters["a" "b"])`},
		{`"content-filters":[],"body":"x"`, `response(200 "" [] "x" filters[])`},
		{`"content-filters":null,"body":"x"`, fmt.Sprintf(wrong, "content-filters")},
		{`"content-filters":[5],"body":"x"`, "error: content-filters contains element with wrong type"},

		{`"code":null,"reason":5,"headers":5,"body":5`, fmt.Sprintf(wrong, "code")},
		{`"reason":5,"headers":5,"body":5`, fmt.Sprintf(wrong, "reason")},
		{`"headers":5,"content-filters":5`, fmt.Sprintf(wrong, "headers")},
		{`"body":5,"content-filters":5`, fmt.Sprintf(wrong, "content-filters")},
	}))
}

func TestResponseFormatHeaders(t *testing.T) {
	var tests []itemTest
	for _, tc := range []itemTest{
		{`{}`, "[]"},
		{`[]`, "[]"},
		{`{"B":"2","A":"1"}`, "[{A 1} {B 2}]"},
		{`[["B","2"],["A","1"],["B","3"]]`, "[{B 2} {A 1} {B 3}]"},
		{`[["content-length","1"],["Transfer-Encoding","x"],["Connection","x"],["KEEP-ALIVE","x"],["Grip-Hold","x"],["grip_x","x"],["A","1"]]`, "[{A 1}]"},
		{`5`, "error: 'http-response' contains 'headers' with wrong type"},
		{`null`, "error: 'http-response' contains 'headers' with wrong type"},
		{`{"a":5}`, "error: headers contains 'a' with wrong type"},
		{`{"a":null}`, "error: headers contains 'a' with wrong type"},
		{`["a","b"]`, "error: headers contains element with wrong type"},
		{`[{"a":"b"}]`, "error: headers contains element with wrong type"},
		{`[[]]`, "error: headers contains list with wrong number of elements"},
		{`[["a"]]`, "error: headers contains list with wrong number of elements"},
		{`[["a","b","c"]]`, "error: headers contains list with wrong number of elements"},
		{`[[5,"b"]]`, "error: header contains name element with wrong type"},
		{`[["a",5]]`, "error: header contains value element with wrong type"},
		{`{"":"x"}`, `error: headers contains "", which is not a header name`},
		{`{"a b":"x"}`, `error: headers contains "a b", which is not a header name`},
		{`[["a\r\nb","x"]]`, `error: headers contains "a\r\nb", which is not a header name`},
		{`{"a":"x\r\ny"}`, "error: headers contains 'a' with a line break or NUL in its value"},
		{`{"Grip-X":"x\ny"}`, "error: headers contains 'Grip-X' with a line break or NUL in its value"},
	} {
		if !strings.HasPrefix(tc.want, "error: ") {
			tc.want = `response(200 "" ` + tc.want + ` "x")`
		}
		tests = append(tests, itemTest{`"headers":` + tc.text + `,"body":"x"`, tc.want})
	}
	tryItems(t, in("http-response", tests))
}

func TestStreamFormat(t *testing.T) {
	tryItems(t, in("http-stream", []itemTest{
		{`"content":""`, "stream"},
		{`"content":"x","content-filters":["a"]`, "stream"},
		{`"content-bin":"YQ==","content":5`, "stream"},
		{`"action":"close"`, "stream"},
		{`"action":"close","content":""`, "stream"},
		{`"action":"hint"`, "stream"},
		{``, "error: 'http-stream' does not contain 'content' or 'content-bin'"},
		{`"content":5`, "error: 'http-stream' contains 'content' with wrong type"},
		{`"content":null`, "error: 'http-stream' contains 'content' with wrong type"},
		{`"content-bin":5`, "error: 'http-stream' contains 'content-bin' with wrong type"},
		{`"content":"x","content-filters":5`, "error: 'http-stream' contains 'content-filters' with wrong type"},
		{`"action":5`, "error: 'http-stream' contains 'action' with wrong type"},
		{`"action":"foo"`, "error: 'http-stream' contains 'action' with unknown value"},
	}))
}

func TestMessageFormat(t *testing.T) {
	tryItems(t, in("ws-message", []itemTest{
		{`"content":"x"`, "message"},
		{`"content-bin":"YQ=="`, "message"},
		{`"type":"text","content-bin":"YQ=="`, "message"},
		{`"type":"binary","content":"x"`, "message"},
		{`"type":"ping"`, "message"},
		{`"type":"pong","content":"x"`, "message"},
		{`"action":"hint"`, "message"},
		{`"action":"refresh"`, "message"},
		{`"action":"close"`, "message"},
		{`"action":"close","code":"1000","reason":"x"`, "message"},
		{`"action":"close","code":70000`, "message"},
		{`"action":"close","code":"x"`, "message"},
		{``, "error: 'ws-message' does not contain 'content' or 'content-bin'"},
		{`"type":"text"`, "error: 'ws-message' does not contain 'content' or 'content-bin'"},
		{`"type":"ping","content":5`, "error: 'ws-message' contains 'content' with wrong type"},
		{`"type":"foo","content":"x"`, "error: 'ws-message' contains 'type' with unknown value"},
		{`"type":5,"content":"x"`, "error: 'ws-message' contains 'type' with wrong type"},
		{`"content-bin":5`, "error: 'ws-message' contains 'content-bin' with wrong type"},
		{`"content":"x","content-filters":5`, "error: 'ws-message' contains 'content-filters' with wrong type"},
		{`"action":"close","code":-1`, "error: 'ws-message' contains 'code' with invalid value"},
		{`"action":"close","reason":5`, "error: 'ws-message' contains 'reason' with wrong type"},
		{`"action":"foo"`, "error: 'ws-message' contains 'action' with unknown value"},
	}))
}

func TestIsItem(t *testing.T) {
	for _, tc := range []struct {
		text string
		want bool
	}{
		{`{"formats":null}`, true},
		{`{"http-response":{}}`, true},
		{`{"http-stream":{}}`, true},
		{`{"ws-message":{}}`, true},
		{`{"channel":"t","data":{"formats":{}}}`, false},
		{`{"Formats":{}}`, false},
		{`{}`, false},
	} {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal([]byte(tc.text), &fields); err != nil {
			t.Fatal(err)
		}
		if got := IsItem(fields); got != tc.want {
			t.Errorf("IsItem(%s): got %v; want %v", tc.text, got, tc.want)
		}
	}
}

// Values that no decoder made are wrong types, and nothing worse.
func TestItemOfOtherBytes(t *testing.T) {
	for _, raw := range []string{"", " ", "\"a", "\"\xff\"", `"a" "b"`} {
		_, err := ParseItem(map[string]json.RawMessage{"channel": json.RawMessage(raw)})
		if got, want := fmt.Sprint(err), "publish item object contains 'channel' with wrong type"; got != want {
			t.Errorf("channel %q: got %q; want %q", raw, got, want)
		}
	}
}

func FuzzItem(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"channel":"t","http-response":{"body":"x"}}`, `{"channel":"t","id":"2","prev-id":"1","formats":{"http-response":{"code":"200","body-bin":"AP8="}}}`,
		`{"channel":"t","formats":{"http-response":{"code":404,"reason":"No","headers":{"A":"1","Grip-X":"2"},"body":"x"}}}`,
		`{"channel":"t","formats":{"http-response":{"headers":[["A","1"],["Connection","x"],["B","\r"]],"body-patch":[],"content-filters":["a"]}}}`,
		`{"channel":"t","formats":{"http-response":{"action":"hint"},"http-stream":{"content":"x"},"ws-message":{"action":"close","code":1000}}}`,
		`{"channel":"t","http-stream":{"action":"close"},"meta":{"a":"b"},"size":5,"no-seq":true}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var fields map[string]json.RawMessage
		if json.Unmarshal(text, &fields) != nil {
			return
		}
		it, err := ParseItem(fields)
		if err != nil {
			if it != nil || err.Error() == "" {
				t.Fatalf("got %+v with error %q", it, err)
			}
			return
		}
		if !IsItem(fields) || it.Size < 0 {
			t.Fatalf("got %+v", it)
		}
		checkMeta(t, it.Meta)
		if r := it.Response; r != nil {
			checkAnswer(t, r.Status, r.Reason, r.Header)
			if r.Action > Refresh || r.Patch && r.Body != nil || r.Action != Send && (r.Body != nil || r.Header != nil || r.Patch) {
				t.Fatalf("response %+v", r)
			}
		}
	})
}
