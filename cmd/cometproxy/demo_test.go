package main

import (
	"net"
	"strings"
	"testing"

	"cometproxy/cmd/cometproxy/internal/config"
)

func TestDemoAddresses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	const free = "127.0.0.1:0"
	for _, test := range []struct {
		public, internal string
		code             int
		want             string
	}{
		{"8001", free, exitFailed, "cometproxy demo: -listen: \"8001\" is a port only: write \"127.0.0.1:8001\""},
		{free, "0.0.0.0:5562", exitUsage, "-internal: \"0.0.0.0:5562\" has to be loopback"},
		{"127.0.0.1:8001", "127.0.0.1:8001", exitUsage, "the same address"},
		{taken.Addr().String(), free, exitFailed, "cometproxy demo: -listen: " + taken.Addr().String() + " is in use"},
		{taken.Addr().String(), free, exitFailed, "another address\nTry: cometproxy demo -listen 127.0.0.1:"},
		{"203.0.113.9:80", free, exitFailed, "-listen: this machine has no address 203.0.113.9; choose one of its own, or \":80\" for all\n"},
	} {
		code, stdout, stderr := invoke("demo", "-listen", test.public, "-internal", test.internal)
		if code != test.code || stdout != "" || !strings.Contains(stderr, test.want) {
			t.Errorf("%s, %s: exit %d, %q, %q; want %q", test.public, test.internal, code, stdout, stderr, test.want)
		}
	}
	if got := freeAfter(taken.Addr().String(), free); got == taken.Addr().String() {
		t.Errorf("%s is not free", got)
	}
}

// TestDemoConfig: what the demo gives the proxy is what check would have of a
// user; with -grip no route of it holds without asking the app.
func TestDemoConfig(t *testing.T) {
	app := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 3000}
	for _, grip := range []bool{false, true} {
		w := newWall(grip, "127.0.0.1:8000", "127.0.0.1:5561", app)
		c, problems := config.Parse("demo", []byte(w.config))
		if c == nil || len(problems) > 0 {
			t.Fatalf("grip %v: %v", grip, problems)
		}
		native := false
		for _, r := range c.Routes {
			native = native || len(r.Channels) > 0
		}
		if native == grip {
			t.Errorf("grip %v: a route that holds without asking the app: %v", grip, native)
		}
	}
	if a, b := newWall(true, "a", "b", app), newWall(true, "a", "b", app); a.config == b.config {
		t.Error("two runs have one key")
	}
}

func TestDemoHelp(t *testing.T) {
	if _, stdout, _ := invoke("demo", "-h"); !strings.Contains(stdout, "  -grip              people sign in") {
		t.Errorf("%s", stdout)
	}
}
