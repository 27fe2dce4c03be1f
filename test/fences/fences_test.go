// Package fences checks what no compiler does: which package may import which,
// how long functions are, that files are formatted and packages documented, and
// that no path of somebody's machine got in.
package fences

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "cometproxy"
)

// A fence keeps imports out of packages. A pattern is an import path; "path/..."
// also stands for what is below it, "std" for the standard library, "x" for all
// that is neither that nor of this module, and "*" for everything.
type fence struct {
	packages []string
	but      []string // exceptions to packages
	forbid   []string
	allow    []string // exceptions to forbid
	reason   string
}

var fences = []fence{
	{
		packages: []string{"channels"},
		forbid:   []string{"*"}, allow: []string{"std"},
		reason: "channels knows neither HTTP nor connections, so that every transport and every engine can share it: the standard library only",
	},
	{
		packages: []string{"channels"},
		forbid:   []string{"net/...", "os/...", "log/..."},
		reason:   "channels touches nothing outside of its memory: no network, no files, no log. What happens goes to its callers, as results, Stats and the Receiver",
	},
	{
		packages: []string{"channels/channelstest"},
		forbid:   []string{"*"}, allow: []string{"std", "cometproxy/channels"},
		reason: "every engine must be able to run the conformance suite, so it brings nothing along",
	},
	{
		packages: []string{"park"},
		forbid:   []string{"*"}, allow: []string{"std", "golang.org/x/sys/...", "cometproxy/park/crowd"},
		reason: "park owns connections, whoever speaks over them: the standard library, and x/sys for the system's calls",
	},
	{
		packages: []string{"park/crowd"},
		forbid:   []string{"*"}, allow: []string{"std"},
		reason: "crowd counts addresses, for park and for proxy",
	},
	{
		packages: []string{"front"},
		forbid:   []string{"*"}, allow: []string{"std", "github.com/pires/go-proxyproto/..."},
		reason: "front is listeners over listeners: it knows TLS and the PROXY protocol, and nothing of HTTP",
	},
	{
		packages: []string{"admin"},
		forbid:   []string{"net/http/...", "cometproxy/cmd/...", "cometproxy/park/...", "cometproxy/backend/..."},
		reason:   "admin reads what proxy offers: Stats, and what its Observer is told",
	},
	{
		packages: []string{"grip"},
		forbid:   []string{"net/http/...", "github.com/valyala/fasthttp/...", "os/..."},
		reason:   "grip is a grammar: bytes in, values out. So it can be fuzzed, and no HTTP library's types get into it",
	},
	{
		packages: []string{"grip"},
		forbid:   []string{"x"}, allow: []string{"github.com/golang-jwt/jwt/..."},
		reason: "of other people's code grip needs a JWT library for signatures, and nothing else",
	},
	{
		packages: []string{"backend"},
		forbid:   []string{"*"}, allow: []string{"std", "github.com/valyala/fasthttp/..."},
		reason: "backend speaks HTTP to the app with fasthttp's headers, and knows nothing of what the answers are for",
	},
	{
		packages: []string{"backend", "proxy/...", "channels/...", "park", "park/crowd", "front", "grip"},
		forbid:   []string{"net/http/..."},
		reason:   "there is one HTTP implementation in the proxy, fasthttp: two would disagree about where a request ends",
	},
	{
		packages: []string{"park", "channels", "backend", "grip", "front"},
		forbid:   []string{"cometproxy/park/...", "cometproxy/front/...", "cometproxy/channels/...", "cometproxy/backend/...", "cometproxy/grip/..."}, allow: []string{"cometproxy/park/crowd"},
		reason: "the packages below proxy do not know each other; proxy joins them",
	},
	{
		packages: []string{"park/...", "channels/...", "backend/...", "grip/..."},
		forbid:   []string{"cometproxy/proxy/...", "cometproxy/cmd/...", "cometproxy/admin/..."},
		reason:   "imports only go down; calls upward at run time go through channels.Receiver and park's event func",
	},
	{
		packages: []string{"proxy/..."},
		forbid:   []string{"cometproxy/cmd/...", "cometproxy/admin/..."},
		reason:   "imports only go down: proxy gets Options and knows nothing of who made them",
	},
	{
		packages: []string{"proxy/poll", "proxy/route"},
		forbid:   []string{"*"}, allow: []string{"std"},
		reason: "poll and route are pure functions of a request's bytes: they are fuzzed without a server",
	},
	{
		packages: []string{"proxy/presence"},
		forbid:   []string{"*"}, allow: []string{"std"},
		reason: "presence sends nothing and is told the time, so that a model can try it",
	},
	{
		packages: []string{"cmd/cometproxy/internal/doctor"},
		forbid:   []string{"*"}, allow: []string{"std"},
		reason: "doctor sees cometproxy as its clients do, over HTTP, and through whatever stands in between",
	},
	{
		packages: []string{"..."}, but: []string{"cmd/...", "test/..."},
		forbid: []string{"github.com/BurntSushi/toml/..."},
		reason: "cmd owns every word of the configuration file; packages see Options, so that they can be used and tested without a file",
	},
	{
		packages: []string{"..."},
		but:      []string{"channels/channelstest", "park/parktest", "test/..."},
		forbid:   []string{"cometproxy/channels/channelstest", "cometproxy/park/parktest", "testing/..."},
		reason:   "what is for tests does not get into the binary",
	},
}

// A pkg is what "go list" says of a package of this module.
type pkg struct {
	ImportPath, Dir string
	GoFiles         []string
	IgnoredGoFiles  []string // for other systems
}

func list(t *testing.T) (all []pkg) {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,IgnoredGoFiles", "./...")
	cmd.Dir, cmd.Stderr = root, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var p pkg
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 4 {
		t.Fatalf("only %d packages", len(all))
	}
	return all
}

// name is a package's path within the module.
func (p *pkg) name() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

// files are all files that are not for tests, for every system.
func (p *pkg) files() (files []string) {
	for _, f := range append(p.GoFiles, p.IgnoredGoFiles...) {
		if !strings.HasSuffix(f, "_test.go") {
			files = append(files, filepath.Join(p.Dir, f))
		}
	}
	return files
}

func parse(t *testing.T, file string, mode parser.Mode) (*ast.File, *token.FileSet) {
	t.Helper()
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, file, nil, mode)
	if err != nil {
		t.Fatal(err)
	}
	return f, set
}

func TestImports(t *testing.T) {
	for _, p := range list(t) {
		for _, file := range p.files() {
			f, set := parse(t, file, parser.ImportsOnly)
			for _, spec := range f.Imports {
				path := strings.Trim(spec.Path.Value, `"`)
				for _, why := range forbidden(p.name(), path) {
					t.Errorf("%s imports %s.\n\t%s", short(set.Position(spec.Pos()).String()), path, why)
				}
			}
		}
	}
}

// forbidden returns the reasons for which a package may not import a path.
func forbidden(name, path string) (reasons []string) {
	for _, f := range fences {
		if matches(f.packages, name) && !matches(f.but, name) && matches(f.forbid, path) && !matches(f.allow, path) {
			reasons = append(reasons, f.reason)
		}
	}
	return reasons
}

func matches(patterns []string, path string) bool {
	for _, p := range patterns {
		if matchesOne(p, path) {
			return true
		}
	}
	return false
}

func matchesOne(pattern, path string) bool {
	first, _, _ := strings.Cut(path, "/")
	std := !strings.Contains(first, ".") && first != module
	switch pattern {
	case "*", "...":
		return true
	case "std":
		return std
	case "x":
		return !std && first != module
	}
	if below, ok := strings.CutSuffix(pattern, "/..."); ok {
		return path == below || strings.HasPrefix(path, below+"/")
	}
	return path == pattern
}

// TestFences: the fences keep out what they are for, and let pass what is used.
func TestFences(t *testing.T) {
	for _, tc := range []struct {
		name, path string
		ok         bool
	}{
		{"channels", "sync", true},
		{"channels", "net/netip", false},
		{"channels", "log/slog", false},
		{"channels", "os", false},
		{"channels", "go.uber.org/zap", false},
		{"channels", "cometproxy/park", false},
		{"channels/redis", "net", true},
		{"channels/redis", "cometproxy/channels", true},
		{"channels/redis", "cometproxy/proxy", false},
		{"channels/channelstest", "testing", true},
		{"park", "golang.org/x/sys/unix", true},
		{"park", "golang.org/x/net/http2", false},
		{"park", "github.com/valyala/fasthttp", false},
		{"grip", "github.com/golang-jwt/jwt/v5", true},
		{"grip", "go.uber.org/zap", false},
		{"grip", "net/http", false},
		{"grip", "net/url", true},
		{"backend", "github.com/valyala/fasthttp", true},
		{"backend", "net/http/httptrace", false},
		{"backend", "cometproxy/channels", false},
		{"proxy", "net/http", false},
		{"proxy", "net/http/pprof", false},
		{"proxy", "github.com/valyala/fasthttp/pprofhandler", true},
		{"proxy", "cometproxy/park", true},
		{"proxy", "cometproxy/cmd/cometproxy/internal/config", false},
		{"proxy", "github.com/BurntSushi/toml", false},
		{"proxy", "testing", false},
		{"proxy/route", "cometproxy/channels", false},
		{"cmd/cometproxy", "github.com/BurntSushi/toml", true},
		{"cmd/cometproxy", "net/http", true},
		{"test/load", "net/http", true},
	} {
		if why := forbidden(tc.name, tc.path); (len(why) == 0) != tc.ok {
			t.Errorf("%s imports %s: forbidden by %q", tc.name, tc.path, why)
		}
	}
}

const maxLines = 80

// TestFunctions: no function is longer than a page or two, unless it says why.
func TestFunctions(t *testing.T) {
	for _, p := range list(t) {
		for _, file := range p.files() {
			f, set := parse(t, file, parser.ParseComments)
			for _, d := range f.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok || excused(fn.Doc) {
					continue
				}
				begin, end := set.Position(fn.Pos()), set.Position(fn.End())
				if n := end.Line - begin.Line + 1; n > maxLines {
					t.Errorf("%s: %s has %d lines. A function that does not fit into a head is wrong somewhere: "+
						"split it at %d lines, or say in its comment, in a line of its own, \"Long because ...\"", short(begin.String()), fn.Name.Name, n, maxLines)
				}
			}
		}
	}
}

func excused(doc *ast.CommentGroup) bool {
	if doc == nil {
		return false
	}
	for line := range strings.Lines(doc.Text()) {
		if strings.HasPrefix(line, "Long because") {
			return true
		}
	}
	return false
}

func TestPackagesAreDocumented(t *testing.T) {
	for _, p := range list(t) {
		files := p.files()
		if len(files) == 0 {
			continue
		}
		documented := false
		for _, file := range files {
			f, _ := parse(t, file, parser.PackageClauseOnly|parser.ParseComments)
			documented = documented || f.Doc != nil && strings.TrimSpace(f.Doc.Text()) != ""
		}
		if !documented {
			t.Errorf("%s has no package comment: say in one sentence what it is for", p.ImportPath)
		}
	}
}

func TestFormatted(t *testing.T) {
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "testdata" || d.Name() == "node_modules"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		formatted, err := format.Source(src)
		if err != nil {
			return err
		}
		if !bytes.Equal(src, formatted) {
			t.Errorf("%s is not formatted: gofmt -w it", short(path))
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// Of somebody's machine: paths that no reader has.
var machine = regexp.MustCompile("(?:^|[^\\w.$})-])(/(?:work|farm" + "|home/[a-z]|Users/[A-Za-z])[\\w.-]*/[\\w./-]*)")

// TestNoPathsOfAMachine looks through every file that is tracked.
func TestNoPathsOfAMachine(t *testing.T) {
	cmd := exec.Command("git", "ls-files", "-z")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Skip("not a git working copy: ", err)
	}
	for file := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		b, err := os.ReadFile(filepath.Join(root, file))
		if err != nil || bytes.IndexByte(b, 0) >= 0 { // removed, or no text
			continue
		}
		for n, line := range bytes.Split(b, []byte("\n")) {
			if m := machine.FindSubmatch(line); m != nil && !bytes.Contains(line, []byte("://")) {
				t.Errorf("%s:%d names %s, which is a path of one machine", file, n+1, m[1])
			}
		}
	}
}

// short is a position relative to the module.
func short(position string) string {
	if abs, err := filepath.Abs(root); err == nil {
		position = strings.TrimPrefix(position, abs+string(filepath.Separator))
	}
	return strings.TrimPrefix(position, root+string(filepath.Separator))
}
