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
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// packages copies the folder node to a temporary one and installs its packages
// there, once.
var packages = sync.OnceValues(func() (string, error) {
	root := filepath.Join(tempDir, "npm")
	for _, folder := range []string{"snippets", "node"} {
		names, err := os.ReadDir(folder)
		if err != nil {
			return "", err
		}
		if err := os.MkdirAll(filepath.Join(root, folder), 0o755); err != nil {
			return "", err
		}
		for _, name := range names {
			if name.IsDir() {
				continue
			}
			content, err := os.ReadFile(filepath.Join(folder, name.Name()))
			if err == nil {
				err = os.WriteFile(filepath.Join(root, folder, name.Name()), content, 0o644)
			}
			if err != nil {
				return "", err
			}
		}
	}
	cmd := exec.Command("npm", "ci", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts")
	cmd.Dir = filepath.Join(root, "node")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %v\n%s", err, out)
	}
	return cmd.Dir, nil
})

// needPackages returns node and the folder where its programs can run.
func needPackages(t *testing.T) (node, dir string) {
	t.Helper()
	node = need(t, "node", "nodejs")
	need(t, "npm", "npm")
	dir, err := packages()
	if err != nil {
		missing(t, "the packages of test/apps/node cannot be installed; is there a network? %v", err)
	}
	return node, dir
}

func TestExpress(t *testing.T) {
	node, dir := needPackages(t)
	app, internal := freeAddress(t), freeAddress(t)
	_, port, _ := net.SplitHostPort(app)
	server := start(t, dir, []string{"PORT=" + port, "COMETPROXY=http://" + internal}, node, "app.mjs")
	server.waitFor(app)
	proxy := startComet(t, app, internal)
	site := "http://" + proxy.public

	t.Run("same", func(t *testing.T) { expressSame(t, app, proxy.public) })
	t.Run("login", func(t *testing.T) { expressLogin(t, site) })
	t.Run("large", func(t *testing.T) { expressLarge(t, proxy, site) })
	t.Run("duplex", func(t *testing.T) { expressDuplex(t, site) })
	t.Run("refuse", func(t *testing.T) { expressRefuse(t, proxy.public) })
	t.Run("events", func(t *testing.T) { expressEvents(t, site) })
	t.Run("socket", func(t *testing.T) { expressSocket(t, node, dir, server, proxy) })
	t.Run("live", func(t *testing.T) { live(t, proxy, site, postStatus(t, site)) })
}

func expressSame(t *testing.T, app, public string) {
	random := regexp.MustCompile(`session=[0-9a-f-]+|Expires=\w+, [^;]*`)
	form := "Content-Type: " + formType + "\r\n"
	compare(t, app, public, random, []probe{
		{"page", "GET", "/form", "", "", "200"},
		{"head", "HEAD", "/form", "", "", "200"},
		{"form", "POST", "/form", form, "text=d%C3%A9j%C3%A0+vu", "303"},
		{"login", "POST", "/login", form, "name=ann", "302"},
		{"Set-Cookie lines of all kinds", "GET", "/cookies", "", "", "200"},
		{"header lines of all kinds", "GET", "/headers", "", "", "299"},
		{"no type, own reason", "GET", "/untyped", "", "", "200 Very Fine"},
		{"gzip stays packed", "GET", "/gzip", "Accept-Encoding: gzip\r\n", "", "200"},
		{"gzip unasked", "GET", "/gzip", "", "", "200"},
		{"head of gzip", "HEAD", "/gzip", "Accept-Encoding: gzip\r\n", "", "200"},
		{"options", "OPTIONS", "/form", "", "", "200"},
		{"put", "PUT", "/echo/", "Content-Type: text/plain\r\n", "put this", "200"},
		{"delete", "DELETE", "/echo/x", "", "", "200"},
		{"query", "GET", "/echo/?a=%C3%A9&a=2&b=%20+%2B&c", "", "", "200"},
		{"path", "GET", "/echo/%2F%2e%2e/a;b=c/(d)/~", "", "", "200"},
		{"path that cannot be decoded", "GET", "/echo/%ff", "", "", "400"},
		{"body in chunks", "POST", "/echo/", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n", "200"},
		{"cookies", "GET", "/echo/", "Cookie: a=1;b=\"2 3\" ; =c; d=\"\\\"\"\r\n", "", "200"},
		{"lower case names", "GET", "/echo/", "cookie: a=1\r\nuser-agent: x\r\naccept: */*\r\n", "", "200"},
		{"not found", "GET", "/nothing", "", "", "404"},
		{"method not known there", "PATCH", "/form", form, "a=1", "404"},
		{"static file", "GET", "/static/app.mjs", "", "", "200"},
		{"range", "GET", "/static/app.mjs", "Range: bytes=10-29\r\n", "", "206"},
		{"last bytes", "GET", "/static/app.mjs", "Range: bytes=-5\r\n", "", "206"},
		{"several ranges", "GET", "/static/app.mjs", "Range: bytes=0-1,5-6\r\n", "", "200"},
		{"range beyond the end", "GET", "/static/app.mjs", "Range: bytes=9999999-\r\n", "", "416"},
		{"head of a range", "HEAD", "/static/app.mjs", "Range: bytes=0-9\r\n", "", "206"},
		{"if-none-match any", "GET", "/static/app.mjs", "If-None-Match: *\r\n", "", "304"},
		{"if-range that fails", "GET", "/static/app.mjs", "Range: bytes=0-9\r\nIf-Range: \"other\"\r\n", "", "200"},
		{"redirect of a folder", "GET", "/static", "", "", "301"},
		{"streamed", "GET", "/large?mb=1", "", "", "200"},
	})
}

func expressLogin(t *testing.T, site string) {
	b := browser(t)
	defer b.CloseIdleConnections()
	if r := send(t, b, "GET", site+"/account", "", nil); !strings.Contains(r.body, "<form") {
		t.Errorf("without a session: %d %s", r.code, r.body)
	}
	if r := send(t, b, "POST", site+"/login", formType, strings.NewReader("name=ann")); r.body != "hello ann\n" {
		t.Errorf("after the login: %d %s", r.code, r.body)
	}
	if r := send(t, b, "GET", site+"/account", "", nil); r.body != "hello ann\n" {
		t.Errorf("with the session's cookie: %d %s", r.code, r.body)
	}
	// Early hints may be passed on or dropped; the answer comes after them.
	if r := send(t, b, "GET", site+"/hints", "", nil); r.code != 200 || r.body != "after hints\n" {
		t.Errorf("after early hints: %d %s", r.code, r.body)
	}
}

func expressLarge(t *testing.T, proxy *comet, site string) {
	const size = 50 << 20
	for _, length := range []int64{size, -1} { // with Content-Length, and in chunks
		digest := sha256.New()
		req, err := http.NewRequest("POST", site+"/upload", io.TeeReader(io.LimitReader(&pattern{}, size), digest))
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = length
		r := do(t, client, req)
		var answer struct {
			Size   int
			SHA256 string
		}
		if err := json.Unmarshal([]byte(r.body), &answer); err != nil {
			t.Fatalf("%v: %d %s", err, r.code, r.body)
		}
		if answer.Size != size || answer.SHA256 != hex.EncodeToString(digest.Sum(nil)) {
			t.Errorf("upload, length %d: the app got %+v", length, answer)
		}
	}
	// curl asks before it sends much.
	waits := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: 10 * time.Second, DisableKeepAlives: true}}
	req, err := http.NewRequest("POST", site+"/upload", strings.NewReader(strings.Repeat("a", 2<<20)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Expect", "100-continue")
	began := time.Now()
	if r := do(t, waits, req); !strings.HasPrefix(r.body, `{"size":2097152,`) || time.Since(began) > 5*time.Second {
		t.Errorf("with Expect: 100-continue: %d %s after %s", r.code, r.body, time.Since(began))
	}
	want := bytes.Repeat([]byte("comet"), (1<<20)/5+1)[:1<<20]
	if r := get(t, site+"/large?mb=50"); r.body != strings.Repeat(string(want), 50) {
		t.Errorf("download: %d bytes", len(r.body))
	}
	proxy.grewLess(t, 32<<20)
}

// expressDuplex: the app answers while the request is still being sent. Each of
// the first pieces is sent only when the one before has come back.
func expressDuplex(t *testing.T, site string) {
	const size = 20 << 20
	out, in := io.Pipe()
	defer in.Close()
	answers := make(chan *http.Response, 1)
	go func() {
		defer close(answers)
		resp, err := client.Post(site+"/pipe", "application/octet-stream", out)
		if err != nil {
			t.Error(err)
			out.CloseWithError(err)
			return
		}
		answers <- resp
	}()
	piece := func(i int) string { return fmt.Sprintf("piece %4d\n", i) }
	if _, err := io.WriteString(in, piece(0)); err != nil {
		t.Fatal(err)
	}
	resp := <-answers
	if resp == nil {
		return
	}
	defer resp.Body.Close()
	for i := range 10 {
		got := make([]byte, len(piece(i)))
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != piece(i) {
			t.Fatalf("piece %d came back as %q, %v", i, got, err)
		}
		if i < 9 {
			if _, err := io.WriteString(in, piece(i+1)); err != nil {
				t.Fatal(err)
			}
		}
	}
	sent, got := sha256.New(), sha256.New()
	go func() {
		_, err := io.Copy(io.MultiWriter(in, sent), io.LimitReader(&pattern{}, size))
		in.CloseWithError(err)
	}()
	n, err := io.Copy(got, resp.Body)
	if err != nil || n != size || !bytes.Equal(got.Sum(nil), sent.Sum(nil)) {
		t.Errorf("%d bytes came back, then %v", n, err)
	}
}

// expressRefuse: when an app refuses a large upload at once, the whole answer
// reaches a client that is still sending.
func expressRefuse(t *testing.T, public string) {
	for range 5 {
		c, err := net.Dial("tcp", public)
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(20 * time.Second))
		fmt.Fprintf(c, "POST /refuse HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", publicHost, 50<<20)
		began := time.Now()
		sent := make(chan int64, 1)
		go func() {
			n, _ := io.Copy(struct{ io.Writer }{c}, io.LimitReader(&pattern{}, 50<<20))
			sent <- n
		}()
		r, err := readRaw(bufio.NewReader(c), "POST")
		if err != nil {
			t.Fatalf("no answer: %v", err)
		}
		if !strings.HasPrefix(r.status, "HTTP/1.1 413") || string(r.body) != "too large\n" {
			t.Errorf("%s %q", r.status, r.body)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("the answer took %s", took)
		}
		// What is sent still may be taken for a moment, then the connection ends.
		if n := <-sent; n == 50<<20 {
			t.Error("the proxy took the whole of an upload that had been refused")
		}
		c.Close()
	}
}

// expressEvents: each event arrives before the next is made.
func expressEvents(t *testing.T, site string) {
	resp, err := client.Get(site + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if ct := resp.Header.Get("Content-Type"); !strings.HasPrefix(ct, "text/event-stream") {
		t.Errorf("Content-Type: %q", ct)
	}
	in := bufio.NewReader(resp.Body)
	for i := range 20 {
		text := fmt.Sprintf("event %d", i)
		if r := send(t, client, "POST", site+"/events", "text/plain", strings.NewReader(text)); r.body != `{"streams":1}` {
			t.Fatalf("%d %s", r.code, r.body)
		}
		line, err := in.ReadString('\n')
		if err != nil || line != "data: "+text+"\n" {
			t.Fatalf("%q, %v", line, err)
		}
		if line, err := in.ReadString('\n'); err != nil || line != "\n" {
			t.Fatalf("%q, %v", line, err)
		}
	}
	send(t, client, "DELETE", site+"/events", "", nil)
	if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
		t.Errorf("after the last event: %q, %v", rest, err)
	}

	// A client that hangs up is gone for the app as well.
	resp, err = client.Get(site + "/events")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	for limit := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if r := get(t, site+"/streams"); r.body == `{"streams":0}` {
			break
		}
		if time.Now().After(limit) {
			t.Fatal("the app still streams to a client that hung up")
		}
	}
}

func expressSocket(t *testing.T, node, dir string, server *process, proxy *comet) {
	const want = `echoed 10000
echoed 8 MiB
client closes: 4000 client is done
app closes: 4001 as you wish
app vanishes: 1006 
refused: 400
`
	if got := script(t, 60*time.Second, dir, nil, node, "socket.mjs", "ws://"+proxy.public+"/socket"); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if !strings.Contains(server.output(), "socket closed: 4000 client is done\n") {
		t.Errorf("the app did not hear the client's close:\n%s", server.output())
	}
}
