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

// inherit opens a listener for each front, which the proxy gets as descriptors from 3
// on: a port that was free a moment ago may be somebody else's now.
func inherit(t *testing.T, fronts map[string]*front) (names []string, files []*os.File) {
	t.Helper()
	for name, f := range fronts {
		ln := listening(t)
		f.address = ln.Addr().String()
		names, files = append(names, name), append(files, file(t, ln))
		ln.Close()
	}
	return names, files
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
	names, files := inherit(t, servers)
	sockets := "NGINX="
	for i, name := range names {
		s := servers[name]
		sockets += fmt.Sprintf("%d;", 3+i)
		fmt.Fprintf(&b, "server {\nlisten %s %s;\n%s\n}\n", s.address, s.listen, s.text)
	}
	b.WriteString("}\n")
	path := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(nginx, "-p", dir, "-c", path, "-e", "stderr")
	cmd.Env, cmd.ExtraFiles = append(os.Environ(), sockets), files
	startFront(t, cmd, servers)
}

// startHAProxy runs one HAProxy with all sections.
func startHAProxy(t *testing.T, head string, sections map[string]*front) {
	t.Helper()
	haproxy := need(t, "haproxy")
	var b strings.Builder
	fmt.Fprintf(&b, "defaults\nmode http\ntimeout connect 5s\ntimeout client 60s\ntimeout server 60s\n%s\n", head)
	names, files := inherit(t, sections)
	for i, name := range names {
		s := sections[name]
		fmt.Fprintf(&b, "listen %s\nbind fd@%d %s\n%s\n", strings.ReplaceAll(name, " ", "-"), 3+i, s.listen, s.text)
	}
	path := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(haproxy, "-db", "-f", path)
	cmd.ExtraFiles = files
	startFront(t, cmd, sections)
}

// startFront runs a proxy until the test ends, and waits until it answers.
func startFront(t *testing.T, cmd *exec.Cmd, fronts map[string]*front) {
	t.Helper()
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, f := range cmd.ExtraFiles {
		f.Close()
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	end := func(sig os.Signal) {
		cmd.Process.Signal(sig)
		<-ended
	}
	t.Cleanup(func() {
		kill := time.AfterFunc(5*time.Second, func() { cmd.Process.Kill() })
		defer kill.Stop()
		end(os.Interrupt)
	})
	for _, f := range fronts {
		if err := answers(f.address); err != nil {
			end(os.Kill)
			t.Fatalf("%s does not answer at %s: %v\n%s", filepath.Base(cmd.Path), f.address, err, said.String())
		}
		return // they begin together
	}
}

// answers waits until a server says anything, be it that this is no TLS.
func answers(address string) error {
	c, err := net.DialTimeout("tcp", address, harness.Patience)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(harness.Patience))
	if _, err := c.Write([]byte("GET /none HTTP/1.0\r\n\r\n")); err != nil {
		return err
	}
	_, err = c.Read(make([]byte, 1))
	return err
}
