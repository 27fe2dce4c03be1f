package test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

// A visit is one line of the access log.
type visit struct {
	Client, Method, Target, Host string
	Status                       int
	Bytes                        int64
	Duration                     float64
	RequestID                    string `json:"request_id"`
	Backend, Address, Hold       string
	Held                         float64
	Broken, Reason               string
}

// visits waits for n lines of the log.
func visits(t *testing.T, file string, n int) map[string]visit {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		text, _ := os.ReadFile(file)
		if strings.Count(string(text), "\n") < n && time.Now().Before(end) {
			continue
		}
		found := make(map[string]visit)
		for line := range strings.Lines(string(text)) {
			var v visit
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				t.Errorf("%v: %s", err, line)
			}
			if _, twice := found[v.Target]; twice {
				t.Errorf("two lines for %s", v.Target)
			}
			found[v.Target] = v
		}
		if len(found) != n {
			t.Errorf("%d lines, want %d:\n%s", len(found), n, text)
		}
		return found
	}
}

// TestAccessLog: each request has one line, when it is over.
func TestAccessLog(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "access.log")
	more := fmt.Sprintf("[[route]]\npath = \"/events/{room}\"\nchannels = [\"room:{room}\"]\n[[route]]\npath = \"/down\"\nstatus = 503\nbody = \"down\"\n[access_log]\noutput = %q\n", file)
	s, b := startApp(t, more, func(x *harness.Exchange) {
		switch x.Target {
		case "/stream":
			x.Write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
			time.Sleep(100 * time.Millisecond)
			x.Write("3\r\ntwo\r\n0\r\n\r\n")
		case "/gone":
			x.Conn.Close()
		default:
			x.Answer(200, "hello")
		}
	})
	s.Client(t).Get(t, "/plain", "X-Request-Id: mine")
	for _, target := range []string{"/stream", "/gone", "/down", "/events/a?wait=0", "/events/late?wait=1"} {
		s.Client(t).Get(t, target)
	}
	held := s.Client(t)
	held.SendGet("/events/told")
	left := s.Client(t)
	left.SendGet("/events/left")
	s.AwaitParked(2, harness.Patience)
	s.Publish("room:told", "news")
	held.Want(t, 200)
	left.CloseWrite()
	log := visits(t, file, 8)
	for target, want := range map[string]visit{
		"/plain":              {Status: 200, Bytes: 5, Backend: "app", Address: b.Address},
		"/stream":             {Status: 200, Bytes: 6, Backend: "app", Address: b.Address},
		"/gone":               {Status: 502, Backend: "app"},
		"/down":               {Status: 503, Bytes: 4},
		"/events/a?wait=0":    {Status: 204},
		"/events/late?wait=1": {Status: 204, Hold: "deadline"},
		"/events/told":        {Status: 200, Hold: "message"},
		"/events/left":        {Status: 204, Hold: "gone"},
	} {
		got := log[target]
		if got.Method != "GET" || got.Client != "127.0.0.1" || got.Host != "localhost" || got.Duration < 0 || got.Broken != "" ||
			got.Status != want.Status || got.Backend != want.Backend || got.Address != want.Address || got.Hold != want.Hold || want.Bytes > 0 && got.Bytes != want.Bytes {
			t.Errorf("%s:\n got %+v\nwant %+v", target, got, want)
		}
	}
	if log["/plain"].RequestID != "mine" || !ownID.MatchString(log["/stream"].RequestID) {
		t.Errorf("ids %q and %q", log["/plain"].RequestID, log["/stream"].RequestID)
	}
	for target, v := range log {
		if v.RequestID == "" {
			t.Errorf("%s has no id", target)
		}
	}
	if v := log["/events/late?wait=1"]; v.Held < 0.5 {
		t.Errorf("held for %v s", v.Held)
	}
}

// TestAccessLogMalformed: what is no request has its line too.
func TestAccessLogMalformed(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "access.log")
	s, _ := startApp(t, fmt.Sprintf("[access_log]\noutput = %q\n", file), echoTarget)
	c := s.Client(t)
	c.Send("nonsense\r\n\r\n")
	c.Want(t, 400)
	for _, v := range visits(t, file, 1) {
		if v.Status != 400 || v.Broken == "" || v.Client != "127.0.0.1" {
			t.Errorf("%+v", v)
		}
	}
}

// TestAccessLogReasons: what is refused says which limit or rule refused it.
func TestAccessLogReasons(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "access.log")
	s := harness.Start(t, fmt.Sprintf(`
[limits]
target_bytes = "64"
header_bytes = "4KiB"
header_lines = 20
parked_per_address = 1
[forward]
trusted_proxies = []
[access_log]
output = %q
[hold]
max_channels = 2
[[backend]]
name = "app"
urls = ["http://127.0.0.1:1"]
[[route]]
path = "/events/{room}"
channels = ["room:{room}"]
[[route]]
path = "/only/get"
backend = "app"
methods = ["GET"]
[[route]]
path = "/small"
backend = "app"
max_body = "10"
`, file))
	held := s.Client(t)
	held.SendGet("/events/held?wait=30")
	s.AwaitParked(1, harness.Patience)
	want := map[string]string{"/events/held?wait=30": "", "": "limits.header_bytes"}
	for _, c := range []struct {
		method, target, body string
		lines                []string
		status               int
		reason               string
	}{
		{"GET", "/events/1?wait=30", "", nil, 429, "limits.parked_per_address"},
		{"POST", "/only/get", "", nil, 405, "route.methods"},
		{"POST", "/small", "more than ten bytes", nil, 413, "route.max_body"},
		{"GET", "/" + strings.Repeat("x", 80), "", nil, 414, "limits.target_bytes"},
		{"GET", "/lines", "", slices.Repeat([]string{"X: y"}, 30), 431, "limits.header_lines"},
		{"GET", "/nothing", "", nil, 404, "no_route"},
		{"GET", "/events/a%2", "", nil, 400, "bad_path"},
		{"GET", "/events/a:b", "", nil, 400, "bad_parameter"},
		{"GET", "/events/2?wait=x", "", nil, 400, "bad_poll"},
		{"DELETE", "/events/3", "", nil, 405, "poll_method"},
		{"GET", "/events/4", "x", nil, 400, "poll_with_body"},
		{"GET", "/only/get", "", nil, 502, "connect_refused"},
		{"GET", "/two", "", []string{"Content-Length: 0", "Transfer-Encoding: chunked"}, 400, "bad_head"},
	} {
		target := c.target
		if c.reason == "connect_refused" {
			target += "/x"
		}
		want[target] = c.reason
		client := s.Client(t)
		client.Send(harness.Request(c.method, target, c.body, c.lines...))
		if got := client.Want(t, c.status); got.Status != c.status {
			t.Errorf("%s: %d", target, got.Status)
		}
	}
	large := s.Client(t)
	large.Send(harness.Request("GET", "/large", "", "X: "+strings.Repeat("y", 5000)))
	large.Want(t, 431)
	s.Publish("room:held", "news")
	held.Want(t, 200)
	for target, v := range visits(t, file, len(want)) {
		if v.Reason != want[target] {
			t.Errorf("%s: %d %q, want %q", target, v.Status, v.Reason, want[target])
		}
	}
	wantLog(t, s, `(limits.parked_per_address)","client":"127.0.0.1"`)
}
