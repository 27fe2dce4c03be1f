//go:build linux

package apps

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// operatorConfig has two servers of one app, secrets, and a line of [internal] to be
// filled in.
const operatorConfig = `
[public]
listen = [%q]

[internal]
listen = [%q]
debug  = true
%s

[log]
format = "json"

[shutdown]
drain = "1s"

[grip]
sig_key = "SECRET-key-of-the-app-and-the-proxy"

[[backend]]
name = "app"
urls = ["http://%s", "http://%s"]
health_path = "/healthz?token=SECRET"
health_interval = "1s"
health_timeout = "1s"
health_unhealthy = 2

[[route]]
path     = "/live/{room}"
channels = ["room:{room}"]

[[route]]
path    = "/"
backend = "app"
set_request_headers = { Authorization = "Basic SECRET" }
`

const operatorToken = "SECRET-token-of-the-operators"

// hostileNames are of channels that a page could stumble over.
var hostileNames = []string{"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, `it's "quoted" & <b>`, "javascript:alert(1)",
	"\u202egpj.exe", "zero\u200bwidth", "עברית", "日本語 😀", "a/b?c#d%2F", "  spaces  ", "x${alert(1)}{{7*7}}", "__proto__"}

// An operated is a cometproxy whose page is looked at.
type operated struct {
	*comet
	t      *testing.T
	file   string
	second net.Listener // of the app's second server
	words  []any        // of the configuration, but for the line
}

// TestOperatorPage opens the page for operators in Chromium and uses all of it. With
// COMETPROXY_SCREENSHOT_OPERATOR=DIRECTORY pictures of it are saved.
func TestOperatorPage(t *testing.T) {
	chromium := need(t, "chromium", "chromium")
	node, dir := needPackages(t)
	o := operate(t)
	for i, name := range hostileNames {
		body := fmt.Sprintf(`{"channel":%q,"type":"text/html","data_base64":"PGltZyBzcmM9eCBvbmVycm9yPWFsZXJ0KDEpPg=="}`, name)
		if r := send(t, client, "POST", "http://"+o.internal+"/publish/", "application/json", strings.NewReader(`{"items":[`+body+`]}`)); r.code != 200 {
			t.Fatalf("hostile name %d: %d %s", i, r.code, r.body)
		}
	}
	stop := o.clients(20)
	defer stop()
	o.drive(exec.CommandContext(t.Context(), node, "operator.mjs", chromium, "http://"+o.internal+"/", "http://"+o.words[2].(string)+"/",
		operatorToken, os.Getenv("COMETPROXY_SCREENSHOT_OPERATOR")), dir)
	if r := do(t, client, o.request("GET", "/debug/check")); r.code != http.StatusOK {
		t.Errorf("invariants: %d %s", r.code, r.body)
	}
	if err := o.stop(); err != nil {
		t.Errorf("cometproxy did not end in order: %v", err)
	}
	for line := range strings.Lines(o.output()) {
		if strings.Contains(line, "panic") || strings.Contains(line, `"level":"error"`) {
			t.Errorf("cometproxy says: %s", line)
		}
	}
}

// operate runs cometproxy, and an app of two servers.
func operate(t *testing.T) *operated {
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, "<!DOCTYPE html><title>another page</title>")
	})
	first, err := net.Listen("tcp", freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	second, err := net.Listen("tcp", freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, ln := range []net.Listener{first, second} {
		server := &http.Server{Handler: answer}
		server.SetKeepAlivesEnabled(false)
		go server.Serve(ln)
		t.Cleanup(func() { server.Close() })
	}
	o := &operated{t: t, second: second, file: filepath.Join(t.TempDir(), "cometproxy.toml"),
		comet: &comet{public: freeAddress(t), internal: freeAddress(t)}}
	o.words = []any{o.public, o.internal, first.Addr().String(), second.Addr().String()}
	o.start("")
	return o
}

func (o *operated) write(line string) {
	text := fmt.Appendf(nil, operatorConfig, o.words[0], o.words[1], line, o.words[2], o.words[3])
	if err := os.WriteFile(o.file, text, 0o600); err != nil {
		o.t.Fatal(err)
	}
}

func (o *operated) start(line string) {
	path, err := binary()
	if err != nil {
		o.t.Fatal(err)
	}
	o.write(line)
	o.process = start(o.t, "", nil, path, "-config", o.file)
	o.waitFor(o.public)
	o.waitFor(o.internal)
}

// request is one that has the token, whether it is wanted or not.
func (o *operated) request(method, target string) *http.Request {
	req, err := http.NewRequest(method, "http://"+o.internal+target, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+operatorToken)
	return req
}

// clients poll a channel until stop is called.
func (o *operated) clients(n int) (stop func()) {
	ended := make(chan struct{})
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
				}
				resp, err := client.Get("http://" + o.public + "/live/42?wait=60")
				if err != nil {
					time.Sleep(50 * time.Millisecond)
					continue
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		})
	}
	return func() { close(ended); all.Wait() }
}

// obey does what the program in the browser wants to have happened.
func (o *operated) obey(order string) {
	switch order {
	case "second server down":
		o.second.Close()
	case "restart":
		if err := o.stop(); err != nil {
			o.t.Errorf("cometproxy did not end in order: %v", err)
		}
		o.start("")
	case "read only", "token", "off":
		o.write(map[string]string{"read only": `page = "read_only"`, "token": fmt.Sprintf("token = %q", operatorToken), "off": `page = "off"`}[order])
		if r := do(o.t, client, o.request("POST", "/reload")); r.code != 200 {
			o.t.Errorf("reload: %d %s", r.code, r.body)
		}
	}
}

// drive runs the program. Each line of it that begins with "!" is an order, which it
// waits for.
func (o *operated) drive(cmd *exec.Cmd, dir string) {
	cmd.Dir, cmd.Env, cmd.WaitDelay = dir, environment(), 5*time.Second
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // ends Chromium as well
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	in, err := cmd.StdinPipe()
	if err != nil {
		o.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		o.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		o.t.Fatal(err)
	}
	overdue := time.AfterFunc(2*time.Minute, func() { cmd.Cancel() })
	defer overdue.Stop()
	defer syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // whatever of Chromium is left
	for lines := bufio.NewScanner(out); lines.Scan(); {
		order, ok := strings.CutPrefix(lines.Text(), "!")
		if !ok {
			o.t.Log(lines.Text())
			continue
		}
		o.obey(order)
		io.WriteString(in, "\n")
	}
	if err := cmd.Wait(); err != nil {
		o.t.Fatalf("%v\n%s", err, &complaints)
	}
}
