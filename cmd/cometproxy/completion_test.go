package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// completed lines, whose last word is the one that is completed, and what comes of
// them in every shell. The folder has the files below.
var completedLines = map[string]string{
	"cometproxy re":                  "reload",
	"cometproxy h":                   "health help",
	"cometproxy -c":                  "-config",
	"cometproxy -config cometproxy.": "cometproxy.toml",
	"cometproxy tail -f":             "-from",
	"cometproxy tail -":              "-cacert -config -from -insecure -json -n -url",
	"cometproxy tail -from e":        "earliest",
	"cometproxy tail -n 3 -j":        "-json",
	"cometproxy help chan":           "channels",
	"cometproxy doctor -ho":          "-hold",
	"cometproxy help conf":           "config",
	"cometproxy completion z":        "zsh",
	"cometproxy publish -t":          "-type",
	"cometproxy check -config co":    "cometproxy.toml conf/",
	"cometproxy check -config conf/": "conf/b.toml",
	"cometproxy channels -sort ":     "messages name oldest waiters",
	"cometproxy health -probe l":     "live",
	"cometproxy doctor -probe l":     "",
	"cometproxy doctor -cacert oth":  "other",
	"cometproxy tail -cacert oth":    "other",
	"cometproxy version ":            "",
	"cometproxy nonsense ":           "",
}

func completionFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"files/cometproxy.toml", "files/other", "files/conf/b.toml"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// shell finds a shell, or skips.
func shell(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("COMETPROXY_NO_SKIP") == "1" {
			t.Fatalf("there is no %s: install it (test/apps/install.sh does)", name)
		}
		t.Skipf("there is no %s: install it (test/apps/install.sh does)", name)
	}
	return path
}

// wantMatches compares what a shell offers, one on each line.
func wantMatches(t *testing.T, line, printed, want string) {
	t.Helper()
	got := strings.Fields(printed)
	for i, match := range got {
		got[i] = strings.TrimSuffix(match, "/")
		if got[i] == "conf" {
			got[i] = "conf/"
		}
	}
	slices.Sort(got)
	if text := strings.Join(slices.Compact(got), " "); text != want {
		t.Errorf("%q: %q, want %q", line, text, want)
	}
}

func TestCompletionBash(t *testing.T) {
	bash := shell(t, "bash")
	_, script, _ := invoke("completion", "bash")
	dir := completionFolder(t)
	more := map[string]string{
		"cometproxy check -config = cometproxy.": "cometproxy.toml", // so bash cuts -config=cometproxy.
		"cometproxy channels -sort =":            "messages name oldest waiters",
	}
	for _, lines := range []map[string]string{completedLines, more} {
		for line, want := range lines {
			words := strings.Split(line, " ")
			cmd := exec.Command(bash, append([]string{"--norc", "-c", script + `COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _cometproxy; echo "${COMPREPLY[@]}"`, "bash"}, words...)...)
			cmd.Dir = filepath.Join(dir, "files")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%q: %v", line, err)
			}
			wantMatches(t, line, string(out), want)
		}
	}
}

func TestCompletionZsh(t *testing.T) {
	zsh := shell(t, "zsh")
	_, script, _ := invoke("completion", "zsh")
	dir := completionFolder(t)
	if err := os.Mkdir(filepath.Join(dir, "functions"), 0o700); err != nil {
		t.Fatal(err)
	}
	setup, err := os.ReadFile("testdata/setup.zsh")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"functions/_cometproxy": script, "setup.zsh": string(setup)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	lines := slices.Sorted(maps.Keys(completedLines))
	lines = append(lines, "cometproxy check -config=cometproxy.")
	cmd := exec.Command(zsh, "-f", "testdata/capture.zsh", dir)
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	stuck := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer stuck.Stop()
	out, err := cmd.CombinedOutput()
	found := strings.Split(string(out), "\n")
	if err != nil || len(found) != len(lines)+1 {
		t.Fatalf("%v, %q", err, out)
	}
	for i, line := range lines {
		want, ok := completedLines[line]
		if !ok {
			want = "cometproxy.toml"
		}
		if strings.HasSuffix(line, "conf/") {
			want = strings.TrimPrefix(want, "conf/") // zsh has the folder apart
		}
		wantMatches(t, line, found[i], want)
	}
}

func TestCompletionFish(t *testing.T) {
	fish := shell(t, "fish")
	_, script, _ := invoke("completion", "fish")
	dir := completionFolder(t)
	for line, want := range completedLines {
		cmd := exec.Command(fish, "--no-config", "-c", script+"complete -C $argv[1]", line)
		cmd.Dir = filepath.Join(dir, "files")
		cmd.Env = append(os.Environ(), "HOME="+dir)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%q: %v, %s", line, err, out)
		}
		var names []string // without descriptions
		for match := range strings.Lines(string(out)) {
			name, _, _ := strings.Cut(match, "\t")
			names = append(names, name)
		}
		wantMatches(t, line, strings.Join(names, "\n"), want)
	}
}

func TestCompletionRefused(t *testing.T) {
	if code, _, stderr := invoke("completion", "csh"); code != exitUsage || !strings.Contains(stderr, "bash, zsh or fish") {
		t.Errorf("exit %d, %s", code, stderr)
	}
}
