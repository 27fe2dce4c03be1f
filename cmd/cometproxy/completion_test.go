package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestCompletion has bash complete, and the other shells read, the scripts.
func TestCompletion(t *testing.T) {
	_, script, _ := invoke("completion", "bash")
	if bash, err := exec.LookPath("bash"); err == nil {
		for line, want := range map[string]string{
			"cometproxy re":           "reload",
			"cometproxy tail -f":      "-from",
			"cometproxy help chan":    "channels",
			"cometproxy completion z": "zsh",
			"cometproxy publish -t":   "-type",
			"cometproxy doctor -ho":   "-hold",
		} {
			words := strings.Fields(line)
			cmd := exec.Command(bash, append([]string{"-c", script + `COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _cometproxy; echo "${COMPREPLY[@]}"`, "bash"}, words...)...)
			out, err := cmd.CombinedOutput()
			if got := strings.TrimSpace(string(out)); err != nil || got != want {
				t.Errorf("%q: %q, %v", line, got, err)
			}
		}
	}
	for _, shell := range []string{"zsh", "fish"} {
		code, script, _ := invoke("completion", shell)
		if code != exitOK || !strings.Contains(script, "reload") || !strings.Contains(script, "from") {
			t.Errorf("%s: exit %d, %s", shell, code, script)
		}
		if path, err := exec.LookPath(shell); err == nil {
			if out, err := exec.Command(path, "-n", "-c", script).CombinedOutput(); err != nil {
				t.Errorf("%s: %v %s", shell, err, out)
			}
		}
	}
	if code, _, stderr := invoke("completion", "csh"); code != exitUsage || !strings.Contains(stderr, "bash, zsh or fish") {
		t.Errorf("exit %d, %s", code, stderr)
	}
}
