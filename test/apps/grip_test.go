//go:build linux

package apps

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"cometproxy/test/internal/pushpinconf"
)

// gripKey signs what the proxy asks the app and what the app publishes.
const gripKey = "0123456789abcdef0123456789abcdef"

// A gripProxy is a proxy that speaks GRIP, before an app.
type gripProxy struct {
	public, control string // addresses

	// holds grows with each request that comes to be held on a channel.
	holds func(channel string) int
}

const notYet = "Accept service unavailable.\n"

// gripProxies start cometproxy, and the proxy that such apps were written for.
var gripProxies = []struct {
	name  string
	start func(t *testing.T, app, control string) *gripProxy
}{
	{"cometproxy", func(t *testing.T, app, control string) *gripProxy {
		return startGripComet(t, app, control, gripKey, gripKey)
	}},
	{"Pushpin", startPushpin},
}

const gripCometConfig = `
[public]
listen = [%q]

[internal]
listen = [%q]
token  = %q
debug  = true

[grip]
sig_key = %q

[[backend]]
name = "app"
urls = ["http://%s"]
`

func startGripComet(t *testing.T, app, internal, token, sigKey string) *gripProxy {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	p := &gripProxy{public: freeAddress(t), control: internal}
	file := filepath.Join(t.TempDir(), "cometproxy.toml")
	if err := os.WriteFile(file, fmt.Appendf(nil, gripCometConfig, p.public, internal, token, sigKey, app), 0o600); err != nil {
		t.Fatal(err)
	}
	c := start(t, "", nil, path, "-config", file)
	c.waitFor(p.public)
	ask := func(path string) reply {
		req, err := http.NewRequest("GET", "http://"+internal+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		return do(t, client, req)
	}
	p.holds = func(channel string) int {
		var state struct{ Waiters int }
		json.Unmarshal([]byte(ask("/channels/"+channel).body), &state)
		return state.Waiters
	}
	t.Cleanup(func() {
		if r := ask("/debug/check"); r.code != http.StatusOK {
			t.Errorf("invariants: %d %s", r.code, r.body)
		}
		if err := c.stop(); err != nil {
			t.Errorf("cometproxy did not end in order: %v", err)
		}
		if strings.Contains(c.output(), "panic") {
			t.Errorf("cometproxy says: %s", c.output())
		}
	})
	return p
}

// startPushpin runs Debian's Pushpin with files of its own.
func startPushpin(t *testing.T, app, control string) *gripProxy {
	t.Helper()
	program := need(t, "pushpin", "pushpin")
	need(t, "zurl", "zurl")
	dir, err := os.MkdirTemp("", "pushpin-") // short: the paths of sockets may have 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p := &gripProxy{public: freeAddress(t), control: control}
	c := pushpinconf.Config{Public: p.public, Control: control, App: app, Issuer: "pushpin", Key: gripKey, Handler: "update_on_first_subscription=false\n"}
	args, err := c.Write(dir)
	if err != nil {
		missing(t, "%v", err)
	}
	server := start(t, dir, nil, program, args...)
	server.waitFor(p.public)
	server.waitFor(control)
	// Its parts listen before they have found each other. A request that comes
	// meanwhile is lost, and Pushpin's count of messages is wrong for later ones.
	time.Sleep(2 * time.Second)
	p.holds = func(channel string) int {
		n := 0
		for line := range strings.Lines(server.output()) {
			if strings.Contains(line, "] subscribe ") && strings.HasSuffix(line, " channel="+channel+"\n") {
				n++
			}
		}
		return n
	}
	return p
}

// gripPackages copies the folder grip to a temporary one, installs its packages
// there, once, and puts the snippets beside them.
var gripPackages = sync.OnceValues(func() (string, error) {
	root := filepath.Join(tempDir, "grip")
	for from, to := range map[string]string{"grip": root, "snippets": filepath.Join(root, "snippets")} {
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			return "", err
		}
	}
	cmd := exec.Command("npm", "ci", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %v\n%s", err, out)
	}
	return root, nil
})

func needGripPackages(t *testing.T) (node, dir string) {
	t.Helper()
	node = need(t, "node", "nodejs")
	need(t, "npm", "npm")
	dir, err := gripPackages()
	if err != nil {
		missing(t, "the packages of test/apps/grip cannot be installed; is there a network? %v", err)
	}
	return node, dir
}

// startGripApp runs an app of the folder and returns its address.
func startGripApp(t *testing.T, file, gripURL string) (address string) {
	t.Helper()
	node, dir := needGripPackages(t)
	address = freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	start(t, dir, []string{"PORT=" + port, "GRIP_URL=" + gripURL}, node, file).waitFor(address)
	return address
}

// gripURL says to the library where it publishes and with which key.
func gripURL(control, key string) string {
	return "http://" + control + "/?iss=app&key=" + url.QueryEscape(key)
}

// TestGRIP runs one and the same app behind cometproxy and behind Pushpin.
func TestGRIP(t *testing.T) {
	for _, which := range gripProxies {
		t.Run(which.name, func(t *testing.T) {
			if which.name == "Pushpin" && os.Getenv(attemptEnv) == "" {
				attempts(t, 3)
				return
			}
			control := freeAddress(t)
			p := which.start(t, startGripApp(t, "app.mjs", gripURL(control, gripKey)), control)
			p.awaitForwarding(t, "/say")
			t.Run("signature", p.testSignature)
			t.Run("hold", p.testHold)
			t.Run("answers", p.testAnswers)
			t.Run("ids", p.testIDs)
			t.Run("channels", p.testChannels)
			t.Run("timeout", p.testTimeout)
			t.Run("unchanged", p.testUnchanged)
			t.Run("one connection", p.testOneConnection)
		})
	}
}

const attemptEnv = "COMETPROXY_TEST_ATTEMPT"

// attempts runs the calling test in processes of their own until one of them passes.
// It is for tests of Pushpin, which on a busy machine loses a request now and then: it
// is here to show that the test asks for what GRIP is, and is not judged itself.
func attempts(t *testing.T, most int) {
	t.Helper()
	pattern := "^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$"
	for n := range most {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", pattern, "-test.v")
		cmd.Env = append(os.Environ(), attemptEnv+"="+strconv.Itoa(n+1))
		out, err := cmd.CombinedOutput()
		switch {
		case err == nil && bytes.Contains(out, []byte("--- SKIP")):
			t.Skipf("%s", out)
		case err == nil:
			return
		case n+1 == most:
			t.Fatalf("attempt %d of %d: %v\n%s", n+1, most, err, out)
		}
		t.Logf("attempt %d of %d: %v\n%s", n+1, most, err, out)
	}
}

// awaitForwarding waits until the app gets what is posted to it and can publish
// it: Pushpin listens a moment before it can do either, and never answers some of
// what comes before.
func (p *gripProxy) awaitForwarding(t *testing.T, target string) {
	t.Helper()
	impatient := *client
	impatient.Timeout = 3 * time.Second
	for limit := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if resp, err := impatient.Post("http://"+p.public+target, "text/plain", strings.NewReader("to nobody\n")); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(limit) {
			t.Fatalf("%s does not reach the app", target)
		}
	}
}

// get also sees that nothing of GRIP reaches the client. It may run in any goroutine.
func (p *gripProxy) get(t *testing.T, c *http.Client, req *http.Request) reply {
	resp, err := c.Do(req)
	if err != nil {
		t.Error(err)
		return reply{}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("%s: the body ends with %v after %d bytes", req.URL, err, len(body))
	}
	for name := range resp.Header {
		if strings.HasPrefix(name, "Grip-") {
			t.Errorf("%s: the client sees %s: %q", req.URL, name, resp.Header[name])
		}
	}
	return reply{resp.StatusCode, resp.Header, string(body)}
}

func (p *gripProxy) request(t *testing.T, target string) *http.Request {
	t.Helper()
	req, err := http.NewRequest("GET", "http://"+p.public+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// hold sends a request, waits until it is held on the channel, and returns where
// its answer will come from.
//
// Pushpin forwards a moment before it can hold, and says notYet till then.
func (p *gripProxy) hold(t *testing.T, c *http.Client, req *http.Request, channel string) <-chan reply {
	t.Helper()
	answer := make(chan reply, 1)
	before := p.holds(channel)
	go func() { answer <- p.get(t, c, req) }()
	for limit := time.Now().Add(10 * time.Second); p.holds(channel) == before; time.Sleep(2 * time.Millisecond) {
		select {
		case r := <-answer:
			if r.body != notYet {
				t.Fatalf("%s is not held: %d %v %q", req.URL, r.code, r.header, r.body)
			}
			time.Sleep(50 * time.Millisecond)
			go func() { answer <- p.get(t, c, req.Clone(req.Context())) }()
		default:
		}
		if time.Now().After(limit) {
			t.Fatalf("%s does not come to be held on %s", req.URL, channel)
		}
	}
	return answer
}

// say has the app publish. It may run in any goroutine.
func (p *gripProxy) say(t *testing.T, query, contentType, body string) {
	req, err := http.NewRequest("POST", "http://"+p.public+"/say"+query, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return
	}
	req.Header.Set("Content-Type", contentType)
	if r := p.get(t, client, req); r.code != http.StatusOK || r.body != "said\n" {
		t.Errorf("say%s: %d %s", query, r.code, r.body)
	}
}

// A gripView is what the app knows of a request.
type gripView struct {
	Middleware, Publisher struct{ IsProxied, IsSigned, NeedsSigned bool }
	Grip                  map[string]string // headers
}

func (p *gripProxy) view(t *testing.T, req *http.Request) (v gripView) {
	t.Helper()
	if r := p.get(t, client, req); r.code != http.StatusOK || json.Unmarshal([]byte(r.body), &v) != nil {
		t.Fatalf("%s: %d %s", req.URL, r.code, r.body)
	}
	return v
}

func (p *gripProxy) testSignature(t *testing.T) {
	req := p.request(t, "/proxied")
	req.Header["Grip-Sig"] = []string{"forged"}
	req.Header["grip-feature"] = []string{"forged"}
	req.Header["GRIP-LAST"] = []string{"room; last-id=1"}
	v := p.view(t, req)
	if !v.Publisher.IsProxied || !v.Publisher.IsSigned || !v.Publisher.NeedsSigned {
		t.Errorf("validateGripSig says %+v of %q", v.Publisher, v.Grip["grip-sig"])
	}
	if !v.Middleware.IsProxied || !v.Middleware.IsSigned {
		t.Errorf("the middleware says %+v", v.Middleware)
	}
	features := v.Grip["grip-feature"]
	if len(v.Grip) != 2 || !strings.Contains(features, "status") || strings.Contains(features, "forged") {
		t.Errorf("the app sees %q", v.Grip)
	}
	if r := p.get(t, client, p.request(t, "/careful")); r.code != http.StatusOK {
		t.Errorf("an app that checks the signature says %d %s", r.code, r.body)
	}
}

func (p *gripProxy) testHold(t *testing.T) {
	answer := p.hold(t, client, p.request(t, "/poll"), "room")
	select {
	case r := <-answer:
		t.Fatalf("it is not held: %d %q", r.code, r.body)
	case <-time.After(300 * time.Millisecond):
	}
	p.say(t, "", "text/plain", "hello\n")
	wantReply(t, <-answer, 200, "hello\n", "X-App: grip", "Cache-Control: no-store", "Set-Cookie: seen=1; Path=/",
		"Content-Type: text/plain; charset=utf-8", "Content-Length: 6")
}

// wantReply compares an answer's status, body and some of its header.
func wantReply(t *testing.T, r reply, code int, body string, lines ...string) {
	t.Helper()
	if r.code != code || r.body != body {
		t.Errorf("got %d %q; want %d %q", r.code, r.body, code, body)
	}
	for _, line := range lines {
		name, want, _ := strings.Cut(line, ": ")
		if got := strings.Join(r.header[name], "\n"); got != want {
			t.Errorf("%s: got %q; want %q", name, got, want)
		}
	}
}

// testAnswers publishes all that the library can make of an answer, to holds of
// the library's and to one of plain headers.
func (p *gripProxy) testAnswers(t *testing.T) {
	const jsonType = "application/json"
	for _, c := range []struct {
		what, contentType, said string
		code                    int
		body                    string
		lines                   []string
	}{
		{"text", "text/plain", "a “text”\x00\n", 200, "a “text”\x00\n", nil},
		{"bytes", "application/octet-stream", "\x00\xff\xfe", 200, "\x00\xff\xfe", nil},
		{"empty", jsonType, `{"body": ""}`, 200, "", []string{"Content-Length: 0"}},
		{"code as text", jsonType, `{"code": "201", "body": "made"}`, 201, "made", nil},
		{"code as number", jsonType, `{"code": 404, "reason": "Gone Fishing", "body": "no"}`, 404, "no", nil},
		{"without body", jsonType, `{"code": 204, "body": ""}`, 204, "", []string{"Content-Length: "}},
		{"headers", jsonType, `{"headers": {"content-type": "application/json", "X-App": "said", "Grip-Hold": "response"}, "body": "{}"}`,
			200, "{}", []string{"Content-Type: application/json", "X-App: said"}},
		{"long", "text/plain", strings.Repeat("long ", 10000), 200, strings.Repeat("long ", 10000), nil},
	} {
		t.Run(c.what, func(t *testing.T) {
			library := p.hold(t, client, p.request(t, "/poll"), "room")
			plain := p.hold(t, client, p.request(t, "/plain"), "room")
			p.say(t, "", c.contentType, c.said)
			wantReply(t, <-library, c.code, c.body, append(c.lines, "Set-Cookie: seen=1; Path=/")...)
			wantReply(t, <-plain, c.code, c.body, c.lines...)
		})
	}
}

// testIDs: messages with ids are delivered like others, in their order.
func (p *gripProxy) testIDs(t *testing.T) {
	prev := ""
	for _, id := range []string{"1", "2", "3"} {
		query := "?channel=ids&id=" + id
		target := "/poll?channel=ids"
		if prev != "" {
			query, target = query+"&prev="+prev, target+"&prev="+prev
		}
		answer := p.hold(t, client, p.request(t, target), "ids")
		p.say(t, query, "text/plain", "number "+id+"\n")
		wantReply(t, <-answer, 200, "number "+id+"\n")
		prev = id
	}
}

func (p *gripProxy) testChannels(t *testing.T) {
	answer := p.hold(t, client, p.request(t, "/poll?channel=first&channel=second&channel=third&user=ann"), "third")
	p.say(t, "?channel=fourth", "text/plain", "not for this one\n")
	p.say(t, "?channel=second", "text/plain", "second\n")
	wantReply(t, <-answer, 200, "second\n")
	if t.Failed() {
		return
	}
	answer = p.hold(t, client, p.request(t, "/poll?channel=first&channel=third"), "third")
	p.say(t, "?channel=first", "text/plain", "first\n")
	wantReply(t, <-answer, 200, "first\n")
}

// testTimeout waits for what comes when nothing does, all at the same time. No
// hold is shorter than five seconds; Pushpin looks once a second.
func (p *gripProxy) testTimeout(t *testing.T) {
	began := time.Now()
	poll := p.hold(t, client, p.request(t, "/poll?timeout=1"), "room")
	instruct := p.hold(t, client, p.request(t, "/instruct"), "room")
	unchanged := p.hold(t, client, p.request(t, "/unchanged?hold=1"), "room")
	wantReply(t, <-poll, 200, "nothing\n", "X-App: grip", "Set-Cookie: seen=1; Path=/", "Content-Type: text/plain; charset=utf-8", "Content-Length: 8")
	wantReply(t, <-instruct, 203, "nothing\n", "X-From: instruct", "Content-Type: text/plain", "Content-Length: 8")
	wantReply(t, <-unchanged, 304, "", `Etag: "1"`)
	if took := time.Since(began); took < 4900*time.Millisecond || took > 8*time.Second {
		t.Errorf("the answers came after %s", took)
	}
}

// testUnchanged: the library says 304 by Grip-Status, also where nothing is held.
func (p *gripProxy) testUnchanged(t *testing.T) {
	wantReply(t, p.get(t, client, p.request(t, "/unchanged")), 304, "", `Etag: "1"`)
}

// testOneConnection holds request after request of a client that keeps its
// connection.
func (p *gripProxy) testOneConnection(t *testing.T) {
	keeps := &http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: client.Timeout}
	defer keeps.CloseIdleConnections()
	reused := 0
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if info.Reused {
			reused++
		}
	}}
	const rounds = 20
	for i := range rounds {
		req := p.request(t, "/poll?channel=again")
		answer := p.hold(t, keeps, req.WithContext(httptrace.WithClientTrace(req.Context(), trace)), "again")
		text := fmt.Sprintf("number %d\n", i)
		p.say(t, "?channel=again", "text/plain", text)
		wantReply(t, <-answer, 200, text)
	}
	if reused != rounds-1 {
		t.Errorf("%d of %d requests came over the connection of the first", reused, rounds-1)
	}
}

// TestGRIPCursor: a client that sends back the cursor of each answer gets every
// message, though most come while it is not held, and the app knows of no ids.
func TestGRIPCursor(t *testing.T) {
	control := freeAddress(t)
	p := startGripComet(t, startGripApp(t, "app.mjs", gripURL(control, gripKey)), control, gripKey, gripKey)
	keeps := &http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: client.Timeout}
	defer keeps.CloseIdleConnections()

	const messages = 90 // what a channel keeps is 100
	first := p.hold(t, keeps, p.request(t, "/poll"), "room")
	said := make(chan struct{})
	go func() {
		defer close(said)
		for i := range messages {
			p.say(t, "", "text/plain", fmt.Sprintf("number %d\n", i))
		}
	}()
	r := <-first
	for i := range messages {
		if want := fmt.Sprintf("number %d\n", i); r.code != http.StatusOK || r.body != want {
			t.Fatalf("got %d %q; want %q", r.code, r.body, want)
		}
		if i == messages/2 {
			<-said // the rest comes at once
		}
		if i < messages-1 {
			req := p.request(t, "/poll")
			req.Header.Set("Comet-Cursor", r.header.Get("Comet-Cursor"))
			r = p.get(t, keeps, req)
		}
	}

	// A page that knows the id it has seen needs no cursor.
	p.say(t, "?channel=ids&id=1", "text/plain", "one\n")
	p.say(t, "?channel=ids&id=2&prev=1", "text/plain", "two\n")
	wantReply(t, p.get(t, client, p.request(t, "/poll?channel=ids&prev=1")), 200, "two\n")
}

// TestGRIPKeys: the app refuses who does not sign with its key, and its answer
// reaches the client.
func TestGRIPKeys(t *testing.T) {
	const refusal = "not behind a GRIP proxy\n"
	control := freeAddress(t)
	app := startGripApp(t, "app.mjs", gripURL(control, gripKey))

	t.Run("wrong", func(t *testing.T) {
		p := startGripComet(t, app, control, gripKey, "another key that has 32 bytes or more")
		// The middleware of serve-grip 2.0.0 takes any signature; Publisher does not.
		if v := p.view(t, p.request(t, "/proxied")); v.Publisher.IsProxied || v.Publisher.IsSigned || v.Grip["grip-sig"] == "" {
			t.Errorf("validateGripSig says %+v of %q", v.Publisher, v.Grip["grip-sig"])
		}
		wantReply(t, p.get(t, client, p.request(t, "/careful")), 501, refusal)
	})
	t.Run("none", func(t *testing.T) {
		p := startGripComet(t, app, control, gripKey, "")
		req := p.request(t, "/poll")
		req.Header.Set("Grip-Sig", "forged")
		wantReply(t, p.get(t, client, req), 501, refusal)
		// Who asks the app for no signature is held nevertheless.
		answer := p.hold(t, client, p.request(t, "/plain"), "room")
		p.say(t, "", "text/plain", "hello\n")
		wantReply(t, <-answer, 200, "hello\n")
	})
}

// TestGRIPAuthorization publishes in all the ways in which the library can say
// who it is.
func TestGRIPAuthorization(t *testing.T) {
	node, dir := needGripPackages(t)
	control := freeAddress(t)
	startGripComet(t, freeAddress(t), control, gripKey, gripKey)
	type object = map[string]any
	uri := "http://" + control
	inBase64 := "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY" // gripKey
	cases := []struct {
		what   string
		config any
		status int
	}{
		{"JWT", gripURL(control, gripKey), 200},
		{"JWT, from an object", object{"control_uri": uri, "control_iss": "app", "key": gripKey}, 200},
		{"JWT, key in base64", gripURL(control, "base64:"+inBase64+"="), 200},
		{"JWT, key as JWK", object{"control_uri": uri, "control_iss": "app", "key": object{"kty": "oct", "k": inBase64}}, 200},
		{"the key itself", "http://" + control + "/?key=" + gripKey, 200},
		{"the key itself, from an object", object{"control_uri": uri + "/", "key": gripKey}, 200},
		{"JWT, wrong key", gripURL(control, "another key"), 401},
		{"a wrong key itself", "http://" + control + "/?key=another", 401},
		{"the key itself in base64, which the library does not decode", "http://" + control + "/?key=base64:" + inBase64 + "=", 401},
		{"user and password", "http://app:" + gripKey + "@" + control + "/", 401},
		{"nothing", uri, 401},
	}
	var configs []any
	for _, c := range cases {
		configs = append(configs, c.config)
	}
	list, err := json.Marshal(configs)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(script(t, 30*time.Second, dir, nil, node, "auth.mjs", string(list))), "\n")
	if len(lines) != len(cases) {
		t.Fatalf("%q", lines)
	}
	for i, c := range cases {
		switch refused := strings.Contains(lines[i], "internal.token"); {
		case c.status == 200 && lines[i] != `"published"`, c.status == 401 && !(refused && strings.HasPrefix(lines[i], `{"status":401,`)):
			t.Errorf("%s: %s; want %d", c.what, lines[i], c.status)
		}
	}
}

// TestGRIPSnippets runs the README's shortest apps, before Pushpin as well.
func TestGRIPSnippets(t *testing.T) {
	apps := []struct {
		name  string
		start func(t *testing.T, control string) (address string)
	}{
		{"grip-express.mjs", func(t *testing.T, control string) string {
			return startGripApp(t, "snippets/grip-express.mjs", gripURL(control, gripKey))
		}},
		{"grip.php", func(t *testing.T, control string) string {
			address := freeAddress(t)
			start(t, "snippets", []string{"COMETPROXY=http://" + control}, need(t, "php", "php-cli"), "-S", address, "grip.php").waitFor(address)
			return address
		}},
	}
	for _, app := range apps {
		for _, which := range gripProxies {
			t.Run(app.name+" behind "+which.name, func(t *testing.T) {
				control := freeAddress(t)
				address := app.start(t, control)
				var p *gripProxy
				if which.name == "cometproxy" {
					p = startGripComet(t, address, control, "", gripKey) // as the README begins: no token
				} else {
					p = which.start(t, address, control)
				}
				p.awaitForwarding(t, "/news")
				answers := []<-chan reply{p.hold(t, client, p.request(t, "/news"), "news"), p.hold(t, client, p.request(t, "/news"), "news")}
				wantReply(t, send(t, client, "POST", "http://"+p.public+"/news", "text/plain", strings.NewReader("it rains\n")), 200, "sent\n")
				for _, answer := range answers {
					wantReply(t, <-answer, 200, "it rains\n")
				}
			})
		}
	}
}
