//go:build linux

package apps

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const presenceToken = "0123456789abcdef"

// TestPresence: an app in Python, with the functions of docs/use.md, knows who is
// there, over polls that come again and over a restart of the proxy.
func TestPresence(t *testing.T) {
	app := freeAddress(t)
	_, port, _ := net.SplitHostPort(app)
	start(t, here(t, "presence"), []string{"PORT=" + port, "PRESENCE_TOKEN=" + presenceToken, "STORE=" + filepath.Join(t.TempDir(), "store"),
		"PYTHONPATH=" + here(t, "snippets"), "PYTHONDONTWRITEBYTECODE=1"}, need(t, debianPython, "python3"), "app.py").waitFor(app)
	public := freeAddress(t)
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "cometproxy.toml")
	config := fmt.Sprintf(presenceConfig, public, freeAddress(t), app, presenceToken)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	proxy := start(t, "", nil, path, "-config", file)
	proxy.waitFor(public)

	expect := func(what, who string) {
		t.Helper()
		var last string
		for limit := time.Now().Add(30 * time.Second); time.Now().Before(limit); time.Sleep(50 * time.Millisecond) {
			if last = ask(t, "http://"+public+"/who"); last == who {
				return
			}
		}
		t.Fatalf("%s: the app knows %s; it should be %s", what, last, who)
	}
	ann, bob := pollAgain(t, public, "ann"), pollAgain(t, public, "bob")
	expect("two come", `["user:ann", "user:bob"]`)
	bob()
	expect("one goes", `["user:ann"]`)
	if r := do(t, client, request(t, "POST", "http://"+public+"/presence")); r.code != http.StatusForbidden {
		t.Errorf("a client tells the app who is there: %d %s", r.code, r.body)
	}
	if err := proxy.stop(); err != nil {
		t.Errorf("cometproxy did not end in order: %v", err)
	}
	cy := pollAgain(t, public, "cy")
	ann()
	start(t, "", nil, path, "-config", file).waitFor(public)
	expect("a restart, over which one went and one came", `["user:cy"]`)
	cy()
	expect("nobody", `[]`)
}

const presenceConfig = `
[public]
listen = [%q]

[internal]
listen = [%q]

[shutdown]
drain = "0s"

[[backend]]
name = "app"
urls = ["http://%s"]

[[route]]
path = "/wait/{user}"
channels = ["user:{user}"]

[[route]]
path = "/"
backend = "app"

[[presence]]
channels = ["user:*"]
backend = "app"
path = "/presence"
token = %q
leave_after = "2s"
every = "100ms"
`

func request(t *testing.T, method, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func ask(t *testing.T, url string) string {
	t.Helper()
	return do(t, client, request(t, "GET", url)).body
}

// pollAgain polls for a user again and again, half a second each time, until the
// function that it returns is called.
func pollAgain(t *testing.T, public, user string) (leave func()) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			resp, err := client.Get("http://" + public + "/wait/" + user + "?wait=0.5")
			if err != nil { // no proxy is there
				time.Sleep(50 * time.Millisecond)
				continue
			}
			resp.Body.Close()
		}
	}()
	return func() {
		close(stop)
		<-stopped
	}
}
