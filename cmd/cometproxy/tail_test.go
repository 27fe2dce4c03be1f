package main

import (
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cometproxy/cmd/cometproxy/internal/config"
)

const tailRoutes = `
[[backend]]
name = "app"
urls = ["http://127.0.0.1:3000"]

[[route]]
path = "/events/{room}"
channels = ["room:{room}", "everyone"]

[[route]]
path = "/events/lobby"
backend = "app"

[[route]]
host = "a.example"
path = "/"
backend = "app"

[[route]]
host = "a.example"
path = "/in/{room}"
channels = ["in:{room}"]

[[route]]
host = "*.b.example"
path = "/pair/{a}/{b}"
channels = ["pair:{a}:{b}"]
params = { a = "x(:y)?" }

[[route]]
host = "::1"
path = "/six%20six"
channels = ["six"]

[[route]]
path = "/second/{room}"
channels = ["room:{room}"]

[[route]]
path = "/free/{any}"
channels = ["free"]
`

// TestTailRoute: a channel is followed where its clients get it from.
func TestTailRoute(t *testing.T) {
	c, problems := config.Parse("c.toml", []byte(tailRoutes))
	if c == nil {
		t.Fatal(problems)
	}
	finder, err := newRouteFinder(c)
	if err != nil {
		t.Fatal(err)
	}
	for channel, want := range map[string]string{
		"room:42":    "/events/42",
		"room:ä ö":   "no route", // a parameter has no blank
		"room:50%":   "/events/50%25",
		"room:lobby": "/second/lobby", // the first route's path is an app's there
		"in:1":       "a.example/in/1",
		"pair:x:y:z": "tail.b.example/pair/x:y/z",
		"pair:x:z":   "tail.b.example/pair/x/z",
		"pair:q:z":   "no route",
		"six":        "[::1]/six%20six",
		"room:a/b":   "no route",
		"free":       "no route", // of which room is not known
		"elsewhere":  "no route",
	} {
		found, err := finder.find(channel)
		got := found.host + found.path
		if err != nil {
			got, _, _ = strings.Cut(err.Error(), " yields")
		}
		if got != want {
			t.Errorf("%s: %s, %v", channel, got, err)
		}
	}
	if _, err := finder.find("everyone"); err == nil {
		t.Error("everyone: no path without a room")
	}
}

// TestTailShadowed says which route is in the way.
func TestTailShadowed(t *testing.T) {
	file := writeFile(t, "c.toml", "[[backend]]\nname = \"app\"\nurls = [\"http://127.0.0.1:3000\"]\n"+
		"[[route]]\npath = \"/a/{b}\"\nchannels = [\"a:{b}\"]\n[[route]]\npath = \"/a/c\"\nbackend = \"app\"\n")
	code, _, stderr := invoke("tail", "-config", file, "a:c")
	if code != exitFailed || !strings.Contains(stderr, "requests for /a/c, which line 4 has it for, go to the route of line 7") {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

// TestTailFollows: cursors, gaps and Retry-After are heeded as a client does.
func TestTailFollows(t *testing.T) {
	var asked []string
	var times []time.Time
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RawQuery)
		times = append(times, time.Now())
		w.Header().Set("Comet-Cursor", fmt.Sprintf("c%d", len(asked)))
		switch len(asked) {
		case 1:
			fmt.Fprint(w, `{"messages":[{"channel":"a","id":"1","data":"one"}],"gap":true,"gap_channels":["a"],"cursor":"c1"}`)
		case 2:
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusNoContent)
		case 3:
			w.Header().Del("Comet-Cursor")
			w.Header().Set("Retry-After", time.Now().Add(2*time.Second).UTC().Format(http.TimeFormat))
			w.WriteHeader(http.StatusServiceUnavailable)
		case 4:
			panic(http.ErrAbortHandler)
		default:
			fmt.Fprint(w, `{"messages":[{"channel":"a","id":"2","data":"two"}],"cursor":"c5"}`)
		}
	}))
	defer s.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := invoke("tail", "-cacert", ca, "-n", "2", "-url", s.URL+"/a?x=1")
	if want := "cursor=now&x=1 cursor=c1&x=1 cursor=c2&x=1 cursor=c2&x=1 cursor=c2&x=1"; code != exitOK || strings.Join(asked, " ") != want {
		t.Fatalf("exit %d, %q, %s", code, asked, stderr)
	}
	if !strings.Contains(stdout, "a  one\n") || !strings.Contains(stdout, "a  two\n") || !strings.Contains(stderr, "gap: messages may be missing here, of a\n") || !strings.Contains(stderr, "503") {
		t.Errorf("%s%s", stdout, stderr)
	}
	if a, b := times[2].Sub(times[1]), times[3].Sub(times[2]); a < time.Second || b < time.Second {
		t.Errorf("it came back after %s and %s", a, b)
	}

	asked = nil
	for _, args := range [][]string{{"-insecure", "-n", "1"}, {"-n", "1"}} {
		code, _, stderr := invoke(append(append([]string{"tail"}, args...), "-url", s.URL)...)
		if insecure := args[0] == "-insecure"; insecure != (code == exitOK) || !insecure && !strings.Contains(stderr, "-cacert FILE") {
			t.Errorf("%q: exit %d, %s", args, code, stderr)
		}
	}
	if code, _, stderr := invoke("tail", "-cacert", filepath.Join(t.TempDir(), "none"), "-url", s.URL); code != exitFailed || !strings.Contains(stderr, "-cacert: open ") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	if code, _, stderr := invoke("tail", "-url", strings.Replace(s.URL, "https", "http", 1)); code != exitFailed || !strings.Contains(stderr, "400 Bad Request: Client sent an HTTP request to an HTTPS server") {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{"": 0, "3": 3 * time.Second, "-3": 0, "x": 0, "99999": time.Hour,
		"Wed, 02 Jan 2030 03:04:15 GMT": 10 * time.Second, "Wed, 02 Jan 2030 03:04:00 GMT": 0} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q: %s", text, got)
		}
	}
}

// TestTailPrintsNoCommands: nothing that a message says is a command to a terminal.
func TestTailPrintsNoCommands(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		var out strings.Builder
		p := &tailPrinter{out: &out, notes: io.Discard, asJSON: asJSON, left: -1}
		body := "{\"messages\":[" +
			"{\"channel\":\"a\u009b\",\"id\":\"1\",\"data\":{\"text\":\"\u009b31m\u007f é\"}}," +
			"{\"channel\":\"b\",\"id\":\"2\",\"type\":\"\\u001b]0;x\\u0007\",\"data_base64\":\"\\u001b[2J\"}]}"
		if err := p.answer(new(tail), []byte(body)); err != nil {
			t.Fatal(err)
		}
		for _, r := range out.String() {
			if r < ' ' && r != '\n' || r >= 0x7f && r <= 0x9f {
				t.Errorf("json %t: printed %q", asJSON, out.String())
				break
			}
		}
		if !strings.Contains(out.String(), `\u009b31m\u007f é`) {
			t.Errorf("json %t: printed %q", asJSON, out.String())
		}
	}
}
