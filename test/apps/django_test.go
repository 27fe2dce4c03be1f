//go:build linux

package apps

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const debianPython = "/usr/bin/python3" // Django is installed for this one; another may come first in PATH

func TestDjango(t *testing.T) {
	if err := exec.Command(debianPython, "-c", "import django, gunicorn").Run(); err != nil {
		missing(t, "%s has no Django or no gunicorn: apt-get install -y python3-django gunicorn, or test/apps/install.sh", debianPython)
	}
	app, internal := freeAddress(t), freeAddress(t)
	env := []string{
		"APP_DATABASE=" + filepath.Join(t.TempDir(), "db.sqlite3"), "COMETPROXY=http://" + internal,
		"PYTHONPATH=" + here(t, "snippets"), "PYTHONDONTWRITEBYTECODE=1",
	}
	script(t, 60*time.Second, "django", env, debianPython, "app.py")
	server := start(t, "django", env, debianPython, "-m", "gunicorn", "--bind", app,
		"--worker-class", "gthread", "--threads", "8", "--graceful-timeout", "2", "app:application")
	server.waitFor(app)
	proxy := startComet(t, app, internal)
	site := "http://" + proxy.public

	t.Run("same", func(t *testing.T) { djangoSame(t, app, proxy.public) })
	t.Run("login", func(t *testing.T) { djangoLogin(t, site) })
	t.Run("host", func(t *testing.T) { djangoHost(t, proxy.public) })
	t.Run("large", func(t *testing.T) { djangoLarge(t, proxy) })
	t.Run("stream", func(t *testing.T) { djangoStream(t, site) })
	t.Run("live", func(t *testing.T) { djangoLive(t, proxy, site) })
}

func djangoSame(t *testing.T, app, public string) {
	random := regexp.MustCompile(`(csrftoken=|sessionid=|csrfmiddlewaretoken" value=")[0-9A-Za-z]+|expires=\w+, [^;]*`)
	chunked := "Transfer-Encoding: chunked\r\nContent-Type: text/plain\r\n"
	form := "Content-Type: " + formType + "\r\n"
	compare(t, app, public, random, []probe{
		{"page with form", "GET", "/form/", "", "", "200"},
		{"head", "HEAD", "/form/", "", "", "200"},
		{"options", "OPTIONS", "/echo/", "", "", "200"},
		{"put", "PUT", "/echo/put", "Content-Type: text/plain\r\n", "put this", "200"},
		{"patch", "PATCH", "/echo/patch", "Content-Type: application/json\r\n", `{"a":1}`, "200"},
		{"delete", "DELETE", "/echo/delete", "", "", "200"},
		{"delete with a body", "DELETE", "/echo/delete", "Content-Type: text/plain\r\n", "this one", "200"},
		{"method of its own", "PROPFIND", "/echo/", "Depth: 1\r\n", "", "200"},
		{"method not allowed", "POST", "/read/", form, "a=1", "403"},
		{"not allowed, with Allow", "DELETE", "/read/", "X-CSRFToken: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n" +
			"Cookie: csrftoken=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", "", "405"},
		{"query with encoded bytes", "GET", "/echo/?q=%C3%A9%20%2B+%00%ff&&=&x=%zz", "", "", "200"},
		{"path with encoded bytes", "GET", "/echo/%C3%A9%20a%2Fb;c=d/~x", "", "", "200"},
		{"path with dots and slashes", "GET", "/echo//a/./b/../c", "", "", "200"},
		{"query only", "GET", "/echo/?", "", "", "200"},
		{"target in absolute form", "GET", "http://" + publicHost + "/echo/abs", "", "", "200"},
		{"header lines of one name", "GET", "/echo/", "X-One: a\r\nX-One: b\r\nx-two:  spaces\r\nX-Empty:\r\n", "", "200"},
		{"cookies", "GET", "/echo/", "Cookie: a=1; b=\"2 3\"; c\r\n", "", "200"},
		{"cookies as Python writes them", "GET", "/echo/", "Cookie: messages=\"a\\\"b\\054c\"; x=1\r\n", "", "200"},
		{"bytes above 127 in a header", "GET", "/echo/", "X-Latin: caf\xe9\r\n", "", "200"},
		{"body in chunks", "POST", "/echo/", chunked, "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n", "200"},
		{"empty body with length", "POST", "/echo/", "Content-Length: 0\r\n", "", "200"},
		{"body of 40,000 bytes", "POST", "/echo/", "Content-Type: text/plain\r\n", strings.Repeat("0123456789", 4000), "200"},
		{"several Set-Cookie", "GET", "/cookies/", "", "", "200"},
		{"post without CSRF token", "POST", "/form/", form, "text=a", "403"},
		{"redirect for the slash", "GET", "/form?a=1", "", "", "301"},
		{"absolute redirect", "GET", "/absolute/", "", "", "302"},
		{"login required", "GET", "/account/?b=2", "", "", "302"},
		{"not found", "GET", "/nothing", "", "", "404"},
		{"head of not found", "HEAD", "/nothing", "", "", "404"},
		{"no content", "GET", "/empty/", "", "", "204"},
		{"broken view", "GET", "/broken/", "", "", "500"},
		{"etag", "GET", "/tagged/", "", "", "200"},
		{"not modified", "GET", "/tagged/", "If-None-Match: \"v1\"\r\n", "", "304"},
		{"etag does not match", "GET", "/tagged/", "If-None-Match: \"v0\"\r\n", "", "200"},
		{"precondition failed", "GET", "/tagged/", "If-Match: \"v0\"\r\n", "", "412"},
		{"static file", "GET", "/static/app.py", "", "", "200"},
		{"static file, range", "GET", "/static/app.py", "Range: bytes=10-19\r\n", "", "200"},
		{"static file, modified since", "GET", "/static/app.py", "If-Modified-Since: Sat, 01 Jan 2050 00:00:00 GMT\r\n", "", "304"},
		{"streamed", "GET", "/download/1/", "", "", "200"},
		{"HEAD of streamed", "HEAD", "/download/1/", "", "", "200"},
	})
}

// browser is a client with cookies.
func browser(t *testing.T) *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Transport: &http.Transport{}, Jar: jar, Timeout: 30 * time.Second}
}

var csrfField = regexp.MustCompile(`csrfmiddlewaretoken" value="(\w+)"`)

func token(t *testing.T, page reply) string {
	t.Helper()
	m := csrfField.FindStringSubmatch(page.body)
	if m == nil {
		t.Fatalf("no CSRF token in the page: %d %s", page.code, page.body)
	}
	return m[1]
}

func djangoLogin(t *testing.T, site string) {
	b := browser(t)
	defer b.CloseIdleConnections()
	if r := send(t, b, "GET", site+"/account/", "", nil); !strings.Contains(r.body, "<form") {
		t.Fatalf("without a session: %d %s", r.code, r.body)
	}
	post := func(path string, fields url.Values) reply {
		t.Helper()
		fields.Set("csrfmiddlewaretoken", token(t, send(t, b, "GET", site+path, "", nil)))
		return send(t, b, "POST", site+path, formType, strings.NewReader(fields.Encode()))
	}
	if r := post("/login/", url.Values{"name": {"ann"}, "password": {"wrong"}}); r.code != http.StatusUnauthorized {
		t.Errorf("wrong password: %d %s", r.code, r.body)
	}
	if r := post("/login/", url.Values{"name": {"ann"}, "password": {"secret"}}); r.code != 200 || r.body != "hello ann\n" {
		t.Errorf("after the login: %d %s", r.code, r.body)
	}
	if r := send(t, b, "GET", site+"/account/", "", nil); r.body != "hello ann\n" {
		t.Errorf("with the session's cookie: %d %s", r.code, r.body)
	}
	if r := post("/form/", url.Values{"text": {"déjà vu"}}); r.code != 200 || r.body != "thanks for déjà vu\n" {
		t.Errorf("form with token: %d %s", r.code, r.body)
	}
}

func djangoHost(t *testing.T, public string) {
	ask := func(target, header string) *raw {
		t.Helper()
		r, err := exchange(public, "GET", probe{method: "GET", target: target, header: header}.bytes())
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := ask("/absolute/", ""); !has(r.header, "location: http://"+publicHost+"/thanks/?a=1") {
		t.Errorf("an absolute redirect does not lead to the public host: %q", r.header)
	}
	want := map[string]string{
		"Host": publicHost, "X-Forwarded-Host": publicHost,
		"X-Forwarded-Proto": "http", "X-Forwarded-For": "127.0.0.1",
	}
	var got map[string]string
	if err := json.Unmarshal(ask("/forwarded/", "").body, &got); err != nil {
		t.Fatal(err)
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("the app gets %s: %q, want %q", name, got[name], value)
		}
	}
}

func djangoLarge(t *testing.T, proxy *comet) {
	const size = 50 << 20
	site := "http://" + proxy.public

	digest := sha256.New()
	var frame bytes.Buffer
	form := multipart.NewWriter(&frame)
	if _, err := form.CreateFormFile("file", "large é.bin"); err != nil {
		t.Fatal(err)
	}
	begin := frame.Len()
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	file := io.TeeReader(io.LimitReader(&pattern{}, size), digest)
	body := io.MultiReader(bytes.NewReader(frame.Bytes()[:begin]), file, bytes.NewReader(frame.Bytes()[begin:]))
	req, err := http.NewRequest("POST", site+"/upload/", body)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = int64(frame.Len() + size) // Django takes no forms in chunks
	req.Header.Set("Content-Type", form.FormDataContentType())
	began := time.Now()
	r := do(t, client, req)
	t.Logf("upload of %d MiB: %.1f s", size>>20, time.Since(began).Seconds())
	var answer struct {
		Size         int
		SHA256, Name string
	}
	if err := json.Unmarshal([]byte(r.body), &answer); err != nil {
		t.Fatalf("%v: %d %s", err, r.code, r.body)
	}
	if answer.Size != size || answer.SHA256 != hex.EncodeToString(digest.Sum(nil)) || answer.Name != "large é.bin" {
		t.Errorf("the app got %+v", answer)
	}

	began = time.Now()
	resp, err := client.Get(site + "/download/50/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, want := sha256.New(), sha256.New()
	n, err := io.Copy(got, resp.Body)
	t.Logf("download of %d MiB: %.1f s", n>>20, time.Since(began).Seconds())
	piece := make([]byte, 256)
	for i := range piece {
		piece[i] = byte(i)
	}
	want.Write(bytes.Repeat(piece, size/256))
	if err != nil || n != size || !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
		t.Errorf("the download has %d bytes, ended with %v, or differs", n, err)
	}

	proxy.grewLess(t, 32<<20)
}

// pattern is endless and does not repeat soon.
type pattern struct{ state uint64 }

func (p *pattern) Read(b []byte) (int, error) {
	for i := range b {
		p.state = p.state*6364136223846793005 + 1442695040888963407
		b[i] = byte(p.state >> 56)
	}
	return len(b), nil
}

// djangoStream has the app send each piece only when the one before has been seen.
func djangoStream(t *testing.T, site string) {
	more := func() {
		t.Helper()
		if r := send(t, client, "POST", site+"/more/", "", nil); r.code != http.StatusNoContent {
			t.Fatalf("more: %d %s", r.code, r.body)
		}
	}
	more()
	resp, err := client.Get(site + "/slow/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for i := range 5 {
		began := time.Now()
		line, err := lines.ReadString('\n')
		if err != nil || line != fmt.Sprintf("piece %d\n", i) {
			t.Fatalf("piece %d: %q, %v", i, line, err)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("piece %d came only after %s", i, took)
		}
		if i < 4 {
			more()
		}
	}
	if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
		t.Errorf("after the last piece: %q, %v", rest, err)
	}
}

// djangoLive: what a poll is told is committed already, and the poster is
// redirected as ever.
func djangoLive(t *testing.T, proxy *comet, site string) {
	live(t, proxy, site, func(text string) {
		r := send(t, client, "POST", site+"/statuses/", formType, strings.NewReader(url.Values{"text": {text}}.Encode()))
		if r.code != http.StatusFound || r.header.Get("Location") != "/statuses/" {
			t.Errorf("post: %d %v %s", r.code, r.header, r.body)
		}
	})
}

// live posts statuses to an app and follows them at /live/statuses. Whatever a
// poll is told must be in the app's own list at /statuses/ by then.
func live(t *testing.T, proxy *comet, site string, post func(text string)) {
	t.Helper()
	page := startPoll(t, site+"/live/statuses")
	for i := range 5 {
		text := fmt.Sprintf("status %d: <é> & \U0001F600", i)
		done := make(chan struct{})
		go func() {
			defer close(done)
			proxy.parked(t, "room:statuses", 1)
			post(text)
		}()
		got := page.next()
		list := get(t, site+"/statuses/")
		<-done
		var data struct {
			ID   int
			Text string
		}
		if len(got) != 1 || json.Unmarshal(got[0].Data, &data) != nil || data.Text != text {
			t.Fatalf("the poll got %+v, want %q", got, text)
		}
		var stored struct{ Statuses []struct{ Text string } }
		if err := json.Unmarshal([]byte(list.body), &stored); err != nil {
			t.Fatalf("%v: %d %s", err, list.code, list.body)
		}
		if n := len(stored.Statuses); n != i+1 || stored.Statuses[i].Text != text {
			t.Errorf("the poll was told of %q before the app had it: %s", text, list.body)
		}
	}
}
