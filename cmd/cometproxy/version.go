package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
)

// version is set when a release is linked: -ldflags "-X main.version=v1.2.3".
var version string

const versionUsage = `
Usage: cometproxy version

Prints the version, the Go version, the system, and the commit, if the build
recorded it.
`

// runVersion prints what this binary is.
func runVersion(args []string, stdout, stderr io.Writer) int {
	flags := newFlags("version", versionUsage, stdout)
	if code, done := parseFlags(flags, args, stderr); done {
		return code
	}
	if flags.NArg() > 0 {
		return usageError(stderr, "version", "unexpected %q", flags.Arg(0))
	}
	fmt.Fprintln(stdout, "cometproxy "+versionText(debug.ReadBuildInfo()))
	return exitOK
}

// buildVersion is the version alone.
func buildVersion() string {
	text, _, _ := strings.Cut(versionText(debug.ReadBuildInfo()), " ")
	return text
}

// versionText puts together what the linker and the build know.
func versionText(info *debug.BuildInfo, known bool) string {
	text, commit, dirty := version, "", ""
	if known {
		if text == "" && info.Main.Version != "(devel)" {
			text = info.Main.Version
		}
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				commit = ", commit " + s.Value[:min(12, len(s.Value))]
			case s.Key == "vcs.modified" && s.Value == "true":
				dirty = " with changes"
			}
		}
	}
	if text == "" {
		text = "development"
	}
	return fmt.Sprintf("%s (%s %s/%s%s%s)", text, runtime.Version(), runtime.GOOS, runtime.GOARCH, commit, dirty)
}
