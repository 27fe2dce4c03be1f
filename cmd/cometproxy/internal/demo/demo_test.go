package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// wall is a running app and the internal listener that it publishes to.
type wall struct {
	*testing.T
	app     *site
	url     string
	publish atomic.Pointer[http.HandlerFunc] // what the listener does; nil: 200
	logged  atomic.Int32
}

func newWall(t *testing.T) *wall {
	return runWall(t, func(internal string) (http.Handler, *site) {
		app := New(internal)
		return app, &app.site
	})
}

// runWall runs the app that is made with the URL of the internal listener.
func runWall(t *testing.T, newApp func(internal string) (http.Handler, *site)) *wall {
	w := &wall{T: t}
	internal := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if f := w.publish.Load(); f != nil {
			(*f)(rw, r)
		}
	}))
	t.Cleanup(internal.Close)
	var handler http.Handler
	handler, w.app = newApp(internal.URL + "/")
	w.app.Logf = func(format string, args ...any) {
		if line := fmt.Sprintf(format, args...); strings.Contains(line, "\n") {
			t.Errorf("more than one line logged: %q", line)
		}
		w.logged.Add(1)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

func (w *wall) onPublish(f http.HandlerFunc) { w.publish.Store(&f) }

// do sends a request and returns the answer with its body. Redirects are not
// followed. Header is a list of names and values.
func (w *wall) do(method, path, body string, header ...string) (*http.Response, string) {
	w.Helper()
	req, err := http.NewRequest(method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		w.Error(err)
		return &http.Response{}, ""
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.Error(err)
	}
	return resp, string(b)
}

func (w *wall) post(name, text string) (*http.Response, string) {
	w.Helper()
	body, _ := json.Marshal(map[string]string{"name": name, "text": text})
	return w.do("POST", "/statuses", string(body), "Content-Type", "application/json")
}

func (w *wall) list() (statuses []status, id string) {
	w.Helper()
	_, body := w.do("GET", "/statuses", "")
	var list struct {
		Statuses []status
		ID       string
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		w.Fatalf("%v in %q", err, body)
	}
	return list.Statuses, list.ID
}

const form = "application/x-www-form-urlencoded"

func TestPostIsStoredThenPublished(t *testing.T) {
	w := newWall(t)
	published := make(chan status, 1)
	w.onPublish(func(_ http.ResponseWriter, r *http.Request) {
		var s status
		if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
			t.Error(err)
		}
		// The one worker is busy with this publish, so its store may be read.
		if n := len(w.app.statuses); n != 1 || w.app.statuses[n-1].ID != s.ID {
			t.Errorf("published before it was stored: %v", w.app.statuses)
		}
		if r.Method != "POST" || r.URL.Path != "/channels/wall" || r.Header.Get("Content-Type") != "application/json" ||
			r.Header.Get("Idempotency-Key") != s.ID {
			t.Errorf("publish: %s %s %v", r.Method, r.URL, r.Header)
		}
		published <- s
	})

	resp, body := w.post("  Ada \t L. ", "first\r\nline two  ")
	if resp.StatusCode != 201 || resp.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%s %v %s", resp.Status, resp.Header, body)
	}
	var got status
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if got.ID == "" || got.Name != "Ada L." || got.Text != "first\nline two" || time.Since(got.Time) > time.Minute {
		t.Errorf("got %+v", got)
	}
	if s := <-published; !reflect.DeepEqual(s, got) {
		t.Errorf("published %+v, answered %+v", s, got)
	}
	if list, id := w.list(); len(list) != 1 || !reflect.DeepEqual(list[0], got) || id != got.ID {
		t.Errorf("listed %+v, id %q", list, id)
	}
}

func TestFormWithoutScript(t *testing.T) {
	w := newWall(t)
	resp, _ := w.do("POST", "/statuses", url.Values{"name": {"Ada"}, "text": {"hi"}}.Encode(), "Content-Type", form)
	if resp.StatusCode != 303 || resp.Header.Get("Location") != "/" {
		t.Errorf("%s, Location %q", resp.Status, resp.Header.Get("Location"))
	}
	// One that is refused comes back with what was typed.
	resp, body := w.do("POST", "/statuses", url.Values{"name": {""}, "text": {"keep <this>"}}.Encode(), "Content-Type", form)
	if resp.StatusCode != 400 || !strings.Contains(body, "Please give a name.") || !strings.Contains(body, ">keep &lt;this&gt;</textarea>") {
		t.Errorf("%s %s", resp.Status, body)
	}
}

func TestRefused(t *testing.T) {
	const asJSON = "application/json"
	long := strings.Repeat("é", 281)
	for name, c := range map[string]struct {
		method, path, kind, body string
		header                   [2]string
		want                     int
		detail                   string
	}{
		"no name":       {"POST", "/statuses", asJSON, `{"text":"x"}`, [2]string{}, 400, "give a name"},
		"blank text":    {"POST", "/statuses", asJSON, `{"name":"a","text":" \n"}`, [2]string{}, 400, "write something"},
		"long name":     {"POST", "/statuses", asJSON, `{"name":"` + long[:82] + `","text":"x"}`, [2]string{}, 400, "40 characters"},
		"long text":     {"POST", "/statuses", asJSON, `{"name":"a","text":"` + long + `"}`, [2]string{}, 400, "280 characters"},
		"control":       {"POST", "/statuses", asJSON, `{"name":"a","text":"\u0000"}`, [2]string{}, 400, "control"},
		"not JSON":      {"POST", "/statuses", asJSON, `name=a`, [2]string{}, 400, "not JSON"},
		"number":        {"POST", "/statuses", asJSON, `{"name":1}`, [2]string{}, 400, "not JSON"},
		"not UTF-8":     {"POST", "/statuses", form, `name=%ff&text=x`, [2]string{"Accept", asJSON}, 400, "UTF-8"},
		"bad form":      {"POST", "/statuses", form, `name=%zz`, [2]string{"Accept", asJSON}, 400, "form"},
		"other type":    {"POST", "/statuses", "text/plain", "x", [2]string{}, 415, "application/json"},
		"huge":          {"POST", "/statuses", asJSON, strings.Repeat(" ", maxBody+1), [2]string{}, 413, "larger"},
		"cross-site":    {"POST", "/statuses", asJSON, `{"name":"a","text":"x"}`, [2]string{"Sec-Fetch-Site", "cross-site"}, 403, "own page"},
		"same-site":     {"POST", "/statuses", form, `name=a&text=x`, [2]string{"Sec-Fetch-Site", "same-site"}, 403, "own page"},
		"other origin":  {"POST", "/statuses", form, `name=a&text=x`, [2]string{"Origin", "http://evil.example"}, 403, "own page"},
		"other method":  {"DELETE", "/statuses", "", "", [2]string{}, 405, "GET, HEAD, POST"},
		"post to page":  {"POST", "/", form, "", [2]string{}, 405, "GET, HEAD"},
		"other path":    {"GET", "/nowhere", "", "", [2]string{}, 404, "/statuses"},
		"not the proxy": {"GET", "/events/wall", "", "", [2]string{}, 404, "/statuses"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWall(t)
			w.onPublish(func(http.ResponseWriter, *http.Request) { t.Error("published") })
			header := []string{"Content-Type", c.kind}
			if c.header[0] != "" {
				header = append(header, c.header[:]...)
			}
			resp, body := w.do(c.method, c.path, c.body, header...)
			var p struct {
				Status int
				Detail string
			}
			if err := json.Unmarshal([]byte(body), &p); err != nil {
				t.Fatalf("%v in %q", err, body)
			}
			if resp.StatusCode != c.want || p.Status != c.want || !strings.Contains(p.Detail, c.detail) ||
				resp.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s %s, want %d and %q", resp.Status, body, c.want, c.detail)
			}
			if (c.want == 405) != (resp.Header.Get("Allow") != "") {
				t.Errorf("Allow: %q", resp.Header.Get("Allow"))
			}
			if list, _ := w.list(); len(list) > 0 {
				t.Errorf("stored %v", list)
			}
		})
	}
}

func TestSameOriginPosts(t *testing.T) {
	w := newWall(t)
	for _, h := range [][2]string{{"Sec-Fetch-Site", "same-origin"}, {"Sec-Fetch-Site", "none"}, {"Origin", w.url}} {
		if resp, body := w.do("POST", "/statuses", "name=a&text=x", "Content-Type", form, h[0], h[1]); resp.StatusCode != 303 {
			t.Errorf("%v: %s %s", h, resp.Status, body)
		}
	}
}

func TestPublishFails(t *testing.T) {
	w := newWall(t)
	w.onPublish(func(rw http.ResponseWriter, _ *http.Request) {
		http.Error(rw, "draining\nplease wait", http.StatusServiceUnavailable)
	})
	resp, body := w.post("Ada", "refused")
	if resp.StatusCode != 201 || w.logged.Load() != 1 {
		t.Errorf("%s %s, %d lines logged", resp.Status, body, w.logged.Load())
	}
	w.app.publishURL = "http://127.0.0.1:1" // nobody listens
	if resp, body := w.post("Ada", "unreachable"); resp.StatusCode != 201 || w.logged.Load() != 2 {
		t.Errorf("%s %s, %d lines logged", resp.Status, body, w.logged.Load())
	}
	if list, _ := w.list(); len(list) != 2 {
		t.Errorf("stored %v", list)
	}
}

// TestOneWorker keeps the worker in its publish and shows that nothing else is
// answered meanwhile.
func TestOneWorker(t *testing.T) {
	w := newWall(t)
	publishing, free := make(chan bool), make(chan bool)
	w.onPublish(func(http.ResponseWriter, *http.Request) { publishing <- true; <-free })
	var group sync.WaitGroup
	group.Go(func() { w.post("Ada", "slow") })
	<-publishing
	read := make(chan string, 1)
	group.Go(func() { _, body := w.do("GET", "/statuses", ""); read <- body })
	select {
	case body := <-read:
		t.Errorf("answered while the worker was busy: %s", body)
	case <-time.After(100 * time.Millisecond):
	}
	close(free)
	if body := <-read; !strings.Contains(body, "slow") {
		t.Errorf("after that: %s", body)
	}
	group.Wait()
}

func TestManyPosters(t *testing.T) {
	w := newWall(t)
	const posters, each = 50, 5 // more than are kept
	var busy atomic.Int32
	var published []string
	w.onPublish(func(_ http.ResponseWriter, r *http.Request) {
		if n := busy.Add(1); n != 1 {
			t.Errorf("%d publishes at once", n)
		}
		published = append(published, r.Header.Get("Idempotency-Key")) // -race agrees: one at a time
		busy.Add(-1)
	})
	var group sync.WaitGroup
	for i := range posters {
		group.Go(func() {
			for j := range each {
				if resp, body := w.post(fmt.Sprint("poster ", i), fmt.Sprint(j)); resp.StatusCode != 201 {
					t.Errorf("%s %s", resp.Status, body)
				}
				w.list()
			}
		})
	}
	group.Wait()

	list, id := w.list()
	if len(list) != maxStatuses || len(published) != posters*each || id != published[len(published)-1] {
		t.Fatalf("%d kept, %d published, id %s", len(list), len(published), id)
	}
	seen := map[string]bool{}
	for _, id := range published {
		seen[id] = true
	}
	if len(seen) != len(published) {
		t.Error("ids repeat")
	}
	for i, s := range list { // stored in the order they were published
		if want := published[len(published)-1-i]; s.ID != want {
			t.Fatalf("status %d is %s, want %s", i, s.ID, want)
		}
	}
}

func TestPage(t *testing.T) {
	w := newWall(t)
	w.post(`<b>"Eve"</b>`, `<script>alert(1)</script> & more`)
	resp, body := w.do("GET", "/", "")
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("%s %v", resp.Status, resp.Header)
	}
	for _, want := range []string{
		`&lt;script&gt;alert(1)&lt;/script&gt; &amp; more`,
		`&lt;b&gt;&#34;Eve&#34;&lt;/b&gt;`,
		`<form class="post card" id="post" method="post" action="/statuses">`,
		"The poll loop", // comments of the script are for its readers: they must survive
		"async function follow(",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("page lacks %s", want)
		}
	}
	if strings.Count(body, "<script") != 1 || strings.Contains(body, "ZgotmplZ") {
		t.Error("page is not escaped")
	}

	checkPolicy(t, resp, body)
	if outside := regexp.MustCompile(`(src|href|url)\s*[=(]\s*["']?https?:`).FindString(body); outside != "" {
		t.Errorf("page needs something from outside: %s", outside)
	}
	if resp, body := w.do("HEAD", "/", ""); resp.StatusCode != 200 || body != "" {
		t.Errorf("HEAD: %s %q", resp.Status, body)
	}
}

// checkPolicy: the policy allows exactly the style and the script that are there.
func checkPolicy(t *testing.T, resp *http.Response, body string) {
	t.Helper()
	policy := resp.Header.Get("Content-Security-Policy")
	for _, tag := range []string{"style", "script"} {
		inline := regexp.MustCompile(`(?s)<` + tag + `>(.*?)</` + tag + `>`).FindStringSubmatch(body)
		if inline == nil || !strings.Contains(policy, tag+"-src "+hash(inline[1])+";") {
			t.Errorf("policy does not fit the %s: %s", tag, policy)
		}
	}
	if !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy: %s", policy)
	}
}

func TestBanner(t *testing.T) {
	got := Banner("http://127.0.0.1:8000/", "http://127.0.0.1:5561")
	for _, want := range []string{
		"\n      http://127.0.0.1:8000/\n",
		"curl -i 'http://127.0.0.1:8000/events/wall'\n",
		"'http://127.0.0.1:5561/channels/wall'\n",
		"two windows",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("banner lacks %q:\n%s", want, got)
		}
	}
}
