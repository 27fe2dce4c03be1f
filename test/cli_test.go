package test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

// command runs the binary, and returns what it printed.
func command(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), harness.Patience)
	defer cancel()
	var out, errs bytes.Buffer
	c := exec.CommandContext(ctx, harness.Binary(t), args...)
	c.Stdout, c.Stderr = &out, &errs
	c.Run()
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}

// TestTail follows channels through a running server, over a drain and a restart.
func TestTail(t *testing.T) {
	t.Parallel()
	public, internal := listening(t), listening(t)
	dir := t.TempDir()
	config := drainConfig(public.Addr().String(), internal.Addr().String(), 1, snapshotConfig(filepath.Join(dir, "history")))
	file2 := filepath.Join(dir, "c.toml")
	if err := os.WriteFile(file2, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s := harness.StartInheriting(t, config, file(t, public), file(t, internal))
	s.ClientsStay = true
	s.Publish("room:a", "first")
	var out, errs bytes.Buffer
	c := exec.Command(harness.Binary(t), "tail", "-config", file2, "-from", "earliest", "-n", "3", "room:a")
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer c.Process.Kill()
	s.AwaitParked(1, harness.Patience)
	s.Publish("room:a", "two\nlines \x1b[31m")
	s.AwaitParked(1, harness.Patience)
	list, _, code := command(t, "channels", "-config", file2, "-sort", "waiters", "room:")
	if code != 0 || !strings.Contains(list, "room:a") || !strings.Contains(list, "WAITERS") {
		t.Errorf("channels: %d %s", code, list)
	}
	s.Signal(syscall.SIGTERM)
	wantExit(t, s, 0, 10*time.Second)
	s = harness.StartInheriting(t, config, file(t, public), file(t, internal))
	s.ClientsStay = true
	s.Publish("room:a", "third")
	if err := c.Wait(); err != nil {
		t.Errorf("%v %s", err, errs.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 || !strings.HasSuffix(lines[0], "room:a  first") || !strings.HasSuffix(lines[1], `room:a  "two\nlines \x1b[31m"`) || !strings.HasSuffix(lines[2], "room:a  third") {
		t.Errorf("%q %s", lines, errs.String())
	}
	out2, _, code := command(t, "tail", "-json", "-n", "1", "-from", "earliest", "-url", fmt.Sprintf("http://%s/room/a", public.Addr()))
	if code != 0 || !strings.HasPrefix(out2, `{"channel":"room:a","id":"`) {
		t.Errorf("tail -url: %d %s", code, out2)
	}
}

// TestTailRefused: what cannot be followed is said.
func TestTailRefused(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, roomsConfig)
	dir := t.TempDir()
	file := filepath.Join(dir, "c.toml")
	if err := os.WriteFile(file, []byte("[public]\nlisten = [\""+s.Public[0]+"\"]\n"+roomsConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"tail"}, 2, "name channels"},
		{[]string{"tail", "-config", file, "elsewhere"}, 1, "no route"},
		{[]string{"tail", "-url", "http://" + s.Public[0] + "/nothing"}, 1, "404"},
		{[]string{"tail", "-url", "nonsense"}, 1, "no URL"},
		{[]string{"channels", "-url", "http://127.0.0.1:1"}, 1, "nothing listens"},
		{[]string{"channels", "-sort", "x"}, 2, "-sort is"},
		{[]string{"config", "-config", filepath.Join(dir, "none.toml")}, 1, "no such file"},
	} {
		if _, stderr, code := command(t, c.args...); code != c.code || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: exit %d, %s", c.args, code, stderr)
		}
	}
	if stdout, _, code := command(t, "config", "-config", file); code != 0 || !strings.Contains(stdout, "drain = \"20s\"  # default") {
		t.Errorf("config: %d %s", code, stdout)
	}
}

// TestTailTLS: the only listener speaks TLS, and expects this machine to say who its
// client is; the configuration's certificate is trusted, and no other.
func TestTailTLS(t *testing.T) {
	t.Parallel()
	a, other := newAuthority(t), newAuthority(t)
	a.issue("a.example")
	other.issue("a.example")
	config := func(a *authority) string {
		return fmt.Sprintf("proxy_protocol_from = [\"127.0.0.1\"]\n%s[[certificate]]\ncert = %q\nkey = %q\n", roomsConfig, a.file("a.example.pem"), a.file("a.example.key"))
	}
	s := harness.Start(t, "[public]\nlisten = []\ntls_listen = [\"127.0.0.1:0\"]\n"+config(a))
	s.Publish("room:a", "first")
	dir := t.TempDir()
	file := func(name string, a *authority) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(fmt.Sprintf("[public]\nlisten = []\ntls_listen = [%q]\n%s", s.Public[0], config(a))), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	mine, theirs := file("c.toml", a), file("d.toml", other)
	for _, args := range [][]string{{"-config", mine}, {"-config", theirs, "-insecure"}} {
		args = append(append([]string{"tail"}, args...), "-from", "earliest", "-n", "1", "room:a")
		if stdout, stderr, code := command(t, args...); code != 0 || !strings.HasSuffix(stdout, "room:a  first\n") {
			t.Errorf("%v: %d %s%s", args, code, stdout, stderr)
		}
	}
	if _, stderr, code := command(t, "tail", "-config", theirs, "room:a"); code != 1 || !strings.Contains(stderr, "none of those of the configuration") {
		t.Errorf("%d %s", code, stderr)
	}
}
