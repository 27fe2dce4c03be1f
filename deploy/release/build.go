package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A target is a system as Go calls it.
type target struct{ system, arch string }

func (t target) binary() string {
	if t.system == "windows" {
		return "cometproxy.exe"
	}
	return "cometproxy"
}

// env is an environment in which nothing of this machine's settings changes the binary.
func (t target) env() []string {
	return append(os.Environ(), "GOOS="+t.system, "GOARCH="+t.arch, "CGO_ENABLED=0",
		"GOFLAGS=", "GOEXPERIMENT=", "GOAMD64=v1", "GOARM64=v8.0", "GOFIPS140=off", "GOWORK=off")
}

// build makes the binary. No path, time, build id or state of the repository gets into it.
func (r *release) build(t target, file string) error {
	return run(t.env(), "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -buildid= -X main.version="+r.version, "-o", file, "./cmd/cometproxy")
}

// run runs a program; what it prints becomes part of the error.
func run(env []string, name string, args ...string) error {
	c := exec.Command(name, args...)
	c.Env = env
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

// licences are those of Go and of the modules that are linked into the binary, which ask
// to go where it goes.
func licences(t target) (string, error) {
	c := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}\t{{.Dir}}{{end}}{{end}}", "./cmd/cometproxy")
	c.Env, c.Stderr = t.env(), os.Stderr
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("go list: %w", err)
	}
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("go env: %w", err)
	}
	list := "Go's standard library\t" + strings.TrimSpace(string(goroot)) + "\n" + string(out)
	var text strings.Builder
	text.WriteString("cometproxy has these modules in its binary, under the licences that follow.\n")
	seen := make(map[string]bool)
	for line := range strings.Lines(list) {
		name, dir, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok || seen[name] {
			continue
		}
		seen[name] = true
		if err := appendLicence(&text, name, dir); err != nil {
			return "", err
		}
	}
	return text.String(), nil
}

// appendLicence writes what a module's folder has of licences and notices.
func appendLicence(text *strings.Builder, name, dir string) error {
	var files []string
	for _, pattern := range []string{"LICEN[SC]E*", "COPYING*", "NOTICE*"} {
		found, _ := filepath.Glob(filepath.Join(dir, pattern)) // sorted
		files = append(files, found...)
	}
	if len(files) == 0 {
		if strings.HasPrefix(name, "Go's") { // some distributions keep it elsewhere
			return nil
		}
		return fmt.Errorf("%s has no licence in %s: may it be handed out?", name, dir)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		fmt.Fprintf(text, "\n\n==== %s: %s\n\n%s\n", name, filepath.Base(file), bytes.TrimSpace(b))
	}
	return nil
}
