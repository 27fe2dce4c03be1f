package test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

// A pageAnswer is what /admin/live says, as far as it is tested here.
type pageAnswer struct {
	Cursor   string
	Reset    bool
	Samples  []struct{ Parked int }
	Serving  bool
	ReadOnly bool `json:"read_only"`
	Figures  struct{ Parked, Connections, Pages int }
	Backends []struct {
		Name    string
		Servers []struct {
			Address string
			In      bool
		}
	}
	Channels struct {
		Rows []struct {
			Name     string
			Waiters  int
			Messages int
		}
		All int
	}
	Channel *struct {
		Waiters  int
		Waiting  []struct{ Address, Forwarded, Route string }
		Messages int
		Kept     []struct {
			Text, Type  string
			Size        int
			Binary, Cut bool
		}
	}
}

func live(t *testing.T, c *harness.Client, query string, lines ...string) (p pageAnswer) {
	t.Helper()
	a := c.Get(t, "/admin/live?"+query, lines...)
	if a.Status != 200 || a.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v %s", a.Status, a.Header, a.Body)
	}
	if err := json.Unmarshal(a.Body, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestPageAnswers: what the page for operators is made of, as browsers and others ask
// for it.
func TestPageAnswers(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, tableConfig)
	host := s.Internal[0]
	own, problem := "Origin: http://"+host, map[string]string{"Content-Type": problemType}
	secured := func(kind string) map[string]string {
		return map[string]string{"Content-Type": kind, "Content-Security-Policy": "~default-src 'none'; script-src 'self';", "X-Content-Type-Options": "nosniff",
			"Referrer-Policy": "no-referrer", "Set-Cookie": ""}
	}
	withHost := func(request, name string) string {
		head, rest, _ := strings.Cut(request, "Host: ")
		_, rest, _ = strings.Cut(rest, "\r\n")
		return head + "Host: " + name + "\r\n" + rest
	}
	checkRows(t, s, host, nil, []row{
		{name: "page", request: req("GET", "/"), status: 200, header: secured("text/html; charset=utf-8"), body: "~<title>cometproxy</title>"},
		{name: "page by a link", request: req("GET", "/", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"), status: 200},
		{name: "page, query", request: req("GET", "/?x=1"), status: 200},
		{name: "head of it", request: req("HEAD", "/"), status: 200},
		{name: "style", request: req("GET", "/page/page.css"), status: 200, header: secured("text/css; charset=utf-8")},
		{name: "script", request: req("GET", "/page/page.js"), status: 200, header: secured("text/javascript; charset=utf-8")},
		{name: "no file", request: req("GET", "/page/../../etc/passwd"), status: 404, header: problem},
		{name: "posted", request: post("/", "x"), status: 405, header: map[string]string{"Allow": "GET"}},
		{name: "live", request: req("GET", "/admin/live", "Sec-Fetch-Site: same-origin"), status: 200, header: secured("application/json"), body: `~"samples":[{`},
		{name: "bad sort", request: req("GET", "/admin/live?sort=x"), status: 400, header: problem},
		{name: "live, posted", request: post("/admin/live", "x"), status: 405},
		{name: "config", request: req("GET", "/admin/config"), status: 200, header: secured("application/json"), body: `~[internal]`},
		{name: "nothing", request: req("GET", "/admin/x"), status: 404, header: problem},
		{name: "live for another site", request: req("GET", "/admin/live", "Sec-Fetch-Site: cross-site"), status: 403, header: problem},
		{name: "live for another port", request: req("GET", "/admin/live", "Sec-Fetch-Site: same-site"), status: 403, header: problem},
		{name: "live by another name", request: withHost(req("GET", "/admin/live"), "evil.example"), status: 403, header: problem},
		{name: "published by the page", request: withHost(post("/channels/page", "x", own, "Sec-Fetch-Site: same-origin"), host), status: 200},
		{name: "deleted by the page", request: withHost(req("DELETE", "/channels/page", own), host), status: 200},
		{name: "published by another port", request: withHost(post("/channels/bad", "x", "Origin: http://127.0.0.1:1", "Sec-Fetch-Site: same-site"), host), status: 403},
		{name: "published by another name", request: withHost(post("/channels/bad", "x", "Origin: http://evil.example"), "evil.example"), status: 403},
		{name: "published by https", request: withHost(post("/channels/bad", "x", "Origin: https://"+host), host), status: 403},
		{name: "published by two", request: withHost(post("/channels/bad", "x", own, "Origin: http://a.example"), host), status: 403},
	})
	if a := s.Inside(t).Get(t, "/channels?prefix=bad"); strings.Contains(string(a.Body), "name") {
		t.Errorf("something was published that was refused: %s", a.Body)
	}
}

// TestPageLive: what waits and what is kept is told, within bounds, and a page that
// waits is no client.
func TestPageLive(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, roomsConfig+"[access_log]\noutput = \"stdout\"\n")
	for i := range 60 {
		c := s.Client(t)
		c.SendGet(fmt.Sprintf("/poll/1/%d/x?wait=30", i), "X-Forwarded-For: 192.0.2.7")
	}
	s.AwaitParked(60, harness.Patience)
	for i := range 30 {
		s.Publish("kept", fmt.Sprintf("%d ", i)+strings.Repeat("é", 2000))
	}
	hostile := `"><script>alert(1)</script>` + "\u202e"
	s.Publish(hostile, "<b>")
	inside := s.Inside(t)
	first := live(t, inside, "channel=room:1")
	if !first.Reset || !first.Serving || first.ReadOnly || first.Figures.Parked != 60 || first.Figures.Connections != 60 || len(first.Samples) == 0 {
		t.Errorf("%+v", first)
	}
	if c := first.Channel; c == nil || c.Waiters != 60 || len(c.Waiting) != 50 || !strings.HasPrefix(c.Waiting[0].Address, "127.0.0.1:") || c.Waiting[0].Route == "" || c.Waiting[0].Forwarded != "192.0.2.7" {
		t.Errorf("who waits: %+v", c)
	}
	kept := live(t, inside, "channel=kept&wait=0&cursor="+first.Cursor).Channel
	if kept.Messages != 30 || len(kept.Kept) != 20 || !strings.HasPrefix(kept.Kept[0].Text, "29 é") || !kept.Kept[0].Cut || kept.Kept[0].Size != 4003 || len(kept.Kept[0].Text) > 2048 {
		t.Errorf("kept: %d, %d of them, %.40q", kept.Messages, len(kept.Kept), kept.Kept[0].Text)
	}
	if found := live(t, inside, "search=SCRIPT&wait=0&cursor="+first.Cursor).Channels; found.All != 1 || found.Rows[0].Name != hostile {
		t.Errorf("found %+v", found)
	}
	if c := live(t, inside, "channel="+url.QueryEscape(hostile)+"&wait=0&cursor="+first.Cursor).Channel; len(c.Kept) != 1 || c.Kept[0].Text != "<b>" {
		t.Errorf("%+v", c)
	}
	if sorted := live(t, inside, "sort=messages&limit=1&wait=0&cursor="+first.Cursor).Channels; len(sorted.Rows) != 1 || sorted.Rows[0].Name != "kept" || sorted.All < 3 {
		t.Errorf("sorted: %+v", sorted)
	}
	// A wait ends with the next figures, and a publish ends it sooner.
	at := live(t, inside, "wait=0&cursor="+first.Cursor)
	begin := time.Now()
	next := live(t, inside, "cursor="+at.Cursor)
	if took := time.Since(begin); took > 2*time.Second || len(next.Samples) != 1 || next.Reset || next.Figures.Parked != 60 {
		t.Errorf("after %s: %+v", took, next)
	}
	if st := s.Stats(); st.Channels.Waiting != 60 {
		t.Errorf("%d wait", st.Channels.Waiting)
	}
}

// TestPageModes: a page that only reads, none, and one with a token, each by a reload.
func TestPageModes(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, roomsConfig)
	write := func(lines ...string) int { return s.Inside(t).Do(t, post("/channels/a", "x", lines...)).Status }
	const listen = "[internal]\nlisten = [\"127.0.0.1:0\"]\ndebug = true\n" // the same listener
	own := "Origin: http://" + s.Internal[0]
	if !s.Reload(listen + "page = \"read_only\"\n" + roomsConfig) {
		t.Fatal("not reloaded")
	}
	if p := live(t, s.Inside(t), ""); !p.ReadOnly {
		t.Error("it does not say that it only reads")
	}
	if browser, app := write(own, "Host: "+s.Internal[0]), write(); browser != 403 || app != 200 {
		t.Errorf("read only: a browser gets %d, an app %d", browser, app)
	}
	if !s.Reload(listen + "page = \"off\"\n" + roomsConfig) {
		t.Fatal("not reloaded")
	}
	for _, target := range []string{"/", "/page/page.js", "/admin/live"} {
		if a := s.Inside(t).Get(t, target); a.Status != 404 {
			t.Errorf("%s of a page that is off: %d", target, a.Status)
		}
	}
	const token = "a-token-of-enough-characters"
	if !s.Reload(listen + "token = \"" + token + "\"\n" + roomsConfig) {
		t.Fatal("not reloaded")
	}
	s.Token = token
	if a := s.Inside(t).Get(t, "/"); a.Status != 200 || strings.Contains(string(a.Body), token) {
		t.Errorf("the page without a token: %d", a.Status)
	}
	for _, target := range []string{"/admin/live", "/admin/config"} {
		if a := s.Inside(t).Get(t, target); a.Status != 401 {
			t.Errorf("%s without a token: %d", target, a.Status)
		}
	}
	if a := s.Inside(t).Get(t, "/admin/config", "Authorization: Bearer "+token); a.Status != 200 || strings.Contains(string(a.Body), token) || !strings.Contains(string(a.Body), "(hidden)") {
		t.Errorf("the configuration: %d %s", a.Status, a.Body)
	}
}

// TestPageSeesTheEnd: a page that waits sees a drain, and is answered at its end.
func TestPageSeesTheEnd(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, roomsConfig+"[shutdown]\ndrain = \"2s\"\n")
	s.ClientsStay = true
	for i := range 300 {
		s.Client(t).SendGet(fmt.Sprintf("/poll/1/%d/x?wait=60", i))
	}
	s.AwaitParked(300, harness.Patience)
	page := s.Inside(t)
	at := live(t, page, "")
	s.Signal(syscall.SIGTERM)
	seen := false
	for begin := time.Now(); ; {
		if page.SendGet("/admin/live?cursor="+at.Cursor) != nil {
			break
		}
		a, err := page.Read()
		if err != nil {
			break // the process has ended
		}
		if err := json.Unmarshal(a.Body, &at); err != nil || a.Status != 200 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		seen = seen || !at.Serving && at.Figures.Parked > 0 && at.Figures.Parked < 300
		if time.Since(begin) > harness.Patience {
			t.Fatal("it does not end")
		}
		if a.Header.Get("Connection") == "close" {
			break
		}
	}
	if !seen {
		t.Error("the page has not seen the drain")
	}
	if code, err := s.Exit(harness.Patience); err != nil || code != 0 {
		t.Errorf("exit code %d, %v", code, err)
	}
}
