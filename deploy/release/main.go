// Command release makes what is handed out: an archive for each system, and the .deb and
// the .rpm for Linux, with their checksums. The same source gives the same bytes, wherever
// and whenever it is built: "make reproducible" tries it.
package main

import (
	"cmp"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	allTargets = "linux/amd64,linux/arm64,darwin/amd64,darwin/arm64,windows/amd64"
	allKinds   = "archive,deb,rpm"
	sums       = "SHA256SUMS"
)

// A release is what one run makes.
type release struct {
	version string    // as "cometproxy version" prints it: v1.2.3, or what git knows
	date    time.Time // of every file in it
	out     string    // folder
	nfpm    string    // the program that makes packages
	stage   string    // folder for what goes into them
}

func main() {
	var r release
	targets := flag.String("targets", allTargets, "systems to build for")
	kinds := flag.String("kinds", allKinds, "what to make; packages are for Linux only")
	flag.StringVar(&r.out, "out", "dist", "`FOLDER` for it; it is emptied first")
	flag.StringVar(&r.nfpm, "nfpm", "bin/nfpm", "`FILE` of nfpm, for packages")
	flag.Parse()
	if err := r.make(strings.Split(*targets, ","), strings.Split(*kinds, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// make builds each target and makes each kind of it.
func (r *release) make(targets, kinds []string) (err error) {
	if _, err := os.Stat("deploy/release/main.go"); err != nil {
		return fmt.Errorf("run it in the folder that has go.mod: %w", err)
	}
	if err := r.identify(); err != nil {
		return err
	}
	if err := empty(r.out); err != nil {
		return err
	}
	if r.stage, err = os.MkdirTemp("", "cometproxy-release-"); err != nil {
		return err
	}
	defer os.RemoveAll(r.stage)
	for _, text := range targets {
		system, arch, ok := strings.Cut(text, "/")
		if !ok {
			return fmt.Errorf("%q is no target: write system/architecture, as in linux/amd64", text)
		}
		if err := r.target(target{system, arch}, kinds); err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
	}
	return r.checksums()
}

// target makes each kind for one system.
func (r *release) target(t target, kinds []string) error {
	s := stage{filepath.Join(r.stage, t.system+"_"+t.arch)}
	if err := r.fill(s, t); err != nil {
		return err
	}
	for _, kind := range kinds {
		var err error
		switch {
		case kind == "archive":
			err = r.archive(s, t)
		case kind != "deb" && kind != "rpm":
			err = fmt.Errorf("%q is nothing that can be made: choose of %s", kind, allKinds)
		case t.system == "linux":
			err = r.pack(s, t, kind)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// identify finds the version and the date: those of the environment, or of the commit.
func (r *release) identify() error {
	r.version = cmp.Or(os.Getenv("VERSION"), described())
	seconds := cmp.Or(os.Getenv("SOURCE_DATE_EPOCH"), git("log", "-1", "--format=%ct"))
	if r.version == "" || seconds == "" {
		return fmt.Errorf("this is no clone of git with commits, so say what it is: VERSION=v1.2.3 SOURCE_DATE_EPOCH=seconds since 1970")
	}
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH is %q, and should be seconds since 1970", seconds)
	}
	r.date = time.Unix(n, 0).UTC()
	return nil
}

// described is the commit's tag; without one, what Go calls a pseudo-version, which is
// older than the next tag for dpkg and rpm too.
func described() string {
	tag := git("describe", "--tags", "--exact-match", "--match", "v[0-9]*")
	when, hash := git("log", "-1", "--format=%cd", "--date=format-local:%Y%m%d%H%M%S"), git("rev-parse", "--short=12", "HEAD")
	if tag != "" || hash == "" {
		return tag
	}
	return "v0.0.0-" + when + "-" + hash
}

// git is the output of a command, "" if it fails.
func git(args ...string) string {
	c := exec.Command("git", args...)
	c.Env = append(os.Environ(), "TZ=UTC")
	out, _ := c.Output()
	return strings.TrimSpace(string(out))
}

// empty makes a folder, or removes what an earlier run made there. A folder with other
// things in it is left as it is.
func empty(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if name := e.Name(); name != sums && !strings.HasPrefix(name, "cometproxy") {
			return fmt.Errorf("%s has %s in it, which is no part of a release: name another folder with -out", dir, name)
		}
	}
	for _, e := range entries {
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// checksums writes the file that "sha256sum -c" reads.
func (r *release) checksums() error {
	files, err := filepath.Glob(filepath.Join(r.out, "cometproxy*"))
	if err != nil {
		return err
	}
	slices.Sort(files)
	var text strings.Builder
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "%x  %s\n", sha256.Sum256(b), filepath.Base(file))
	}
	fmt.Print(text.String())
	return os.WriteFile(filepath.Join(r.out, sums), []byte(text.String()), 0o644)
}
