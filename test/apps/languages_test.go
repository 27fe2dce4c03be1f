//go:build linux

package apps

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// commonProbes are for the PHP and the Ruby app alike.
var commonProbes = []probe{
	{"get", "GET", "/echo?a=%C3%A9&b=1+2&c=%20", "", "", "200"},
	{"form", "POST", "/echo", "Content-Type: " + formType + "\r\n", "text=d%C3%A9j%C3%A0+vu", "200"},
	{"cookies of a client", "GET", "/echo", "Cookie: a=1; b=%20x; c=\"q\"\r\n", "", "200"},
	{"put", "PUT", "/echo", "Content-Type: text/plain\r\n", "put this", "200"},
	{"delete", "DELETE", "/echo", "", "", "200"},
	{"cookies of the app", "GET", "/cookies", "", "", "200"},
	{"head", "HEAD", "/cookies", "", "", "200"},
	{"large", "GET", "/large", "", "", "200"},
	{"absolute redirect", "GET", "/away", "", "", "302"},
	{"list", "GET", "/statuses/", "", "", "200"},
	{"not found", "GET", "/nothing", "", "", "404"},
}

func postStatus(t *testing.T, site string) func(text string) {
	return func(text string) {
		r := send(t, client, "POST", site+"/statuses/", formType, strings.NewReader(url.Values{"text": {text}}.Encode()))
		if r.code != http.StatusSeeOther || r.header.Get("Location") != "/statuses/" {
			t.Errorf("post: %d %v %s", r.code, r.header, r.body)
		}
	}
}

// TestPHP: the built-in server works on one request at a time, closes each
// connection, and ends bodies by that.
func TestPHP(t *testing.T) {
	php := need(t, "php", "php-cli")
	app, internal := freeAddress(t), freeAddress(t)
	env := []string{
		"COMETPROXY=http://" + internal, "SNIPPETS=" + here(t, "snippets"), "STORE=" + filepath.Join(t.TempDir(), "statuses"),
	}
	server := start(t, "php", env, php, "-d", "upload_max_filesize=64M", "-d", "post_max_size=64M", "-S", app, "index.php")
	server.waitFor(app)
	proxy := startComet(t, app, internal)
	site := "http://" + proxy.public

	compare(t, app, proxy.public, nil, commonProbes)
	compare(t, app, proxy.public, nil, []probe{{"with a length", "GET", "/exact", "", "", "200"}})

	const size = 20 << 20
	var body bytes.Buffer
	digest := sha256.New()
	form := multipart.NewWriter(&body)
	part, _ := form.CreateFormFile("file", "a.bin")
	io.Copy(io.MultiWriter(part, digest), io.LimitReader(&pattern{}, size))
	form.Close()
	want := fmt.Sprintf("%d %s\n", size, hex.EncodeToString(digest.Sum(nil)))
	if r := send(t, client, "POST", site+"/upload", form.FormDataContentType(), &body); r.body != want {
		t.Errorf("upload: %d %s, want %s", r.code, r.body, want)
	}
	live(t, proxy, site, postStatus(t, site))
}

func TestRuby(t *testing.T) {
	puma := need(t, "puma", "puma")
	app, internal := freeAddress(t), freeAddress(t)
	env := []string{"COMETPROXY=http://" + internal, "SNIPPETS=" + here(t, "snippets"), "RACK_ENV=production"}
	server := start(t, "ruby", env, puma, "-b", "tcp://"+app, "-t", "2:4", "config.ru")
	server.waitFor(app)
	proxy := startComet(t, app, internal)
	site := "http://" + proxy.public

	compare(t, app, proxy.public, nil, commonProbes)

	digest := sha256.New()
	r := send(t, client, "POST", site+"/upload", "application/octet-stream", io.TeeReader(io.LimitReader(&pattern{}, 20<<20), digest))
	if want := hex.EncodeToString(digest.Sum(nil)) + "\n"; r.body != want {
		t.Errorf("upload: %d %s, want %s", r.code, r.body, want)
	}
	live(t, proxy, site, postStatus(t, site))
}

// A language runs a snippet: its function publish with channel and message.
type language struct {
	name, program, debianPackage string
	// args publishes to the channel in $CHANNEL the message in $MESSAGE, JSON.
	args []string
}

var languages = []language{
	{"python", debianPython, "python3", []string{"-c", `import os, json; from publish import publish
publish(os.environ["CHANNEL"], json.loads(os.environ["MESSAGE"])); print("went on")`}},
	{"php", "php", "php-cli", []string{"-d", "display_errors=stderr", "-r", `require "publish.php";
publish(getenv("CHANNEL"), json_decode(getenv("MESSAGE"))); echo "went on\n";`}},
	{"node", "node", "nodejs", []string{"--input-type=module", "-e", `import {publish} from './publish.mjs';
await publish(process.env.CHANNEL, JSON.parse(process.env.MESSAGE)); console.log('went on');`}},
	{"ruby", "ruby", "ruby", []string{"-r./publish.rb", "-e", `publish(ENV["CHANNEL"], JSON.parse(ENV["MESSAGE"])); puts "went on"`}},
}

// publish runs the snippet and returns what it printed in all and to standard
// error alone, and how long it took.
func (l language) publish(t *testing.T, base, channel, message string) (out, complaint string, took time.Duration) {
	t.Helper()
	program := need(t, l.program, l.debianPackage)
	cmd := exec.CommandContext(t.Context(), program, l.args...)
	cmd.Dir = "snippets"
	nowhere := "http://127.0.0.1:9" // a proxy that the environment names must not be asked
	cmd.Env = environment("COMETPROXY="+base, "CHANNEL="+channel, "MESSAGE="+message, "PYTHONDONTWRITEBYTECODE=1",
		"http_proxy="+nowhere, "HTTP_PROXY="+nowhere, "ALL_PROXY="+nowhere)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatalf("publish failed its caller: %v\n%s%s", err, &stdout, &stderr)
	}
	return stdout.String(), stderr.String(), time.Since(began)
}

// TestSnippets runs the publish functions of the README in their languages.
func TestSnippets(t *testing.T) {
	internal := freeAddress(t)
	proxy := startComet(t, freeAddress(t), internal)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })

	for _, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			need(t, l.program, l.debianPackage)
			delivered := func(segment, channel, message string) {
				t.Helper()
				page := startPoll(t, "http://"+proxy.public+"/live/"+segment)
				out, complaint, _ := l.publish(t, "http://"+internal, channel, message)
				if out != "went on\n" || complaint != "" {
					t.Fatalf("%s%s", out, complaint)
				}
				got := page.next()
				if len(got) != 1 || got[0].Channel != channel || !sameJSON(t, string(got[0].Data), message) {
					t.Errorf("the poll got %+v, want %s on %s", got, message, channel)
				}
			}
			delivered("42", "room:42", `{"id":7,"text":"<é> & \"quoted\" \u0000 😀","list":[1,2.5,null,true],"empty":{}}`)
			delivered("caf%C3%A9%3F%25%2B&=%23", "room:café?%+&=#", `"just text"`)

			failed := func(what, base, channel string) {
				t.Helper()
				out, complaint, took := l.publish(t, base, channel, `{"id":1}`)
				if out != "went on\n" {
					t.Errorf("%s: %q", what, out)
				}
				if !strings.Contains(complaint, "publish to "+channel+" failed: ") {
					t.Errorf("%s: the log says only %q", what, complaint)
				}
				if took > 6*time.Second {
					t.Errorf("%s: publish took %s", what, took)
				}
				t.Logf("%s, %.1f s: %.200q", what, took.Seconds(), complaint)
			}
			failed("nothing listens", "http://"+freeAddress(t), "room:42")
			failed("no answer", "http://"+silent.Addr().String(), "room:42")
			failed("refused", "http://"+internal, "$own")
		})
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var texts [2]string
	for i, s := range []string{a, b} {
		var v any
		if err := json.Unmarshal([]byte(s), &v); err != nil {
			t.Fatalf("%v: %s", err, s)
		}
		out, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = string(out)
	}
	return texts[0] == texts[1]
}
