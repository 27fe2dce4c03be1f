package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// An internalServer stands for the internal listener: it notes the last
// request and answers with what it is given.
type internalServer struct {
	status int
	reply  string

	path, body string
	header     http.Header
}

func (s *internalServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.path, s.body, s.header = r.Method+" "+r.RequestURI, string(body), r.Header
	w.WriteHeader(s.status)
	io.WriteString(w, s.reply)
}

// serve starts the server on TCP or a socket and returns its address.
func (s *internalServer) serve(t *testing.T, network, address string) string {
	t.Helper()
	ln, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	go server.Serve(ln)
	t.Cleanup(func() { server.Close() })
	if network == "unix" {
		return "unix:" + address
	}
	return ln.Addr().String()
}

const released = `{"channel":"room:42","id":"x","released":3}`

func internalConfig(t *testing.T, address, more string) string {
	return writeFile(t, "c.toml", fmt.Sprintf("[internal]\nlisten = [%q]\n%s\n%s", address, more, native))
}

func TestPublish(t *testing.T) {
	s := &internalServer{status: 200, reply: released}
	file := internalConfig(t, s.serve(t, "tcp", "127.0.0.1:0"), `token = "0123456789abcdef"`)
	code, stdout, stderr := invoke("publish", "-config", file, "-key", "k1", "room:42/é", `{"a":1}`)
	if code != exitOK || stdout != released+"\n" || stderr != "" {
		t.Fatalf("exit %d, %q, %q", code, stdout, stderr)
	}
	if s.path != "POST /channels/room:42%2F%C3%A9" || s.body != `{"a":1}` {
		t.Errorf("got %q, %q", s.path, s.body)
	}
	for name, want := range map[string]string{"Authorization": "Bearer 0123456789abcdef", "Idempotency-Key": "k1", "Content-Type": "application/json"} {
		if got := s.header.Get(name); got != want {
			t.Errorf("%s: %q; want %q", name, got, want)
		}
	}
}

func TestPublishSocketAndInput(t *testing.T) {
	s := &internalServer{status: 200, reply: released + "\n"}
	socket := filepath.Join(t.TempDir(), "s")
	file := internalConfig(t, s.serve(t, "unix", socket), "")
	var stdout, stderr bytes.Buffer
	code := publishFrom(strings.NewReader("line 1\nline 2\n"), []string{"-config", file, "clock"}, &stdout, &stderr)
	if code != exitOK || stdout.String() != released+"\n" || s.body != "line 1\nline 2\n" {
		t.Errorf("exit %d, %q, %q, body %q", code, stdout.String(), stderr.String(), s.body)
	}
	if got := s.header.Get("Authorization"); got != "" {
		t.Errorf("token %q without one in the configuration", got)
	}
}

func TestPublishEmpty(t *testing.T) {
	s := &internalServer{status: 200, reply: released}
	file := internalConfig(t, s.serve(t, "tcp", "127.0.0.1:0"), "")
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	var stdout, stderr bytes.Buffer
	code := publishFrom(null, []string{"-config", file, "clock"}, &stdout, &stderr)
	want := "cometproxy publish: standard input: the message is empty; give '' as BODY if that is meant\n"
	if code != exitFailed || stdout.Len() > 0 || stderr.String() != want || s.path != "" {
		t.Errorf("exit %d, %q, %q, path %q", code, stdout.String(), stderr.String(), s.path)
	}
	if code, _, stderr := invoke("publish", "-config", file, "clock", ""); code != exitOK || s.path == "" || s.body != "" {
		t.Errorf("exit %d, %q, path %q", code, stderr, s.path)
	}
}

func TestPublishElsewhere(t *testing.T) {
	s := &internalServer{status: 200, reply: released}
	address := s.serve(t, "tcp", "127.0.0.1:0")
	t.Chdir(t.TempDir()) // without any configuration
	for _, url := range []string{address, "http://" + address, "http://" + address + "/"} {
		if code, _, stderr := invoke("publish", "-url", url, "-type", "text/html", "c", "<b>"); code != exitOK || s.path != "POST /channels/c" || s.header.Get("Content-Type") != "text/html" {
			t.Errorf("%s: exit %d, %q, %q", url, code, stderr, s.path)
		}
	}
	if code, _, stderr := invoke("publish", "-url", "ftp://x", "c", "d"); code != exitFailed || !strings.Contains(stderr, "is no address") {
		t.Errorf("exit %d, %q", code, stderr)
	}
}

func TestPublishErrors(t *testing.T) {
	s := &internalServer{}
	address := s.serve(t, "tcp", "127.0.0.1:0")
	open, withToken := internalConfig(t, address, ""), internalConfig(t, address, `token = "0123456789abcdef"`)
	for _, test := range []struct {
		status       int
		reply, file  string
		want, unwant string
	}{
		{400, `{"title":"Bad Request","detail":"the body is no JSON"}`, open, "answered 400 Bad Request: the body is no JSON", "{"},
		{401, "", open, "no token was sent", "is the [internal] token"},
		{403, "", withToken, "is the [internal] token of this configuration", "0123456789abcdef"},
		{404, "no such page", open, "no such page (is that the internal listener", ""},
		{302, "", open, "answered 302", ""},
	} {
		s.status, s.reply = test.status, test.reply
		code, stdout, stderr := invoke("publish", "-config", test.file, "c", "d")
		if code != exitFailed || stdout != "" || !strings.Contains(stderr, test.want) || test.unwant != "" && strings.Contains(stderr, test.unwant) {
			t.Errorf("%d: exit %d, %q, %q; want %q", test.status, code, stdout, stderr, test.want)
		}
	}
}

func TestPublishNothingListens(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	ln.Close()
	code, _, stderr := invoke("publish", "-config", internalConfig(t, address, ""), "c", "d")
	want := "cometproxy publish: nothing listens on " + address + ": is cometproxy running? (-config names another file)\n"
	if code != exitFailed || stderr != want {
		t.Errorf("exit %d, %q; want %q", code, stderr, want)
	}
	socket := "unix:" + filepath.Join(t.TempDir(), "none")
	if code, _, stderr := invoke("publish", "-config", internalConfig(t, socket, ""), "c", "d"); code != exitFailed || !strings.Contains(stderr, "nothing listens on "+socket) {
		t.Errorf("exit %d, %q", code, stderr)
	}
}

func TestPublishBadConfig(t *testing.T) {
	file := writeFile(t, "c.toml", "[internal]\nlisten = [\"x\"]\n"+native)
	code, _, stderr := invoke("publish", "-config", file, "c", "d")
	if code != exitFailed || !strings.Contains(stderr, file+":2: internal.listen:") || strings.Contains(stderr, "warning") {
		t.Errorf("exit %d, %q", code, stderr)
	}
	if code, _, stderr := invoke("publish", "-config", internalConfig(t, "127.0.0.1:0", ""), "c", "d"); code != exitFailed || !strings.Contains(stderr, "-url") {
		t.Errorf("exit %d, %q", code, stderr)
	}
	t.Chdir(t.TempDir())
	if err := os.WriteFile(defaultConfig, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := invoke("publish", "c", "d"); code != exitFailed || !strings.Contains(stderr, "cometproxy.toml:1:") {
		t.Errorf("exit %d, %q", code, stderr)
	}
}

func TestDetectType(t *testing.T) {
	for body, want := range map[string]string{
		`{"a":1}`: "application/json", " [1]\n": "application/json", `{"a":`: "text/plain; charset=utf-8",
		"5": "text/plain; charset=utf-8", "": "text/plain; charset=utf-8", `"x"`: "text/plain; charset=utf-8",
		"é": "text/plain; charset=utf-8", "\xff": "application/octet-stream", "{\"a\":\"\xff\"}": "application/octet-stream",
	} {
		if got := detectType([]byte(body)); got != want {
			t.Errorf("%q: %s; want %s", body, got, want)
		}
	}
}

func TestReachable(t *testing.T) {
	for _, test := range []struct {
		listen []string
		want   string
	}{
		{[]string{"127.0.0.1:1"}, "127.0.0.1:1"},
		{[]string{":1"}, "127.0.0.1:1"},
		{[]string{"0.0.0.0:1"}, "127.0.0.1:1"},
		{[]string{"[::]:1"}, "[::1]:1"},
		{[]string{"127.0.0.1:0", "unix:/x"}, "unix:/x"},
		{[]string{"127.0.0.1:0"}, ""},
	} {
		if got := reachable(test.listen); got != test.want {
			t.Errorf("%q: %q; want %q", test.listen, got, test.want)
		}
	}
}
