package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// A stage is a folder with what goes into the archive and the packages of one target:
//
//	cometproxy[.exe]  the binary
//	doc/              README.md, docs/ and the like, licences
//	completion/bash   for the shells, if cometproxy can write it;
//	completion/deb    the same where a package has it, below /usr/share, likewise rpm
type stage struct{ dir string }

func (s stage) path(elements ...string) string {
	return filepath.Join(append([]string{s.dir}, elements...)...)
}

// folder makes a folder and those above it. Modes are set whatever the umask: they end up
// in packages.
func (s stage) folder(elements ...string) error {
	for n := range elements {
		dir := s.path(elements[:n+1]...)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := os.Chmod(dir, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// write puts a file there.
func (s stage) write(text []byte, elements ...string) error {
	last := len(elements) - 1
	if err := s.folder(elements[:last]...); err != nil {
		return err
	}
	file := s.path(elements...)
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return err
	}
	return os.Chmod(file, 0o644)
}

// copy puts a file of the source there, under its own name.
func (s stage) copy(file string, elements ...string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return s.write(text, append(elements, filepath.Base(file))...)
}

// copyright is the file that Debian wants.
const copyright = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: cometproxy
Comment: The licences of the modules in the binary are in THIRD_PARTY_LICENSES.

Files: *
Copyright: The cometproxy authors
License: Apache-2.0
 On Debian systems the text of this licence is in /usr/share/common-licenses/Apache-2.0.
`

// fill lays everything out.
func (r *release) fill(s stage, t target) error {
	if err := r.build(t, s.path(t.binary())); err != nil {
		return err
	}
	text, err := licences(t)
	if err != nil {
		return err
	}
	if err := s.write([]byte(text), "doc", "THIRD_PARTY_LICENSES"); err != nil {
		return err
	}
	if err := s.write([]byte(copyright), "doc", "copyright"); err != nil {
		return err
	}
	for _, file := range []string{"README.md", "CHANGELOG.md", "config.example.toml"} {
		if err := s.copy(file, "doc"); err != nil {
			return err
		}
	}
	pages, err := filepath.Glob("docs/*.md")
	if err != nil {
		return err
	}
	for _, page := range pages {
		if err := s.copy(page, "doc", "docs"); err != nil {
			return err
		}
	}
	return r.completion(s)
}

// completions are the shells' files, and where packages have them below /usr/share.
var completions = []struct{ shell, archive, deb, rpm string }{
	{"bash", "cometproxy.bash", "bash-completion/completions/cometproxy", "bash-completion/completions/cometproxy"},
	{"zsh", "_cometproxy", "zsh/vendor-completions/_cometproxy", "zsh/site-functions/_cometproxy"},
	{"fish", "cometproxy.fish", "fish/vendor_completions.d/cometproxy.fish", "fish/vendor_completions.d/cometproxy.fish"},
}

// completion has this machine's own cometproxy write the files for the shells; a version
// without that command leaves them out.
func (r *release) completion(s stage) error {
	for _, kind := range []string{"archive", "deb", "rpm"} {
		if err := s.folder("completion", kind); err != nil {
			return err
		}
	}
	own := filepath.Join(r.stage, "own.exe")
	if _, err := os.Stat(own); err != nil {
		if err := r.build(target{runtime.GOOS, runtime.GOARCH}, own); err != nil {
			return err
		}
	}
	if exec.Command(own, "help", "completion").Run() != nil {
		return nil
	}
	for _, c := range completions {
		text, err := exec.Command(own, "completion", c.shell).Output()
		if err != nil {
			return fmt.Errorf("cometproxy completion %s: %w", c.shell, err)
		}
		for kind, file := range map[string]string{"archive": c.archive, "deb": c.deb, "rpm": c.rpm} {
			if err := s.write(text, append([]string{"completion", kind}, strings.Split(file, "/")...)...); err != nil {
				return err
			}
		}
	}
	return nil
}

// pack has nfpm make a package.
func (r *release) pack(s stage, t target, format string) error {
	file := filepath.Join(r.out, fmt.Sprintf("cometproxy_%s_%s.%s", r.version, t.arch, format))
	if err := run(append(os.Environ(), "VERSION="+r.version, "ARCH="+t.arch, "STAGE="+s.dir, "FORMAT="+format,
		fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.date.Unix())),
		r.nfpm, "package", "--config", "deploy/packages/nfpm.yaml", "--packager", format, "--target", file); err != nil {
		return fmt.Errorf("%w\n(make bin/nfpm builds nfpm)", err)
	}
	return nil
}
