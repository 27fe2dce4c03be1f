//go:build linux

package pushpin

// application/grip-instruct, apart from its time being up.
var instructScenarios = []scenario{
	held1("JSON: hold", `{"hold":{"mode":"response","channels":[{"name":"{c}"}]}}`),
	held1("JSON: hold and response", `{"hold":{"mode":"response","channels":[{"name":"{c}"}]},"response":{"headers":{"X-One":"1"},"body":"timeout\n"}}`),
	held1("JSON: without a mode", `{"hold":{"channels":[{"name":"{c}"}]}}`),
	held1("JSON: headers as pairs", `{"hold":{"channels":[{"name":"{c}"}]},"response":{"headers":[["X-One","1"],["X-One","2"]]}}`),
	held1("JSON: meta", `{"hold":{"channels":[{"name":"{c}"}],"meta":{"user":"ann"}}}`),
	held1("JSON: keep-alive", `{"hold":{"channels":[{"name":"{c}"}],"keep-alive":{"content":"x","timeout":5}}}`),
	held1("JSON: unknown keys", `{"more":1,"hold":{"more":1,"channels":[{"more":1,"name":"{c}"}]},"response":{"more":1}}`),
	{name: "JSON: Content-Type with a parameter", steps: released(item(`{"body":"news\n"}`)),
		app: always(answer("200 OK", `{"hold":{"channels":[{"name":"{c}"}]}}`, "Content-Type: application/grip-instruct; charset=utf-8"))},
	{name: "JSON: Content-Type of other case", steps: []step{get(), answered},
		app: always(answer("200 OK", `{"response":{"body":"x\n"}}`, "Content-Type: Application/Grip-Instruct"))},
	{name: "JSON: gzipped", steps: released(item(`{"body":"news\n"}`)),
		app: always(reply{status: "200 OK", body: `{"hold":{"channels":[{"name":"{c}"}]},"response":{"headers":{"X-One":"1"}}}`, encode: gzipped,
			lines: []string{"Content-Type: application/grip-instruct", "Content-Encoding: gzip"}})},
	{name: "JSON: gzipped, but it is not", app: instruct(`{"response":{"body":"x\n"}}`, "Content-Encoding: gzip")},
	{name: "JSON: hold in the header, response in JSON", steps: released(item(`{"body":"news\n"}`)),
		app: instruct(`{"response":{"headers":{"X-One":"1"},"body":"timeout\n"}}`, "Grip-Hold: response", "Grip-Channel: {c}", "X-Two: 2")},
	{name: "JSON: its mode wins over Grip-Hold", steps: released(item(`{"body":"news\n"}`)),
		app: instruct(`{"hold":{"mode":"response","channels":[{"name":"{c}"}]}}`, "Grip-Hold: stream")},

	now("JSON: response alone", `{"response":{"code":201,"reason":"Made","headers":{"X-One":"1","Content-Type":"text/plain"},"body":"made\n"}}`),
	now("JSON: response of code alone", `{"response":{"code":404}}`),
	now("JSON: response of unknown code", `{"response":{"code":599}}`),
	now("JSON: response of reason alone", `{"response":{"reason":"Splendid"}}`),
	now("JSON: response of a 204", `{"response":{"code":204}}`),
	now("JSON: response of a 304 with a body", `{"response":{"code":304,"body":"x"}}`),
	now("JSON: response of an empty body", `{"response":{"headers":{"X-One":"1"},"body":""}}`),
	now("JSON: empty response", `{"response":{}}`),
	now("JSON: empty", `{}`),
	now("JSON: body-bin", `{"response":{"body-bin":"`+base64Of("\x00\xff")+`"}}`),
	now("JSON: body-bin wins", `{"response":{"body":"x","body-bin":"`+base64Of("binary")+`"}}`),
	now("JSON: body-bin nonsense", `{"response":{"body-bin":"!!!"}}`),
	now("JSON: Content-Length among the headers", `{"response":{"headers":{"Content-Length":"1"},"body":"plain\n"}}`),
	now("JSON: Grip headers among the headers", `{"response":{"headers":{"Grip-Hold":"response","X-One":"1"},"body":"plain\n"}}`),
	now("JSON: code as text", `{"response":{"code":"404"}}`),
	now("JSON: code out of range", `{"response":{"code":1000}}`),
	now("JSON: code negative", `{"response":{"code":-1}}`),
	now("JSON: code of wrong type", `{"response":{"code":[]}}`),
	now("JSON: reason of wrong type", `{"response":{"reason":5}}`),
	now("JSON: headers of wrong type", `{"response":{"headers":5}}`),
	now("JSON: header value of wrong type", `{"response":{"headers":{"X-One":5}}}`),
	now("JSON: header pair of one", `{"response":{"headers":[["X-One"]]}}`),
	now("JSON: header of two lines", `{"response":{"headers":{"X-One":"a\r\nX-Two: 2"},"body":"plain\n"}}`),
	now("JSON: body of wrong type", `{"response":{"body":5}}`),
	now("JSON: response of wrong type", `{"response":5}`),
	now("JSON: hold of wrong type", `{"hold":5}`),
	now("JSON: hold null", `{"hold":null,"response":{"body":"plain\n"}}`),
	now("JSON: mode nonsense", `{"hold":{"mode":"nonsense","channels":[{"name":"{c}"}]}}`),
	now("JSON: mode of wrong type", `{"hold":{"mode":5,"channels":[{"name":"{c}"}]}}`),
	now("JSON: hold without channels", `{"hold":{"mode":"response"}}`),
	now("JSON: channels of wrong type", `{"hold":{"channels":"{c}"}}`),
	now("JSON: channel of wrong type", `{"hold":{"channels":["{c}"]}}`),
	now("JSON: channel without a name", `{"hold":{"channels":[{}]}}`),
	now("JSON: channel name of wrong type", `{"hold":{"channels":[{"name":5}]}}`),
	now("JSON: prev-id of wrong type", `{"hold":{"channels":[{"name":"{c}","prev-id":5}]}}`),
	now("JSON: filters of wrong type", `{"hold":{"channels":[{"name":"{c}","filters":"x"}]}}`),
	now("JSON: filter of wrong type", `{"hold":{"channels":[{"name":"{c}","filters":[5]}]}}`),
	now("JSON: timeout negative", `{"hold":{"channels":[{"name":"{c}"}],"timeout":-1}}`),
	now("JSON: meta of wrong type", `{"hold":{"channels":[{"name":"{c}"}],"meta":5}}`),
	now("JSON: meta value of wrong type", `{"hold":{"channels":[{"name":"{c}"}],"meta":{"a":5}}}`),
	now("JSON: nonsense", `nonsense`),
	now("JSON: a list", `[]`),
	now("JSON: nothing", ``),
	now("JSON: text behind it", `{"response":{"body":"x"}} more`),
	{name: "JSON: status 201", app: always(answer("201 Created", `{"response":{"body":"x\n"}}`, "Content-Type: application/grip-instruct"))},
	{name: "JSON: status 404", app: always(answer("404 Not Found", `{"response":{"body":"x\n"}}`, "Content-Type: application/grip-instruct"))},
	{name: "JSON: Grip-Status", app: instruct(`{"response":{"code":201,"body":"x\n"}}`, "Grip-Status: 404 Odd")},
	{name: "JSON: Grip-Expose-Headers", app: instruct(`{"response":{"headers":{"X-One":"1","X-Two":"2"},"body":"x\n"}}`, "Grip-Expose-Headers: X-Two")},
	{name: "JSON: HEAD", app: instruct(`{"response":{"body":"x\n"}}`), steps: []step{ask("HEAD", ""), answered}},
}

// held1 is a hold by JSON, released by an item.
func held1(name, text string) scenario {
	return scenario{name: name, app: instruct(text, "X-Zero: 0"), steps: released(item(`{"body":"news\n"}`))}
}

// now is JSON that is answered at once.
func now(name, text string) scenario {
	return scenario{name: name, app: instruct(text, "X-Zero: 0")}
}
