//go:build linux

package pushpin

import "strings"

const nothing = `{"items":[]}`

// The publish request around its items.
var publishScenarios = []scenario{
	{name: "publish: no items", steps: []step{publish(nothing)}},
	{name: "publish: /publish", steps: []step{control("POST", "/publish", nothing)}},
	{name: "publish: a query", steps: []step{control("POST", "/publish/?a=b", nothing)}},
	{name: "publish: below /publish/", steps: []step{control("POST", "/publish/x", nothing)}},
	{name: "publish: GET", steps: []step{control("GET", "/publish/", "")}},
	{name: "publish: GET /publish", steps: []step{control("GET", "/publish", "")}},
	{name: "publish: PUT", steps: []step{control("PUT", "/publish/", nothing)}},
	{name: "publish: HEAD", steps: []step{control("HEAD", "/publish/", "")}},
	{name: "publish: GET with an Accept that is not to be had", steps: []step{control("GET", "/publish/", "", "Accept: text/html")}},
	{name: "publish: GET /", steps: []step{control("GET", "/", "")}},
	{name: "publish: GET elsewhere", steps: []step{control("GET", "/elsewhere", "")}},
	{name: "publish: POST /recover", disturbs: true, steps: []step{control("POST", "/recover", "")}},
	{name: "publish: without a length", steps: []step{controlRaw("POST /publish/ HTTP/1.1\r\nHost: localhost\r\n\r\n")}},
	{name: "publish: chunked", steps: []step{controlRaw("POST /publish/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nc\r\n" + nothing + "\r\n0\r\n\r\n")}},
	{name: "publish: HTTP/1.0", steps: []step{controlRaw("POST /publish/ HTTP/1.0\r\nContent-Length: 12\r\n\r\n" + nothing)}},
	{name: "publish: HTTP/1.0 with a Host", steps: []step{controlRaw("POST /publish/ HTTP/1.0\r\nHost: localhost\r\nContent-Length: 12\r\n\r\n" + nothing)}},
	{name: "publish: without a Host", steps: []step{controlRaw("POST /publish/ HTTP/1.1\r\nContent-Length: 12\r\n\r\n" + nothing)}},
	{name: "publish: Expect: 100-continue", steps: []step{control("POST", "/publish/", nothing, "Expect: 100-continue")}},
	{name: "publish: Content-Type is not looked at", steps: []step{control("POST", "/publish/", nothing, "Content-Type: text/plain")}},
	{name: "publish: Authorization is not needed", steps: []step{control("POST", "/publish/", nothing, "Authorization: Bearer x")}},
	{name: "publish: head of 11,000 bytes", steps: []step{control("POST", "/publish/", nothing, "X-One: "+strings.Repeat("x", 11_000))}},
	{name: "publish: body of 1,000,000 bytes", steps: []step{publish(nothing + strings.Repeat(" ", 1_000_000-len(nothing)))}},
	{name: "publish: body of 10,000,000 bytes", steps: []step{publish(nothing + strings.Repeat(" ", 10_000_000-len(nothing)))}},

	accepting("application/json"),
	accepting("application/*"),
	accepting("text/plain"),
	accepting("text/*"),
	accepting("*/*"),
	accepting("*"),
	accepting("text/html"),
	accepting("image/*"),
	accepting("application/json, text/plain"),
	accepting("text/plain, application/json"),
	accepting("text/html, application/json"),
	accepting("text/html, */*;q=0.1"),
	accepting("application/json;q=0.1, text/plain;q=0.9"),
	accepting("application/json,"),
	accepting("APPLICATION/JSON"),
	accepting(""),
	{name: "Accept: twice", steps: []step{control("POST", "/publish/", nothing, "Accept: text/html", "Accept: application/json")}},
	{name: "Accept: JSON, and a bad request", steps: []step{control("POST", "/publish/", "{}", "Accept: application/json")}},
	{name: "Accept: nothing to be had, and a bad request", steps: []step{control("POST", "/publish/", "{}", "Accept: text/html")}},
}

func accepting(accept string) scenario {
	return scenario{name: "Accept: " + accept, steps: []step{control("POST", "/publish/", nothing, "Accept: "+accept)}}
}

// Bodies of POST /publish/ as they are.
var publishBodies = []string{
	``, `{`, `nonsense`, `[]`, `5`, `"x"`, `null`, `true`, "\"\xff\"", "\ufeff" + nothing, nothing + " more", `{"items":[],}`,
	`{}`, `{"items":{}}`, `{"items":null}`, `{"items":"x"}`, `{"items":[],"more":1}`,
	`{"items":[5]}`, `{"items":[null]}`, `{"items":[[]]}`, `{"items":[{}]}`,
	`{"items":[{"channel":"x"}]}`,
	`{"items":[{"http-response":{"body":"x"}}]}`,
	`{"items":[{"channel":"x","http-response":{"body":"x"}},{"channel":"x"}]}`,
	`{"items":[{"channel":"x"},{"channel":"x","http-response":{"body":"x"}}]}`,
	`{"items":[{},{"channel":"x"},5]}`,
	`{"items":[{"channel":"x","unknown":{}}]}`,
}

// Items of which a key is what follows: {"channel":"x","formats":{"http-response":{"body":"x"}}, ...}. Of a key that is
// there twice the later one counts.
var itemKeys = []string{
	`"channel":5`, `"channel":null`, `"channel":[]`,
	`"id":5`, `"id":null`, `"id":""`, `"prev-id":5`, `"prev-id":null`,
	`"formats":5`, `"formats":null`, `"formats":[]`, `"formats":{}`, `"formats":{"unknown":5}`,
	`"meta":5`, `"meta":null`, `"meta":[]`, `"meta":{}`, `"meta":{"a":5}`, `"meta":{"a":null}`,
	`"size":-1`, `"size":"x"`, `"size":"5"`, `"size":null`, `"size":1.5`, `"no-seq":5`, `"no-seq":null`, `"no-seq":"true"`,
	`"meta":5,"size":-1,"no-seq":5`, `"id":5,"meta":5`, `"unknown":5`,
	`"formats":{"http-stream":{},"http-response":{},"ws-message":{}}`, `"formats":{},"meta":5`,
}

// What an item has as http-response, http-stream or ws-message.
var formats = map[string][]string{
	"http-response": {
		`null`, `5`, `[]`, `{}`,
		`{"body":5}`, `{"body":null}`, `{"body-bin":5}`, `{"body-bin":null}`, `{"body-bin":"YQ==","body":5}`, `{"body-bin":"!!!"}`, `{"body-bin":"_-8="}`,
		`{"body-patch":5}`, `{"body-patch":null}`, `{"body-patch":[]}`, `{"body":"x","body-patch":5}`,
		`{"action":5,"body":"x"}`, `{"action":null,"body":"x"}`, `{"action":"","body":"x"}`, `{"action":"nonsense","body":"x"}`, `{"action":"Send","body":"x"}`,
		`{"action":"send"}`, `{"action":"hint"}`, `{"action":"close"}`, `{"action":"refresh"}`, `{"action":"hint","headers":5}`,
		`{"code":-1,"body":"x"}`, `{"code":1000,"body":"x"}`, `{"code":"1000","body":"x"}`, `{"code":"-1","body":"x"}`,
		`{"code":null,"body":"x"}`, `{"code":[],"body":"x"}`, `{"code":"abc","body":"x"}`, `{"code":"","body":"x"}`, `{"code":200.5,"body":"x"}`, `{"code":1e10,"body":"x"}`,
		`{"code":"200.0","body":"x"}`, `{"code":" 200","body":"x"}`,
		`{"code":0,"body":"x"}`, `{"code":100,"body":"x"}`, `{"code":199,"body":"x"}`, `{"code":true,"body":"x"}`,
		`{"reason":"a\r\nb","body":"x"}`, `{"headers":{"a":"x\r\ny"},"body":"x"}`, `{"headers":{"":"x"},"body":"x"}`, `{"headers":{"a b":"x"},"body":"x"}`,
		`{"reason":5,"body":"x"}`, `{"reason":null,"body":"x"}`,
		`{"headers":5,"body":"x"}`, `{"headers":null,"body":"x"}`, `{"headers":"x","body":"x"}`, `{"headers":{"a":5},"body":"x"}`, `{"headers":{"a":null},"body":"x"}`,
		`{"headers":{"a":["b"]},"body":"x"}`, `{"headers":[5],"body":"x"}`, `{"headers":[[]],"body":"x"}`, `{"headers":[["a"]],"body":"x"}`, `{"headers":[["a","b","c"]],"body":"x"}`,
		`{"headers":[[5,"b"]],"body":"x"}`, `{"headers":[["a",5]],"body":"x"}`, `{"headers":["a","b"],"body":"x"}`, `{"headers":[{"a":"b"}],"body":"x"}`,
		`{"content-filters":5,"body":"x"}`, `{"content-filters":null,"body":"x"}`, `{"content-filters":[5],"body":"x"}`,
		`{"action":5,"code":-1,"reason":5,"headers":5}`, `{"code":-1,"reason":5,"headers":5}`, `{"reason":5,"headers":5}`, `{"headers":5,"body":5}`, `{"body":5,"content-filters":5}`,
		`{"headers":5}`,
	},
	"http-stream": {
		`null`, `5`, `{}`, `{"content":5}`, `{"content":null}`, `{"content":""}`, `{"content-bin":5}`, `{"content-bin":"!!!"}`, `{"content-bin":"YQ==","content":5}`,
		`{"action":"close"}`, `{"action":"close","content":""}`, `{"action":"hint"}`, `{"action":"refresh"}`, `{"action":"nonsense"}`, `{"action":5}`, `{"content":"x","content-filters":5}`,
	},
	"ws-message": {
		`null`, `5`, `{}`, `{"content":5}`, `{"content":null}`, `{"content-bin":5}`, `{"content-bin":"!!!"}`, `{"type":"nonsense","content":"x"}`, `{"type":5,"content":"x"}`,
		`{"type":"text"}`, `{"type":"binary"}`, `{"type":"ping"}`, `{"type":"pong"}`, `{"type":"text","content-bin":"YQ=="}`,
		`{"action":"close"}`, `{"action":"close","code":-1}`, `{"action":"close","code":70000}`, `{"action":"close","code":"x"}`, `{"action":"close","reason":5}`,
		`{"action":"refresh"}`, `{"action":"hint"}`, `{"action":"nonsense"}`, `{"action":5}`, `{"content":"x","content-filters":5}`,
	},
}

// itemScenarios are one publish each.
func itemScenarios() (list []scenario) {
	for _, body := range publishBodies {
		list = append(list, scenario{name: "body " + body, steps: []step{publish(body)}})
	}
	for _, keys := range itemKeys {
		// A duplicate key would be another question than the one that is asked.
		whole := `{"items":[{`
		for _, standard := range []string{`"channel":"{c}"`, `"formats":{"http-response":{"body":"x"}}`} {
			name, _, _ := strings.Cut(standard, ":")
			if !strings.HasPrefix(keys, name) {
				whole += standard + ","
			}
		}
		list = append(list, scenario{name: "item with " + keys, steps: []step{publish(whole + keys + `}]}`)}})
	}
	for _, format := range []string{"http-response", "http-stream", "ws-message"} {
		for _, value := range formats[format] {
			list = append(list, scenario{name: format + " " + value,
				steps: []step{publish(`{"items":[{"channel":"{c}","formats":{"` + format + `":` + value + `}}]}`)}})
		}
	}
	return list
}
