package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"cometproxy/cmd/cometproxy/internal/config"
)

// invoke runs a command line in process.
func invoke(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(args, &out, &err)
	return code, out.String(), err.String()
}

// writeFile makes a file in a fresh directory.
func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"-h"}, {"--help"}} {
		code, stdout, stderr := invoke(args...)
		if code != exitOK || stderr != "" {
			t.Errorf("%q: exit %d, %q", args, code, stderr)
		}
		for _, c := range commands {
			if !strings.Contains(stdout, c.name) || !strings.Contains(stdout, c.summary) {
				t.Errorf("%q does not list %s", args, c.name)
			}
		}
	}
	for _, c := range commands {
		for _, args := range [][]string{{"help", c.name}, {c.name, "-h"}, {c.name, "--help"}} {
			if args[0] == "help" && c.name == "config" {
				continue // lists the keys
			}
			code, stdout, stderr := invoke(args...)
			if code != exitOK || stderr != "" || !strings.HasPrefix(stdout, "Usage: cometproxy") {
				t.Errorf("%q: exit %d, %q, %q", args, code, stdout, stderr)
			}
		}
	}
	if _, stdout, _ := invoke("version", "-h"); strings.Contains(stdout, "Flags:") {
		t.Errorf("version has no flags: %s", stdout)
	}
	if _, stdout, _ := invoke("demo", "-h"); !strings.Contains(stdout, "  -internal ADDRESS  loopback") || !strings.Contains(stdout, "  -listen ADDRESS    ADDRESS") {
		t.Errorf("flags are not aligned: %s", stdout)
	}
	if code, stdout, _ := invoke("help", "config"); code != exitOK || stdout != config.Reference() {
		t.Errorf("help config: exit %d, %q", code, stdout)
	}
}

func TestUsageErrors(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"chekc"}, `no command "chekc"`},
		{[]string{"help", "chekc"}, `no command "chekc"`},
		{[]string{"help", "config", "extra"}, `unexpected "extra". Try: cometproxy help config`},
		{[]string{"help", "serve", "extra"}, `unexpected "extra"`},
		{[]string{"check", "-cofnig", "x"}, "-cofnig"},
		{[]string{"check", "x.toml"}, "-config x.toml"},
		{[]string{"version", "now"}, "now"},
		{[]string{"publish"}, "no channel"},
		{[]string{"publish", "a", "b", "c"}, "too many words"},
		{[]string{"publish", "$sys", "b"}, "reserved"},
		{[]string{"publish", "", "b"}, "empty"},
		{[]string{"publish", "..", "b"}, "cannot be"},
		{[]string{"publish", "a\nb", "b"}, "control character"},
		{[]string{"publish", strings.Repeat("x", 256), "b"}, "256 bytes"},
		{[]string{"publish", "-key", "a\rb", "c", "d"}, "control character"},
		{[]string{"publish", "-key", strings.Repeat("x", 256), "c", "d"}, "255"},
	} {
		code, stdout, stderr := invoke(test.args...)
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, test.want) {
			t.Errorf("%q: exit %d, %q, %q; want %q", test.args, code, stdout, stderr, test.want)
		}
	}
}

func TestVersion(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"--version"}} {
		if code, stdout, _ := invoke(args...); code != exitOK || !strings.HasPrefix(stdout, "cometproxy ") || !strings.Contains(stdout, "go1.") {
			t.Errorf("%q: exit %d, %q", args, code, stdout)
		}
	}
	info := &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.modified", Value: "true"}}}
	if got := versionText(info, true); !strings.HasPrefix(got, "v1.2.3 (") || !strings.HasSuffix(got, ", commit 0123456789ab with changes)") {
		t.Errorf("got %q", got)
	}
	if got := versionText(nil, false); !strings.HasPrefix(got, "development (") {
		t.Errorf("got %q", got)
	}
}
