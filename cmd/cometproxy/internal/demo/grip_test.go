package demo

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const gripKey = "the key of the proxy"

// gripWall is a running GripApp, and what it publishes.
type gripWall struct {
	*wall
	app       *GripApp
	published []gripItem // the app publishes with its only worker: no lock
	down      bool       // the internal listener refuses
}

func newGripWall(t *testing.T) *gripWall {
	g := &gripWall{}
	g.wall = runWall(t, func(internal string) (http.Handler, *site) {
		g.app = NewGrip(internal, gripKey)
		return g.app, &g.app.site
	})
	g.onPublish(func(rw http.ResponseWriter, r *http.Request) {
		var in struct{ Items []gripItem }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.Method != "POST" || r.URL.Path != "/publish/" {
			t.Errorf("publish: %s %s %v", r.Method, r.URL, err)
		}
		if g.down {
			http.Error(rw, "down", http.StatusServiceUnavailable)
			return
		}
		g.published = append(g.published, in.Items...)
	})
	return g
}

// news returns what was published since it was last called.
func (g *gripWall) news() []gripItem {
	items := g.published
	g.published = nil
	return items
}

func (g *gripWall) channels() (names []string) {
	for _, item := range g.news() {
		names = append(names, item.Channel)
	}
	slices.Sort(names)
	return names
}

// sign is a Grip-Sig.
func sign(method jwt.SigningMethod, key any, issuer string, expires time.Duration) string {
	claims := jwt.MapClaims{"iss": issuer}
	if expires != 0 {
		claims["exp"] = time.Now().Add(expires).Unix()
	}
	token, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		panic(err)
	}
	return token
}

// A window is a browser in which somebody has signed in.
type window struct {
	*gripWall
	cookie, id string
}

func (g *gripWall) signIn(name string) *window {
	g.Helper()
	resp, body := g.do("POST", "/signin", url.Values{"name": {name}}.Encode(), "Content-Type", form)
	if resp.StatusCode != 303 {
		g.Fatalf("%s %s", resp.Status, body)
	}
	cookie, _, _ := strings.Cut(resp.Header.Get("Set-Cookie"), ";")
	return &window{g, cookie, g.app.people[len(g.app.people)-1].ID}
}

func (w *window) send(method, path, body string, header ...string) (*http.Response, string) {
	w.Helper()
	return w.do(method, path, body, append(header, "Cookie", w.cookie,
		"Grip-Sig", sign(jwt.SigningMethodHS256, []byte(gripKey), "cometproxy", time.Hour))...)
}

func (w *window) postTo(text string, to ...string) (*http.Response, string) {
	w.Helper()
	body, _ := json.Marshal(map[string]any{"text": text, "to": to})
	return w.send("POST", "/statuses", string(body), "Content-Type", "application/json")
}

// texts are those of the statuses that a GET brings, newest first; held tells
// whether the proxy is told to hold the request.
func (w *window) texts(path string) (texts []string, id string, held bool) {
	w.Helper()
	resp, body := w.send("GET", path, "")
	var news listing
	if err := json.Unmarshal([]byte(body), &news); err != nil || resp.StatusCode != 200 {
		w.Fatalf("%s: %s %s", path, resp.Status, body)
	}
	for _, s := range news.Statuses {
		texts = append(texts, s.Text)
	}
	return texts, news.ID, resp.Header.Get("Grip-Hold") != ""
}

func TestPollIsHeld(t *testing.T) {
	g := newGripWall(t)
	ann := g.signIn("Ann")
	for _, path := range []string{"/updates", "/updates?after=", "/updates?after=unknown"} {
		resp, body := ann.send("GET", path, "")
		got := []string{}
		for _, name := range []string{"Grip-Hold", "Grip-Channel", "Grip-Timeout", "Content-Type", "Cache-Control"} {
			got = append(got, resp.Header.Get(name))
		}
		want := []string{"response", "wall, person-" + ann.id, "25", "application/json", "no-store"}
		if resp.StatusCode != 200 || !slices.Equal(got, want) {
			t.Errorf("%s: %s %q; want %q", path, resp.Status, got, want)
		}
		if want := `{"statuses":[],"id":"","people":[{"id":"` + ann.id + `","name":"Ann"}]}` + "\n"; body != want {
			t.Errorf("%s: timeout answer %s; want %s", path, body, want)
		}
	}
}

func TestPollIsAnswered(t *testing.T) {
	g := newGripWall(t)
	ann, bob := g.signIn("Ann"), g.signIn("Bob")
	ann.postTo("one", everybody)
	_, id, _ := bob.texts("/statuses")
	ann.postTo("two", everybody)
	ann.postTo("three", bob.id)
	for path, want := range map[string][]string{
		"/statuses":              {"three", "two", "one"},
		"/updates?after=" + id:   {"three", "two"},
		"/updates?after=":        {"three", "two", "one"},
		"/updates?after=unknown": {"three", "two", "one"}, // forgotten, or from before a restart
		"/updates":               nil,                     // from now on
	} {
		texts, newest, held := bob.texts(path)
		if !slices.Equal(texts, want) || held != (want == nil) || (newest == "") != (want == nil) {
			t.Errorf("%s: %q, id %q, held %v; want %q", path, texts, newest, held, want)
		}
	}
	_, id, _ = bob.texts("/statuses")
	if texts, _, held := bob.texts("/updates?after=" + id); texts != nil || !held {
		t.Errorf("with all there is: %q, held %v", texts, held)
	}
}

func TestForSomePeople(t *testing.T) {
	g := newGripWall(t)
	ann, bob, cy := g.signIn("Ann"), g.signIn("Bob"), g.signIn("Cy")
	g.news()

	resp, body := ann.postTo("for everybody", everybody)
	if items := g.news(); resp.StatusCode != 201 || len(items) != 1 || items[0].Channel != "wall" {
		t.Errorf("%s %s, published %+v", resp.Status, body, items)
	}
	_, seen, _ := cy.texts("/statuses")

	resp, body = ann.postTo("for <Bob>", bob.id, bob.id)
	var s status
	if err := json.Unmarshal([]byte(body), &s); err != nil || resp.StatusCode != 201 || !slices.Equal(s.To, []string{"Bob"}) {
		t.Fatalf("%s %s", resp.Status, body)
	}
	items := g.news()
	slices.SortFunc(items, func(a, b gripItem) int { return strings.Compare(a.Channel, b.Channel) })
	want := []string{"person-" + ann.id, "person-" + bob.id}
	slices.Sort(want)
	if len(items) != 2 {
		t.Fatalf("published %+v", items)
	}
	for i, item := range items {
		var news listing
		r := item.Formats.Response
		if err := json.Unmarshal([]byte(r.Body), &news); err != nil || item.Channel != want[i] || item.ID != s.ID ||
			r.Code != 200 || r.Headers["Content-Type"] != "application/json" ||
			len(news.Statuses) != 1 || !reflect.DeepEqual(news.Statuses[0], s) || news.ID != s.ID {
			t.Errorf("published %+v (%v); want %s", item, err, want[i])
		}
	}

	for _, w := range []*window{ann, bob} {
		texts, _, _ := w.texts("/updates?after=" + seen)
		_, page := w.send("GET", "/", "")
		if !slices.Equal(texts, []string{"for <Bob>"}) || !strings.Contains(page, "for &lt;Bob&gt;") || !strings.Contains(page, ">to Bob</span>") {
			t.Errorf("one who may see it gets %q and %s", texts, page)
		}
	}
	// A person not allowed gets nothing, on no way: not even that there is something.
	if texts, id, _ := cy.texts("/statuses"); !slices.Equal(texts, []string{"for everybody"}) || id != seen {
		t.Errorf("Cy gets %q, id %q", texts, id)
	}
	if texts, _, held := cy.texts("/updates?after=" + seen); texts != nil || !held {
		t.Errorf("Cy's poll gets %q, held %v", texts, held)
	}
	if texts, _, _ := cy.texts("/updates?after=" + s.ID); texts != nil {
		t.Errorf("Cy's poll gets %q when it names the status", texts)
	}
	if _, page := cy.send("GET", "/", ""); strings.Contains(page, "for &lt;Bob") || !strings.Contains(page, "for everybody") {
		t.Errorf("Cy's page: %s", page)
	}
	if resp, _ := cy.send("GET", "/updates", ""); strings.Contains(resp.Header.Get("Grip-Channel"), bob.id) {
		t.Errorf("Cy's poll is held on %s", resp.Header.Get("Grip-Channel"))
	}
}

func TestPollIsRefused(t *testing.T) {
	g := newGripWall(t)
	ann := g.signIn("Ann")
	ann.postTo("secret", everybody)
	key := []byte(gripKey)
	good := sign(jwt.SigningMethodHS256, key, "cometproxy", time.Hour)
	for name, c := range map[string]struct {
		cookie, sig string
		want        int
	}{
		"signed and known": {ann.cookie, good, 200},
		"nobody":           {"", good, 401},
		"no such session":  {sessionCookie + "=x", good, 401},
		"id for session":   {sessionCookie + "=" + ann.id, good, 401},
		"not signed":       {ann.cookie, "", 403},
		"no token":         {ann.cookie, "x.y.z", 403},
		"other key":        {ann.cookie, sign(jwt.SigningMethodHS256, []byte("other"), "cometproxy", time.Hour), 403},
		"other method":     {ann.cookie, sign(jwt.SigningMethodHS512, key, "cometproxy", time.Hour), 403},
		"no method":        {ann.cookie, sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "cometproxy", time.Hour), 403},
		"other issuer":     {ann.cookie, sign(jwt.SigningMethodHS256, key, "pushpin", time.Hour), 403},
		"too late":         {ann.cookie, sign(jwt.SigningMethodHS256, key, "cometproxy", -time.Hour), 403},
		"for ever":         {ann.cookie, sign(jwt.SigningMethodHS256, key, "cometproxy", 0), 403},
	} {
		resp, body := g.do("GET", "/updates", "", "Cookie", c.cookie, "Grip-Sig", c.sig)
		isProblem := resp.Header.Get("Content-Type") == "application/problem+json"
		held := resp.Header.Get("Grip-Hold") != "" || resp.Header.Get("Grip-Channel") != ""
		if resp.StatusCode != c.want || isProblem != (c.want != 200) || held != (c.want == 200) {
			t.Errorf("%s: %s %v %s; want %d", name, resp.Status, resp.Header, body, c.want)
		}
	}
	// Whoever is not signed in sees nothing anywhere, and posts nothing.
	if resp, body := g.do("GET", "/statuses", ""); resp.StatusCode != 401 || strings.Contains(body, "secret") {
		t.Errorf("list: %s %s", resp.Status, body)
	}
	if _, body := g.do("GET", "/", ""); strings.Contains(body, "secret") || strings.Contains(body, "Ann") || !strings.Contains(body, `action="/signin"`) {
		t.Errorf("page: %s", body)
	}
	if resp, body := g.do("POST", "/statuses", `{"name":"Ann","text":"x","to":["everybody"]}`, "Content-Type", "application/json"); resp.StatusCode != 401 {
		t.Errorf("post: %s %s", resp.Status, body)
	}
	if resp, body := g.do("POST", "/statuses", "text=x&to=everybody", "Content-Type", form); resp.StatusCode != 401 || !strings.Contains(body, "You are signed out.") {
		t.Errorf("form: %s %s", resp.Status, body)
	}
	if len(g.app.statuses) != 1 {
		t.Errorf("stored %+v", g.app.statuses)
	}
}

// TestPublishedLater: what could not be published goes before what comes next, so
// that a page's newest status stands for all older ones.
func TestPublishedLater(t *testing.T) {
	g := newGripWall(t)
	ann, bob := g.signIn("Ann"), g.signIn("Bob")
	ann.postTo("one", everybody)
	_, id, _ := bob.texts("/statuses")
	g.news()
	g.down = true
	for _, text := range []string{"two", "three"} {
		if resp, body := ann.postTo(text, bob.id); resp.StatusCode != 201 {
			t.Errorf("%s %s", resp.Status, body)
		}
	}
	if texts, _, _ := bob.texts("/updates?after=" + id); !slices.Equal(texts, []string{"three", "two"}) || g.logged.Load() != 2 {
		t.Errorf("a poll gets %q; %d lines logged", texts, g.logged.Load())
	}
	g.down = false
	ann.postTo("four", everybody)
	var got []string
	for _, item := range g.news() {
		if item.Channel != "person-"+ann.id {
			got = append(got, item.Channel+" "+regexp.MustCompile(`"text":"(\w+)"`).FindStringSubmatch(item.Formats.Response.Body)[1])
		}
	}
	if want := []string{"person-" + bob.id + " two", "person-" + bob.id + " three", "wall four"}; !slices.Equal(got, want) {
		t.Errorf("published %q; want %q", got, want)
	}
}

// TestForWhom: nothing that is meant for some people ends up with everybody.
func TestForWhom(t *testing.T) {
	g := newGripWall(t)
	ann, bob, cy := g.signIn("Ann"), g.signIn("Bob"), g.signIn("Cy")
	cy.send("POST", "/signout", "")
	g.news()
	for name, c := range map[string]struct {
		to   []string
		want string
	}{
		"nobody":         {nil, "choose for whom"},
		"a name":         {[]string{"Bob"}, "signed out"},
		"one who left":   {[]string{bob.id, cy.id}, "signed out"},
		"all and one":    {[]string{everybody, bob.id}, "either everybody or some"},
		"empty":          {[]string{""}, "signed out"},
		"everybody else": {[]string{"EVERYBODY"}, "signed out"},
	} {
		if resp, body := ann.postTo("x", c.to...); resp.StatusCode != 400 || !strings.Contains(body, c.want) {
			t.Errorf("%s: %s %s; want %q", name, resp.Status, body, c.want)
		}
		// As a form it comes back, and everybody is chosen only if that was chosen.
		resp, body := ann.send("POST", "/statuses", url.Values{"text": {"keep"}, "to": c.to}.Encode(), "Content-Type", form)
		if resp.StatusCode != 400 || !strings.Contains(body, ">keep</textarea>") ||
			strings.Contains(body, `value="everybody" checked`) != slices.Contains(c.to, everybody) ||
			strings.Contains(body, `value="`+bob.id+`" checked`) != slices.Contains(c.to, bob.id) {
			t.Errorf("%s: %s %s", name, resp.Status, body)
		}
	}
	if len(g.app.statuses)+len(g.published) > 0 {
		t.Errorf("stored %+v, published %+v", g.app.statuses, g.published)
	}
	if resp, body := ann.postTo("note to myself", ann.id); resp.StatusCode != 201 || !strings.Contains(body, `"to":["Ann"]`) {
		t.Errorf("%s %s", resp.Status, body)
	}
	if got := g.channels(); !slices.Equal(got, []string{"person-" + ann.id}) {
		t.Errorf("published on %q", got)
	}
	if resp, _ := ann.send("POST", "/statuses", "text=hi&to=everybody", "Content-Type", form); resp.StatusCode != 303 || resp.Header.Get("Location") != "/" {
		t.Errorf("form: %s", resp.Status)
	}
}

func TestSignIn(t *testing.T) {
	g := newGripWall(t)
	resp, _ := g.do("POST", "/signin", "name=+Ann++B.+", "Content-Type", form)
	cookie, err := http.ParseSetCookie(resp.Header.Get("Set-Cookie"))
	if err != nil || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || len(cookie.Value) < 26 ||
		resp.StatusCode != 303 || resp.Header.Get("Location") != "/" {
		t.Fatalf("%s %v (%v)", resp.Status, resp.Header, err)
	}
	ann := &window{g, cookie.Name + "=" + cookie.Value, g.app.people[0].ID}
	if items := g.news(); len(items) != 1 || items[0].Channel != "wall" ||
		!strings.Contains(items[0].Formats.Response.Body, `"people":[{"id":"`+ann.id+`","name":"Ann B."}]`) {
		t.Errorf("published %+v", items)
	}
	if ann.id == cookie.Value {
		t.Error("the id, which others know, is the session's secret")
	}
	for name, c := range map[string]struct {
		name string
		code int
		want string
	}{
		"taken":     {"ann b.", 409, "signed in as Ann B."},
		"none":      {" ", 400, "give a name"},
		"long":      {strings.Repeat("é", 41), 400, "40 characters"},
		"not UTF-8": {"\xff", 400, "UTF-8"},
		"control":   {"a\x00b", 400, "control"},
		"reserved":  {"Everybody", 409, "another name"},
	} {
		resp, body := g.do("POST", "/signin", url.Values{"name": {c.name}}.Encode(), "Content-Type", form)
		if resp.StatusCode != c.code || !strings.Contains(body, c.want) || resp.Header.Get("Set-Cookie") != "" || !strings.Contains(body, `action="/signin"`) {
			t.Errorf("%s: %s %s", name, resp.Status, body)
		}
	}
	g.news()

	resp, _ = ann.send("POST", "/signout", "", "Content-Type", form)
	if resp.StatusCode != 303 || !strings.Contains(resp.Header.Get("Set-Cookie"), sessionCookie+"=; Path=/; Max-Age=0") {
		t.Errorf("%s %v", resp.Status, resp.Header)
	}
	items := g.news()
	if len(items) != 2 || items[0].Channel != "person-"+ann.id || items[0].Formats.Response.Code != 401 || items[1].Channel != "wall" {
		t.Errorf("published %+v", items)
	}
	if resp, _ := ann.send("GET", "/updates", ""); resp.StatusCode != 401 {
		t.Errorf("after signing out: %s", resp.Status)
	}
	if again := g.signIn("Ann B."); again.id == ann.id || again.cookie == ann.cookie {
		t.Error("a name leads to the same person again")
	}
}

func TestSessionsExpire(t *testing.T) {
	var list people
	began := time.Now()
	ann, err := list.signIn("Ann", began)
	if err != nil {
		t.Fatal(err)
	}
	r := &http.Request{Header: http.Header{"Cookie": {sessionCookie + "=" + ann.session}}}
	at := began
	for range 3 {
		at = at.Add(sessionAge - time.Second)
		if list.of(r, at) != ann {
			t.Fatal("a session that is used has ended")
		}
	}
	if list.of(r, at.Add(sessionAge)) != nil || len(list) != 0 {
		t.Error("a session that is not used goes on")
	}
	for i := range maxPeople {
		if _, err := list.signIn(fmt.Sprint(i), at); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := list.signIn("one more", at); err == nil {
		t.Error("there is no bound")
	}
}

func TestGripRefused(t *testing.T) {
	g := newGripWall(t)
	ann := g.signIn("Ann")
	g.news()
	for _, c := range []struct {
		method, path string
		header       [2]string
		want         int
	}{
		{"POST", "/statuses", [2]string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"POST", "/signin", [2]string{"Origin", "http://evil.example"}, 403},
		{"POST", "/signout", [2]string{"Sec-Fetch-Site", "same-site"}, 403},
		{"POST", "/", [2]string{"X", ""}, 405},
		{"POST", "/updates", [2]string{"X", ""}, 405},
		{"DELETE", "/statuses", [2]string{"X", ""}, 405},
		{"GET", "/signin", [2]string{"X", ""}, 405},
		{"GET", "/signout", [2]string{"X", ""}, 405},
		{"GET", "/events/wall", [2]string{"X", ""}, 404},
	} {
		resp, body := ann.send(c.method, c.path, "name=x&text=x&to=everybody", "Content-Type", form, c.header[0], c.header[1])
		if resp.StatusCode != c.want || (c.want == 405) != (resp.Header.Get("Allow") != "") {
			t.Errorf("%s %s: %s %s; want %d", c.method, c.path, resp.Status, body, c.want)
		}
	}
	if len(g.app.people) != 1 || len(g.app.statuses)+len(g.published) > 0 {
		t.Errorf("%d people, stored %v, published %v", len(g.app.people), g.app.statuses, g.published)
	}
}

func TestGripPage(t *testing.T) {
	g := newGripWall(t)
	eve := g.signIn(`<b>"Eve"</b>`)
	ann := g.signIn("Ann")
	eve.postTo(`<script>alert(1)</script>`, ann.id)
	resp, body := ann.send("GET", "/", "")
	for _, want := range []string{
		`&lt;script&gt;alert(1)&lt;/script&gt;`,
		`value="everybody" checked`,
		`value="` + eve.id + `"><span dir="auto">&lt;b&gt;&#34;Eve&#34;&lt;/b&gt;</span>`,
		`data-me="` + ann.id + `"`,
		"The poll loop",
		"follow('/updates', {show, signedOut, state});",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("page lacks %s", want)
		}
	}
	if strings.Count(body, "async function follow(") != 1 || strings.Contains(body, "/events/wall") || strings.Contains(body, "ZgotmplZ") {
		t.Error("the page has the other page's script, too, or is not escaped")
	}
	if strings.Contains(body, strings.SplitN(ann.cookie, "=", 2)[1]) || strings.Contains(body, `value="`+ann.id) {
		t.Error("the page has the session in it, or offers its own reader")
	}
	checkPolicy(t, resp, body)
	resp, body = g.do("GET", "/", "")
	if strings.Contains(body, "<script") || resp.StatusCode != 200 || !strings.Contains(body, "no password") {
		t.Errorf("the form to sign in: %s %s", resp.Status, body)
	}
}

func TestGripBanner(t *testing.T) {
	got := GripBanner("http://127.0.0.1:8000/", "http://127.0.0.1:5561")
	for _, want := range []string{
		"\n      http://127.0.0.1:8000/\n",
		"curl -i 'http://127.0.0.1:8000/updates'\n",
		"'http://127.0.0.1:5561/publish/'\n",
		"private window",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("banner lacks %q:\n%s", want, got)
		}
	}
}
