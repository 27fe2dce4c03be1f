package main

import (
	"net"
	"strings"
	"testing"
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
