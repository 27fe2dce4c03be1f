package test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

func post(target, body string, lines ...string) string {
	return harness.Request("POST", target, body, lines...)
}

func TestPublish(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, tableConfig)
	rows := append(publishRows(), batchRows()...)
	checkRows(t, s, s.Internal[0], nil, rows)
	if a := s.Inside(t).Get(t, "/channels?prefix=bad"); strings.Contains(string(a.Body), "name") {
		t.Errorf("something was published that was refused: %s", a.Body)
	}
}

func publishRows() []row {
	ok := map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store"}
	problem := func(name, request string, status int) row {
		return row{name: name, request: request, status: status, header: map[string]string{"Content-Type": problemType}}
	}
	kilo := strings.Repeat("x", 1024)
	closing := problem("request too large", post("/channels/bad", strings.Repeat(kilo, 4)+"x"), 413)
	closing.closes = true
	return []row{
		{name: "text", request: post("/channels/a", "hello"), status: 200, header: ok, body: `~{"channel":"a","id":"`},
		{name: "no body", request: post("/channels/a", "", "Content-Length: 0"), status: 200, body: `~"released":0}`},
		{name: "name with a slash", request: post("/channels/a%2Fb", "x"), status: 200, body: `~{"channel":"a/b",`},
		{name: "chunked", request: post("/channels/a", "", "Transfer-Encoding: chunked") + "5\r\nhello\r\n0\r\n\r\n", status: 200},
		{name: "json", request: post("/channels/a", `{"a":1}`, "Content-Type: application/json"), status: 200},
		{name: "largest", request: post("/channels/a", kilo), status: 200},
		problem("too large", post("/channels/bad", kilo+"x"), 413), closing,
		problem("bad json", post("/channels/bad", `{`, "Content-Type: application/json"), 400),
		problem("two jsons", post("/channels/bad", `{}{}`, "Content-Type: application/json"), 400),
		problem("json, no UTF-8", post("/channels/bad", "\"\xff\"", "Content-Type: a/b+json"), 400),
		problem("json, no body", post("/channels/bad", "", "Content-Length: 0", "Content-Type: application/json"), 400),
		problem("encoded", post("/channels/bad", "x", "Content-Encoding: gzip"), 415),
		problem("own name", post("/channels/$bad", "x"), 400), problem("control in name", post("/channels/bad%01", "x"), 400),
		problem("bad UTF-8 in name", post("/channels/bad%ff", "x"), 400), problem("bad escape", post("/channels/bad%zz", "x"), 400),
		problem("no name", post("/channels/", "x"), 405), problem("long name", post("/channels/"+strings.Repeat("x", 256), "x"), 400),
		problem("below", post("/channels/bad/x", "x"), 404), problem("unescaped slash", post("/channels/bad/messages", "x"), 405),
		problem("empty key", post("/channels/bad", "x", "Idempotency-Key:"), 400),
		problem("long key", post("/channels/bad", "x", "Idempotency-Key: "+strings.Repeat("k", 256)), 400),
		problem("two keys", post("/channels/bad", "x", "Idempotency-Key: 1", "Idempotency-Key: 2"), 400),
		problem("PUT", harness.Request("PUT", "/channels/bad", "x"), 405), problem("nowhere", req("GET", "/nowhere"), 404),
		problem("from a web page", post("/channels/bad", "x", "Origin: http://localhost:3000"), 403),
		problem("from another site", post("/channels/bad", "x", "Sec-Fetch-Site: cross-site"), 403),
		problem("foreign host", post("/channels/bad", "x", "Host: evil.example"), 403),
		problem("foreign host and port", req("GET", "/channels", "Host: evil.example:5561"), 403),
		problem("host like an address", req("GET", "/channels", "Host: 127.0.0.1.evil.example"), 403),
		{name: "localhost and port", request: req("GET", "/channels", "Host: localhost:5561"), status: 200},
		{name: "address", request: req("GET", "/channels", "Host: 127.0.0.1:1"), status: 200},
		{name: "IPv6 address", request: req("GET", "/channels", "Host: [::1]:5561"), status: 200},
		{name: "same site", request: req("GET", "/channels", "Sec-Fetch-Site: none"), status: 200},
		{name: "health from anywhere", request: req("GET", "/health/ready", "Host: probe.example", "Origin: http://x.example"), status: 200, body: `{"status":"ready"}`},
		{name: "live", request: req("GET", "/health/live"), status: 200, body: `{"status":"live"}`},
		problem("health", req("GET", "/health/"), 404), problem("POST to health", post("/health/live", "x"), 405),
		{name: "DELETE", request: req("DELETE", "/channels/never"), status: 200, body: `{"channel":"never","released":0}`},
		problem("no such channel", req("GET", "/channels/never"), 404), problem("bad limit", req("GET", "/channels?limit=1001"), 400),
		{name: "messages of none", request: req("GET", "/channels/never/messages"), status: 200, body: `~{"messages":[],"cursor":"`},
		problem("bad cursor", req("GET", "/channels/never/messages?cursor=a.b"), 400),
	}
}

func batchRows() []row {
	batch := func(name, items string, status int, body string) row {
		return row{name: "batch: " + name, request: post("/publish/", `{"items":`+items+`}`), status: status,
			header: map[string]string{"Content-Type": "text/plain"}, body: body}
	}
	bad := func(name, item string) row {
		return batch(name, `[{"channel":"bad-1","text":"x"},`+item+`]`, 400, "~Invalid format: ")
	}
	return []row{
		batch("one", `[{"channel":"b","data":{"n":1}}]`, 200, "Published"), batch("none", `[]`, 200, "Published"),
		batch("several channels", `[{"channels":["b","c","b"],"text":"x"}]`, 200, "Published"),
		{name: "batch: without the slash", request: post("/publish", `{"items":[]}`), status: 200, body: "Published"},
		{name: "batch: JSON", request: post("/publish/", `{"items":[]}`, "Accept: application/json"), status: 200, body: `{"message":"Published"}`},
		{name: "batch: not acceptable", request: post("/publish/", `{"items":[]}`, "Accept: image/png"), status: 406, body: "~Not Acceptable"},
		{name: "batch: representation", request: post("/publish/", `{"items":[{"channels":["r","s"],"data_base64":"/w==","type":"a/b"}]}`, "Prefer: return=representation"),
			status: 200, header: map[string]string{"Preference-Applied": "return=representation"}, body: `~"items":[{"channel":"r","id":"`},
		{name: "batch: GET", request: req("GET", "/publish/"), status: 405, header: map[string]string{"Allow": "POST"}, body: "~Method not allowed"},
		{name: "batch: no JSON", request: post("/publish/", `x`), status: 400, body: "Body is not valid JSON."},
		{name: "batch: no object", request: post("/publish/", `[]`), status: 400, body: "~Invalid format"},
		{name: "batch: no items", request: post("/publish/", `{}`), status: 400, body: "~Invalid format: object does not contain 'items'"},
		{name: "batch: from a web page", request: post("/publish/", `{"items":[{"channel":"bad","text":"x"}]}`, "Origin: null"), status: 403},
		batch("message too large", `[{"channel":"bad-1","text":"x"},{"channel":"bad","text":"`+strings.Repeat("x", 1025)+`"}]`, 413, "~too large"),
		bad("no content", `{"channel":"bad"}`), bad("no channel", `{"text":"x"}`), bad("two contents", `{"channel":"bad","text":"x","data":1}`),
		bad("own name", `{"channel":"$bad","text":"x"}`), bad("no string", `{"channel":1,"text":"x"}`), bad("empty name", `{"channel":"","text":"x"}`),
		bad("no names", `{"channels":[],"text":"x"}`), bad("no base64", `{"channel":"bad","data_base64":"*"}`), bad("null", `null`),
		bad("bad type", `{"channel":"bad","text":"x","type":"a/b\r\nX: y"}`), bad("text and JSON type", `{"channel":"bad","text":"{","type":"application/json"}`),
	}
}

// TestIdempotency: a key repeats the answer, not the message.
func TestIdempotency(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, tableConfig)
	c := s.Inside(t)
	once := func(channel, body string, lines ...string) *harness.Answer {
		return c.Do(t, post("/channels/"+channel, body, append(lines, "Idempotency-Key: k1")...))
	}
	first := once("a", "x")
	for range 3 {
		if a := once("a", "x"); a.Status != 200 || string(a.Body) != string(first.Body) {
			t.Errorf("again: %d %s; want %s", a.Status, a.Body, first.Body)
		}
	}
	if a := once("a", "y"); a.Status != 422 {
		t.Errorf("another body: %d %s", a.Status, a.Body)
	}
	if a := once("a", "x", "Content-Type: text/html"); a.Status != 422 {
		t.Errorf("another type: %d %s", a.Status, a.Body)
	}
	if a := once("b", "y"); a.Status != 200 || string(a.Body) == string(first.Body) {
		t.Errorf("on another channel: %d %s", a.Status, a.Body)
	}
	if a := c.Get(t, "/channels/a"); !strings.Contains(string(a.Body), `"messages":1,`) {
		t.Errorf("%s; want one message", a.Body)
	}
	// Many at the same time: one message.
	ids := make([]string, 50)
	inParallel(t, len(ids), func(i int) error {
		c, err := harness.NewClient(s.Internal[0])
		if err != nil {
			return err
		}
		defer c.Close()
		c.Send(post("/channels/c", "x", "Idempotency-Key: k"))
		a, err := c.Read()
		if err == nil {
			ids[i] = string(a.Body)
		}
		return err
	})
	if slices.Sort(ids); ids[0] != ids[len(ids)-1] || ids[0] == "" {
		t.Errorf("answers differ: %s and %s", ids[0], ids[len(ids)-1])
	}
}

// TestChannelPages: the list of channels, what is told of one, its messages.
func TestChannelPages(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, tableConfig)
	c := s.Inside(t)
	var want []string
	for i := range 250 {
		want = append(want, fmt.Sprintf("list:%d", i))
		s.Publish(want[i], "x")
	}
	s.Publish("other", "x")
	slices.Sort(want)
	var got []string
	pages := 0
	for after := ""; ; pages++ {
		var page struct {
			Channels []struct{ Name string }
			Next     string
		}
		a := c.Get(t, "/channels?prefix=list:&limit=100&after="+url.QueryEscape(after))
		if err := json.Unmarshal(a.Body, &page); err != nil {
			t.Fatal(err)
		}
		for _, ch := range page.Channels {
			got = append(got, ch.Name)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if !slices.Equal(got, want) || pages != 2 {
		t.Errorf("%d names in %d pages", len(got), pages+1)
	}
	waiting := connect(t, s, 3)
	park(t, s, waiting, func(int) string { return get("/room/x?wait=3") })
	time.Sleep(50 * time.Millisecond)
	var info struct {
		Name              string
		Waiters, Messages int
		ID                *string
		Oldest            float64 `json:"oldest_waiter_seconds"`
	}
	a := c.Get(t, "/channels/room:x")
	if json.Unmarshal(a.Body, &info); info.Name != "room:x" || info.Waiters != 3 || info.Messages != 0 || info.ID != nil || info.Oldest < 0.05 || info.Oldest > 5 {
		t.Errorf("%s", a.Body)
	}
	p := s.Publish("room:x", "news")
	if p.Released != 3 {
		t.Errorf("released %d", p.Released)
	}
	a = c.Get(t, "/channels/room:x")
	if json.Unmarshal(a.Body, &info); info.Waiters != 0 || info.Messages != 1 || info.ID == nil || *info.ID != p.ID {
		t.Errorf("%s", a.Body)
	}
	s.Publish("room:x", "2")
	wantNews(t, c.Get(t, "/channels/room:x/messages"), nil, "news", "2")
	wantNews(t, c.Get(t, "/channels/room:x/messages?limit=1"), nil, "news")
	wantNews(t, c.Get(t, "/channels/room:x/messages?cursor="+p.ID), nil, "2")
	wantNews(t, c.Get(t, "/channels/room:x/messages?cursor=abc"), []string{"room:x"}, "news", "2")
}

// TestToken: with a token nobody gets in without it, or a JWT that it signed.
func TestToken(t *testing.T) {
	t.Parallel()
	const token = "a-secret-of-at-least-thirty-two-bytes"
	s := harness.StartWithToken(t, fmt.Sprintf("[internal]\nlisten = [\"127.0.0.1:0\"]\ndebug = true\ntoken = %q\n", token)+roomsRoutes, token)
	soon, past := time.Now().Add(time.Minute).Unix(), time.Now().Add(-time.Minute).Unix()
	valid := fmt.Sprintf(`{"iss":"app","exp":%d}`, soon)
	header := `{"alg":"HS256","typ":"JWT"}`
	for _, c := range []struct {
		name, authorization string
		status              int
	}{
		{"token", "Bearer " + token, 200}, {"token, other letters", "bearer " + token, 200},
		{"jwt", "Bearer " + signed(header, valid, token), 200},
		{"none", "", 401}, {"another", "Bearer " + token + "x", 401}, {"part", "Bearer " + token[:10], 401}, {"empty", "Bearer ", 401},
		{"other scheme", "Basic " + token, 401}, {"jwt of another", "Bearer " + signed(header, valid, "x"), 401},
		{"jwt expired", "Bearer " + signed(header, fmt.Sprintf(`{"exp":%d}`, past), token), 401},
		{"jwt for ever", "Bearer " + signed(header, `{"iss":"app"}`, token), 401},
		{"jwt not yet", "Bearer " + signed(header, fmt.Sprintf(`{"exp":%d,"nbf":%d}`, soon, soon), token), 401},
		{"jwt unsigned", "Bearer " + encode(`{"alg":"none"}`) + "." + encode(valid) + ".", 401},
		{"jwt of another kind", "Bearer " + signed(`{"alg":"HS512"}`, valid, token), 401},
		{"jwt changed", "Bearer " + strings.Replace(signed(header, valid, token), encode(valid), encode(fmt.Sprintf(`{"exp":%d}`, soon+1)), 1), 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			var lines []string
			if c.authorization != "" {
				lines = []string{"Authorization: " + c.authorization}
			}
			for _, request := range []string{post("/channels/a", "x", lines...), req("GET", "/channels", lines...), req("GET", "/debug/stats", lines...)} {
				a := s.Inside(t).Do(t, request)
				if a.Status != c.status || c.status == 401 && a.Header.Get("WWW-Authenticate") != "Bearer" {
					t.Errorf("%d %v", a.Status, a.Header)
				}
			}
		})
	}
	if a := s.Inside(t).Get(t, "/health/live"); a.Status != 200 {
		t.Errorf("health without a token: %d", a.Status)
	}
	a := s.Inside(t).Get(t, "/channels", "Authorization: Bearer "+token, "Origin: https://admin.example", "Host: admin.example")
	if a.Status != 200 {
		t.Errorf("a web page with the token: %d", a.Status)
	}
}

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// signed is a JWT, made by hand.
func signed(header, claims, key string) string {
	text := encode(header) + "." + encode(claims)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// TestListeners: several of each kind, and a socket that only its owner's group
// may use.
func TestListeners(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "comet")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "i.sock")
	s := harness.Start(t, fmt.Sprintf("[public]\nlisten = [\"127.0.0.1:0\", \"127.0.0.1:0\"]\n[internal]\nlisten = [\"unix:%s\", \"127.0.0.1:0\"]\ndebug = true\n", socket)+roomsRoutes)
	info, err := os.Stat(socket)
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("%v, %v; want mode 0660", info, err)
	}
	if len(s.Public) != 2 || len(s.Internal) != 2 {
		t.Fatalf("listeners %v %v", s.Public, s.Internal)
	}
	waiting := []*harness.Client{s.ClientTo(t, s.Public[0]), s.ClientTo(t, s.Public[1])}
	park(t, s, waiting, func(int) string { return get("/room/1?wait=20") })
	for _, address := range s.Internal {
		a := s.ClientTo(t, address).Do(t, post("/channels/room:1", "x", "Host: any.example"))
		if want := map[bool]int{true: 200, false: 403}[address == socket]; a.Status != want {
			t.Errorf("%s: %d %s; want %d", address, a.Status, a.Body, want)
		}
	}
	for _, c := range waiting {
		wantNews(t, c.Want(t, 200), nil, "x")
	}
	s.Stop()
	if _, err := os.Stat(socket); err == nil {
		t.Error("the socket is left behind")
	}
}
