//go:build linux

package apps

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestBrowser opens the demo in two windows of Chromium, and restarts it. With
// COMETPROXY_SCREENSHOT=FILE both windows are saved as a picture.
func TestBrowser(t *testing.T) {
	browse(t, "browser.mjs", os.Getenv("COMETPROXY_SCREENSHOT"))
}

// TestBrowserGrip opens the demo in which people sign in, as three of them: what
// is for one of them the third does not see. COMETPROXY_SCREENSHOT_GRIP=FILE saves
// a picture of them.
func TestBrowserGrip(t *testing.T) {
	browse(t, "browsergrip.mjs", os.Getenv("COMETPROXY_SCREENSHOT_GRIP"), "-grip")
}

// browse runs the demo with these flags, and a program that drives Chromium with
// its page. When that prints "restart", the demo is started anew.
func browse(t *testing.T, program, screenshot string, flags ...string) {
	chromium := need(t, "chromium", "chromium")
	node, dir := needPackages(t)
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	public, internal := freeAddress(t), freeAddress(t)
	demo := func() *process {
		p := start(t, "", nil, path, append([]string{"demo", "-listen", public, "-internal", internal}, flags...)...)
		p.waitFor(public)
		return p
	}
	running := demo()

	args := []string{program, chromium, "http://" + public + "/"}
	if screenshot != "" {
		args = append(args, screenshot)
	}
	cmd := exec.CommandContext(t.Context(), node, args...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = dir, environment(), 5*time.Second
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // ends Chromium as well
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	overdue := time.AfterFunc(90*time.Second, func() { cmd.Cancel() })
	defer overdue.Stop()
	defer syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // whatever of Chromium is left
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if lines.Text() != "restart" {
			t.Log(lines.Text())
			continue
		}
		if err := running.stop(); err != nil {
			t.Errorf("the demo did not end in order: %v", err)
		}
		running = demo()
		io.WriteString(in, "\n")
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, &complaints)
	}
	if err := running.stop(); err != nil {
		t.Errorf("the demo did not end in order: %v", err)
	}
	for line := range strings.Lines(running.output()) {
		if strings.Contains(line, `"level":"error"`) || strings.Contains(line, "panic") {
			t.Errorf("the demo says: %s", line)
		}
	}
}
