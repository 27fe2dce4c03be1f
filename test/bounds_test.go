package test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

// TestRequestBounds: targets, bodies, and clients that take their time, while polls
// have theirs.
func TestRequestBounds(t *testing.T) {
	t.Parallel()
	const more = "[limits]\ntarget_bytes = \"100B\"\nbody_bytes = \"100B\"\nheader_timeout = \"500ms\"\nbody_timeout = \"500ms\"\nsend_timeout = \"500ms\"\n" +
		"[[route]]\npath = \"/large\"\nbackend = \"app\"\nmax_body = \"1MiB\"\n" + eventsRoute
	s, b := startApp(t, more, func(x *harness.Exchange) {
		if x.Target == "/endless" {
			x.Write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			for x.Write(chunk(strings.Repeat("x", 64<<10))) == nil {
			}
			x.Last = true
			return
		}
		x.Answer(200, "ok")
	})
	parked := s.Client(t)
	parked.SendGet("/events/1?wait=30")
	s.AwaitParked(1, harness.Patience)
	for _, c := range []struct {
		what, request string
		status        int
	}{
		{"a target of 100", req("GET", "/"+strings.Repeat("a", 99)), 200},
		{"of 101", req("GET", "/"+strings.Repeat("a", 100)), 414},
		{"a body of 100", harness.Request("POST", "/", strings.Repeat("a", 100)), 200},
		{"of 101", harness.Request("POST", "/", strings.Repeat("a", 101)), 413},
		{"of 101 in chunks", req("POST", "/", "Transfer-Encoding: chunked") + chunk(strings.Repeat("a", 101)) + "0\r\n\r\n", 413},
		{"where more is allowed", harness.Request("POST", "/large", strings.Repeat("a", 1000)), 200},
		{"half a head", "GET / HTTP/1.1\r\nHost:", 408},
		{"half a body", req("POST", "/", "Content-Length: 50") + "abc", 408},
		{"half a large body", req("POST", "/large", "Content-Length: 50000") + strings.Repeat("a", 20000), 400},
	} {
		began := time.Now()
		client := s.Client(t)
		client.Send(c.request)
		a, err := client.Read()
		if err != nil || a.Status != c.status {
			t.Errorf("%s: %v %v", c.what, a, err)
		}
		if took := time.Since(began); strings.HasPrefix(c.what, "half") && (took < 400*time.Millisecond || took > 10*time.Second) {
			t.Errorf("%s: ended after %s", c.what, took)
		}
	}
	reader := s.Client(t)
	reader.SendGet("/endless")
	for end := time.Now().Add(harness.Patience); s.Stats().Backends["app"].Active > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a client that takes nothing keeps its app's connection")
		}
	}
	s.Publish("room:1", "news")
	parked.Want(t, 200).WantNews(t)
	for _, x := range b.Requests() {
		if len(x.Target) > 100 {
			t.Errorf("the app got %s", x.Target)
		}
	}
}

// TestErrorPages: the operator's own pages for an app that fails, and the reasons
// in the log.
func TestErrorPages(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	page, text := filepath.Join(dir, "502.html"), filepath.Join(dir, "504.txt")
	os.WriteFile(page, []byte("<p>we are back soon\n"), 0o644)
	os.WriteFile(text, []byte("too slow"), 0o644)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := ln.Addr().String()
	ln.Close()
	file := filepath.Join(dir, "access.log")
	b := harness.NewBackend(t, func(x *harness.Exchange) {
		switch x.Target {
		case "/slow":
			time.Sleep(time.Second)
		case "/own":
			x.Answer(502, "the app's own")
			return
		}
		x.Last = true
	})
	s := harness.Start(t, b.Config("answer_timeout = \"200ms\"\n")+
		fmt.Sprintf("[[backend]]\nname = \"nobody\"\nurls = [\"http://%s\"]\n[[route]]\npath = \"/nobody\"\nbackend = \"nobody\"\n", nobody)+appRoute+
		fmt.Sprintf("[error_pages]\n502 = %q\n504 = %q\nstatus = 503\n[access_log]\noutput = %q\n", page, text, file))
	want := map[string]string{"/nobody": "connect_refused", "/dies": "closed_without_answer", "/slow": "answer_timeout"}
	for target := range want {
		a := s.Client(t).Get(t, target)
		body, kind := "<p>we are back soon\n", "text/html; charset=utf-8"
		if target == "/slow" {
			body, kind = "too slow\n", "text/plain; charset=utf-8"
		}
		if a.Status != 503 || string(a.Body) != body || a.Header.Get("Content-Type") != kind || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v %q", target, a.Status, a.Header, a.Body)
		}
	}
	if a := s.Client(t).Get(t, "/own"); a.Status != 502 || string(a.Body) != "the app's own" {
		t.Errorf("the app's own answer: %d %s", a.Status, a.Body)
	}
	s.Stop()
	access, _ := os.ReadFile(file)
	for target, reason := range want {
		for where, log := range map[string]string{"log": s.Log(), "access log": string(access)} {
			found := false
			for line := range strings.Lines(log) {
				found = found || strings.Contains(line, `"target":"`+target+`"`) && strings.Contains(line, `"reason":"`+reason+`"`)
			}
			if !found {
				t.Errorf("the %s has no line for %s with reason %s:\n%s", where, target, reason, log)
			}
		}
	}
}
