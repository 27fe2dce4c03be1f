//go:build linux

package apps

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestDjangoAdmin: what any Django project has, compared request by request and
// used in Chromium.
func TestDjangoAdmin(t *testing.T) {
	if err := exec.Command(debianPython, "-c", "import django, gunicorn").Run(); err != nil {
		missing(t, "%s has no Django or no gunicorn: apt-get install -y python3-django gunicorn, or test/apps/install.sh", debianPython)
	}
	app, internal := freeAddress(t), freeAddress(t)
	dir := t.TempDir()
	env := []string{"APP_DATABASE=" + filepath.Join(dir, "db.sqlite3"), "APP_FILES=" + filepath.Join(dir, "files"), "PYTHONDONTWRITEBYTECODE=1"}
	script(t, 60*time.Second, "admin", env, debianPython, "app.py")
	server := start(t, "admin", env, debianPython, "-m", "gunicorn", "--bind", app, "--workers", "2", "--timeout", "120",
		"--graceful-timeout", "2", "app:application")
	server.waitFor(app)
	proxy := startComet(t, app, internal)

	t.Run("same", func(t *testing.T) { adminSame(t, app, proxy.public) })
	t.Run("browser", func(t *testing.T) { adminBrowser(t, proxy, dir) })
}

// adminSame compares the pages, forms and files of the admin, without and with a
// session, which both ways share.
func adminSame(t *testing.T, app, public string) {
	b := browser(t)
	defer b.CloseIdleConnections()
	site := "http://" + app
	page := send(t, b, "GET", site+"/admin/login/", "", nil)
	form := url.Values{"username": {"ann"}, "password": {"secret"}, "csrfmiddlewaretoken": {token(t, page)}, "next": {"/admin/"}}
	send(t, b, "POST", site+"/admin/login/", formType, strings.NewReader(form.Encode()))
	u, _ := url.Parse(site)
	cookies := "Cookie: "
	csrf := ""
	for i, c := range b.Jar.Cookies(u) {
		if i > 0 {
			cookies += "; "
		}
		cookies += c.Name + "=" + c.Value
		if c.Name == "csrftoken" {
			csrf = c.Value
		}
	}
	cookies += "\r\n"
	if csrf == "" || !strings.Contains(cookies, "sessionid=") {
		t.Fatalf("not logged in: %s", cookies)
	}
	in := func(more string) string { return cookies + more }
	post := in("X-CSRFToken: " + csrf + "\r\nContent-Type: " + formType + "\r\n")
	var probes []probe
	for _, target := range []string{"/admin/", "/admin/papers/", "/admin/papers/paper/", "/admin/papers/paper/1/change/", "/admin/papers/paper/1/history/",
		"/admin/auth/", "/admin/auth/user/", "/admin/auth/user/1/change/", "/admin/auth/group/add/", "/admin/password_change/", "/admin/jsi18n/", "/admin/papers/paper/add/"} {
		probes = append(probes, probe{"without a session " + target, "GET", target, "", "", "302"},
			probe{"with one " + target, "GET", target, in(""), "", "200"},
			probe{"head of " + target, "HEAD", target, in(""), "", "200"})
	}
	for _, query := range []string{"?p=1", "?q=paper+1", "?q=%C3%A9", "?o=-1", "?all=", "?e=1", "?title__icontains=7"} {
		want := "200"
		if strings.Contains(query, "icontains") {
			want = ""
		}
		probes = append(probes, probe{"list " + query, "GET", "/admin/papers/paper/" + query, in(""), "", want})
	}
	for _, file := range []string{"css/base.css", "css/login.css", "js/core.js", "js/theme.js", "js/vendor/jquery/jquery.js", "img/icon-addlink.svg", "fonts/Roboto-Bold-webfont.woff"} {
		target := "/static/admin/" + file
		for _, header := range []string{"", "Range: bytes=0-99\r\n", "Accept-Encoding: gzip\r\n", "If-Modified-Since: Sat, 01 Jan 2050 00:00:00 GMT\r\n"} {
			probes = append(probes, probe{file + " " + strings.TrimSpace(header), "GET", target, header, "", ""})
		}
	}
	probes = append(probes, []probe{
		{"no slash", "GET", "/admin", in(""), "", "301"},
		{"no such page", "GET", "/admin/nothing/", in(""), "", ""},
		{"no such paper", "GET", "/admin/papers/paper/999999/change/", in(""), "", "302"},
		{"outside", "GET", "/", "", "", "404"},
		{"login page", "GET", "/admin/login/", "", "", "200"},
		{"login without a token", "POST", "/admin/login/", "Content-Type: " + formType + "\r\n", "username=ann&password=secret", "403"},
		{"wrong password", "POST", "/admin/login/", "Cookie: csrftoken=" + csrf + "\r\nX-CSRFToken: " + csrf + "\r\nContent-Type: " + formType + "\r\n", "username=ann&password=wrong", "200"},
		{"rename to nothing", "POST", "/admin/papers/paper/1/change/", post, "title=&_continue=", "200"},
		{"ask before deleting", "GET", "/admin/papers/paper/3/delete/", in(""), "", "200"},
		{"an action", "POST", "/admin/papers/paper/", post, "action=delete_selected&_selected_action=4&_selected_action=5", "200"},
		{"another method", "PUT", "/admin/papers/paper/1/change/", post, "title=put", ""},
		{"options", "OPTIONS", "/admin/", in(""), "", ""},
	}...)
	// What changes something comes last: the pages above would show it.
	changes := []probe{
		{"right password", "POST", "/admin/login/?next=/admin/papers/", "Cookie: csrftoken=" + csrf + "\r\nX-CSRFToken: " + csrf + "\r\nContent-Type: " + formType + "\r\n", "username=ann&password=secret", "302"},
		{"rename", "POST", "/admin/papers/paper/1/change/", post, "title=renamed&_continue=", "302"},
		{"rename in chunks", "POST", "/admin/papers/paper/1/change/", post + "Transfer-Encoding: chunked\r\n", "5\r\ntitle\r\nb\r\n=again&_con\r\n8\r\ntinue=&x\r\n0\r\n\r\n", ""},
		{"a form with a file", "POST", "/admin/papers/paper/2/change/", in("X-CSRFToken: " + csrf + "\r\nContent-Type: multipart/form-data; boundary=b\r\n"),
			"--b\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nwith a file\r\n--b\r\nContent-Disposition: form-data; name=\"_continue\"\r\n\r\n\r\n--b--\r\n", "302"},
	}
	random := regexp.MustCompile(`(csrftoken=|sessionid=|messages=|csrfmiddlewaretoken" value="|ETag: )[^;"]+|expires=\w+, [^;]*|\d+:\d+ [ap]\.m\.|[A-Z][a-z]+\.? \d+, \d{4}[^<]*`)
	compare(t, app, public, random, probes)
	compare(t, app, public, random, changes)
	t.Logf("%d requests compared", len(probes)+len(changes))
}

// adminBrowser has a person use the admin, and give it a file of 50 MB.
func adminBrowser(t *testing.T, proxy *comet, dir string) {
	chromium := need(t, "chromium", "chromium")
	node, packages := needPackages(t)
	file := filepath.Join(dir, "large é.bin")
	out, err := os.Create(file)
	if err == nil {
		_, err = io.CopyN(out, &pattern{}, 50_000_000)
		out.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"admin.mjs", chromium, "http://" + proxy.public + "/admin/", file}
	if picture := os.Getenv("COMETPROXY_SCREENSHOT_ADMIN"); picture != "" {
		args = append(args, picture)
	}
	t.Log(script(t, 3*time.Minute, packages, nil, node, args...))
	proxy.grewLess(t, 32<<20)
	if r := get(t, fmt.Sprintf("http://%s/debug/check", proxy.internal)); r.code != http.StatusOK {
		t.Errorf("invariants: %s", r.body)
	}
}
