package main

import (
	"path/filepath"
	"strings"
	"testing"
)

const native = `
[[route]]
path = "/events/{room}"
channels = ["room:{room}", "everyone"]

[[route]]
host = "a.example"
path = "/any/{channel}"
channels = ["{channel}"]
open = true
`

func TestCheck(t *testing.T) {
	file := writeFile(t, "c.toml", native)
	code, stdout, stderr := invoke("check", "-config", file)
	want := file + `:9: warning: route.channels: open = true: whoever can reach a.example/any/{channel} may read every channel
PUBLIC  /events/{room} -> room:{room}, everyone
PUBLIC  a.example/any/{channel} -> {channel}  (open: any channel)
ok: ` + file + ": 2 routes, 0 backends, 1 warning\n"
	if code != exitOK || stdout != want || stderr != "" {
		t.Errorf("exit %d, stderr %q, got\n%swant\n%s", code, stderr, stdout, want)
	}
}

func TestCheckFails(t *testing.T) {
	file := writeFile(t, "c.toml", "[hold]\ntimeout = \"25\"\nmax_tmeout = \"60s\"\n"+native)
	code, stdout, _ := invoke("check", "-config", file)
	for _, want := range []string{
		file + ":2: hold.timeout: \"25\" has no unit: write \"25s\"\n",
		file + ":3: hold.max_tmeout: unknown key; did you mean max_timeout?\n",
		"\nfailed: " + file + ": 2 problems, 1 warning\n",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
	if code != exitFailed || strings.Contains(stdout, "PUBLIC") {
		t.Errorf("exit %d,\n%s", code, stdout)
	}
}

func TestCheckWithoutFile(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.toml")
	code, stdout, _ := invoke("check", "-config", missing)
	if code != exitFailed || !strings.HasPrefix(stdout, missing+": there is no such file") {
		t.Errorf("exit %d, %q", code, stdout)
	}
	t.Chdir(t.TempDir())
	if code, stdout, _ := invoke("check"); code != exitFailed || !strings.HasPrefix(stdout, "cometproxy.toml: there is no such file") {
		t.Errorf("exit %d, %q", code, stdout)
	}
	if code, stdout, _ := invoke("check", "-config", "."); code != exitFailed || !strings.Contains(stdout, "no regular file") {
		t.Errorf("exit %d, %q", code, stdout)
	}
}

func TestCheckExample(t *testing.T) {
	code, stdout, _ := invoke("check", "-config", "../../config.example.toml")
	want := "PUBLIC  /events/{room} -> room:{room}, everyone\nok: ../../config.example.toml: 3 routes, 1 backend\n"
	if code != exitOK || stdout != want {
		t.Errorf("exit %d, got\n%swant\n%s", code, stdout, want)
	}
}

func TestCheckStrict(t *testing.T) {
	file := writeFile(t, "c.toml", native)
	if code, stdout, _ := invoke("check", "-strict", "-config", file); code != exitFailed || !strings.Contains(stdout, "failed: "+file+": 2 routes, 0 backends, 1 warning\n") {
		t.Errorf("exit %d, %s", code, stdout)
	}
	file = writeFile(t, "c.toml", "[[route]]\npath = \"/a\"\nchannels = [\"a\"]\n")
	if code, stdout, _ := invoke("check", "-strict", "-config", file); code != exitOK {
		t.Errorf("exit %d, %s", code, stdout)
	}
}

// TestCheckLists: what is public, and what apps are told.
func TestCheckLists(t *testing.T) {
	file := writeFile(t, "c.toml", "[public]\nprobe = \"/probe\"\n[[backend]]\nname = \"app\"\nurls = [\"http://127.0.0.1:3000\"]\n[[route]]\npath = \"/a\"\nchannels = [\"a\", \"b\"]\n"+
		"[[presence]]\nchannels = [\"a*\"]\nbackend = \"app\"\npath = \"/who\"\n")
	code, stdout, _ := invoke("check", "-config", file)
	const want = "PUBLIC  /a -> a, b\nPUBLIC  /probe -> the probe of cometproxy doctor\nTOLD    app, at /who: who is on a*\n"
	if code != exitOK || !strings.Contains(stdout, want) {
		t.Errorf("exit %d, %s", code, stdout)
	}
}
