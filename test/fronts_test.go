package test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

// Proxies in front of cometproxy, as Debian has them.

// A front is a server of a proxy's configuration: what stands in it, and where it
// listens.
type front struct {
	text    string // nginx: of server { }; HAProxy: of a listen section
	listen  string // what the listen directive says more
	address string // host:port; set by the start
}

// freeAddress is an address whose port was free a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	ln := listening(t)
	defer ln.Close()
	return ln.Addr().String()
}

// startNginx runs one nginx with all servers; head stands in its http { }.
func startNginx(t *testing.T, head string, servers map[string]*front) {
	t.Helper()
	nginx, dir := need(t, "nginx"), t.TempDir()
	var b strings.Builder
	if os.Geteuid() == 0 {
		b.WriteString("user root;\n") // or its worker could not write into this directory
	}
	fmt.Fprintf(&b, "daemon off; worker_processes 1; pid %s/pid; error_log stderr warn;\nevents { worker_connections 1024; }\nhttp {\naccess_log off;\n", dir)
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&b, "%s_temp_path %s/%[1]s;\n", kind, dir)
	}
	b.WriteString(strings.ReplaceAll(head, "DIR", dir))
	for _, s := range servers {
		s.address = freeAddress(t)
		fmt.Fprintf(&b, "server {\nlisten %s %s;\n%s\n}\n", s.address, s.listen, s.text)
	}
	b.WriteString("}\n")
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	startFront(t, exec.Command(nginx, "-p", dir, "-c", file, "-e", "stderr"), servers)
}

// startHAProxy runs one HAProxy with all sections.
func startHAProxy(t *testing.T, head string, sections map[string]*front) {
	t.Helper()
	haproxy := need(t, "haproxy")
	var b strings.Builder
	fmt.Fprintf(&b, "defaults\nmode http\ntimeout connect 5s\ntimeout client 60s\ntimeout server 60s\n%s\n", head)
	for name, s := range sections {
		s.address = freeAddress(t)
		fmt.Fprintf(&b, "listen %s\nbind %s %s\n%s\n", strings.ReplaceAll(name, " ", "-"), s.address, s.listen, s.text)
	}
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	startFront(t, exec.Command(haproxy, "-db", "-f", file), sections)
}

// startFront runs a proxy until the test ends, and waits until it listens.
func startFront(t *testing.T, cmd *exec.Cmd, fronts map[string]*front) {
	t.Helper()
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			cmd.Process.Kill()
			<-ended
		}
	})
	end := time.Now().Add(harness.Patience)
	for _, f := range fronts {
		for {
			c, err := net.Dial("tcp", f.address)
			if err == nil {
				c.Close()
				break
			}
			select {
			case <-ended:
				t.Fatalf("%s ended: %s", filepath.Base(cmd.Path), said.String())
			case <-time.After(20 * time.Millisecond):
			}
			if time.Now().After(end) {
				cmd.Process.Kill()
				<-ended
				t.Fatalf("%s does not listen at %s: %s", filepath.Base(cmd.Path), f.address, said.String())
			}
		}
	}
}
