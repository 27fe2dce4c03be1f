// Package docs has no code. Its tests keep what the documents say true: they run
// the examples, and compare tables and snippets with what they are taken from.
// docs/change.md says how a document marks what is tested.
package docs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
)

// documents are all that is tested.
var documents = []string{"README.md", "docs/use.md", "docs/run.md", "docs/architecture.md", "docs/change.md", "docs/benchmarks.md", "docs/metrics.md"}

// A block is a fenced part of a document.
type block struct {
	lang string
	mark string // what stands in <!-- test: ... --> in the line before
	text string
	line int // of the document, for messages
}

func read(t *testing.T, document string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", document))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func blocks(t *testing.T, document string) (list []block) {
	t.Helper()
	var open *block
	mark := ""
	for n, line := range strings.Split(read(t, document), "\n") {
		switch {
		case open != nil && line == "```":
			list, open = append(list, *open), nil
		case open != nil:
			open.text += line + "\n"
		case strings.HasPrefix(line, "```"):
			open, mark = &block{lang: strings.TrimPrefix(line, "```"), mark: mark, line: n + 2}, ""
		default:
			mark = ""
			if rest, ok := strings.CutPrefix(line, "<!-- test: "); ok {
				mark = strings.TrimSuffix(rest, " -->")
			}
		}
	}
	if open != nil {
		t.Fatalf("%s:%d: a block does not end", document, open.line)
	}
	return list
}

// binary builds cometproxy once, in a directory that TestMain removes.
var binary = sync.OnceValues(func() (string, error) {
	var err error
	if scratch, err = os.MkdirTemp("", "cometproxy-docs-"); err != nil {
		return "", err
	}
	file := filepath.Join(scratch, "cometproxy")
	out, err := exec.Command("go", "build", "-o", file, "cometproxy/cmd/cometproxy").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return file, nil
})

var scratch string // written by binary

func build(t *testing.T) string {
	t.Helper()
	file, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestMain(m *testing.M) {
	code := m.Run()
	if scratch != "" {
		os.RemoveAll(scratch)
	}
	os.Exit(code)
}

// need skips a test that lacks a program, or fails it where all must be there.
func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	if os.Getenv("COMETPROXY_NO_SKIP") == "1" {
		t.Fatalf("%s is missing: apt-get install %[1]s", program)
	}
	t.Skipf("%s is missing: apt-get install %[1]s", program)
	return ""
}

// TestConfiguration compares the README's table with the binary's own list of
// keys and defaults, and with the example file.
func TestConfiguration(t *testing.T) {
	type key struct{ name, def string }
	row := regexp.MustCompile("(?m)^\\| `([a-z0-9_.]+)` \\| (.*?) \\| .+ \\|$")
	var table, reference []key
	for _, m := range row.FindAllStringSubmatch(read(t, "README.md"), -1) {
		def := strings.Trim(m[2], "`")
		if m[2] == "none" || m[2] == "needed" {
			def = ""
		}
		table = append(table, key{m[1], def})
	}
	out, err := exec.Command(build(t), "help", "config").Output()
	if err != nil {
		t.Fatal(err)
	}
	section, columns := "", regexp.MustCompile("  +")
	for line := range strings.Lines(string(out)) {
		fields := columns.Split(strings.TrimSpace(line), -1)
		switch {
		case strings.HasPrefix(line, "["):
			section = strings.Trim(fields[0], "[]")
		case len(fields) > 1:
			def := fields[1]
			if strings.HasPrefix(def, "(") {
				def = ""
			}
			reference = append(reference, key{section + "." + fields[0], def})
		}
	}
	if len(reference) < 20 {
		t.Fatalf("cometproxy help config: %s", out)
	}
	if !slices.Equal(table, reference) {
		t.Errorf("README.md has\n%v\ncometproxy help config has\n%v", table, reference)
	}
	example := exampleValues(t)
	for _, k := range table {
		if v, there := example[k.name]; !there {
			t.Errorf("%s is not in config.example.toml", k.name)
		} else if k.def != "" && v != k.def {
			t.Errorf("%s is %s in README.md and %s in config.example.toml", k.name, k.def, v)
		}
		delete(example, k.name)
	}
	for name := range example {
		t.Errorf("%s is in config.example.toml and not in README.md", name)
	}
}

// exampleValues are the keys of the example, also those commented out, with
// their values as TOML.
func exampleValues(t *testing.T) map[string]string {
	t.Helper()
	text := regexp.MustCompile(`(?m)^# (\[\[(?:certificate|presence)\]\]|[a-z0-9_]+ *= [^ ].*)$`).ReplaceAllString(read(t, "config.example.toml"), "$1")
	raw := make(map[string]any)
	if _, err := toml.Decode(text, &raw); err != nil {
		t.Fatal(err)
	}
	values := make(map[string]string)
	collect(values, "", raw)
	return values
}

func collect(values map[string]string, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		if path == "route.params" || strings.HasSuffix(path, "_headers") {
			values[path] = "" // its keys are the user's
			return
		}
		for name, value := range v {
			collect(values, strings.TrimPrefix(path+"."+name, "."), value)
		}
	case []map[string]any:
		for _, value := range v {
			collect(values, path, value)
		}
	case []any:
		var items []string
		for _, item := range v {
			items = append(items, fmt.Sprintf("%#v", item))
		}
		values[path] = "[" + strings.Join(items, ", ") + "]"
	default:
		values[path] = fmt.Sprintf("%#v", v)
	}
}

// TestTOML checks every block of configuration. A block may leave out what is
// beside its point: without any route and backend it gets one backend.
func TestTOML(t *testing.T) {
	for _, document := range documents {
		for _, b := range blocks(t, document) {
			if b.lang != "toml" {
				continue
			}
			text := b.text
			if !strings.Contains(text, "backend") && !strings.Contains(text, "route") {
				text += "\n[[backend]]\nname = \"app\"\nurls = [\"http://127.0.0.1:3000\"]\n"
			}
			dir := t.TempDir()
			if strings.Contains(text, "[[certificate]]") {
				certificate(t, dir)
				if err := os.WriteFile(filepath.Join(dir, "502.html"), []byte("soon"), 0o600); err != nil {
					t.Fatal(err)
				}
				text = strings.ReplaceAll(text, "/etc/cometproxy", dir)
			}
			file := filepath.Join(dir, "cometproxy.toml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(build(t), "check", "-config", file).CombinedOutput(); err != nil {
				t.Errorf("%s:%d: %v\n%s", document, b.line, err, out)
			}
		}
	}
}

// certificate makes the files that the documents name.
func certificate(t *testing.T, dir string) {
	t.Helper()
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"www.example.com"}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, _ := x509.MarshalECPrivateKey(key)
	for name, b := range map[string]*pem.Block{"www.example.com.pem": {Type: "CERTIFICATE", Bytes: cert}, "www.example.com.key": {Type: "EC PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestMetrics compares docs/metrics.md with what a scrape gives.
func TestMetrics(t *testing.T) {
	dir := t.TempDir()
	public, internal := freePorts(t)
	file := filepath.Join(dir, "cometproxy.toml")
	text := fmt.Sprintf("[public]\nlisten = [%q]\n[internal]\nlisten = [%q]\n[[backend]]\nname = \"app\"\nurls = [\"http://127.0.0.1:1\"]\n", public, internal)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(build(t), "-config", file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Signal(os.Interrupt); cmd.Wait() }()
	var scrape string
	for end := time.Now().Add(20 * time.Second); scrape == ""; time.Sleep(20 * time.Millisecond) {
		if answer, err := http.Get("http://" + internal + "/metrics"); err == nil {
			body, _ := io.ReadAll(answer.Body)
			answer.Body.Close()
			scrape = string(body)
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	var found, told []string
	types := make(map[string]string)
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (cometproxy_\w+) (\w+)$`).FindAllStringSubmatch(scrape, -1) {
		types[m[1]] = m[2]
	}
	for _, m := range regexp.MustCompile(`(?m)^# HELP (cometproxy_\w+) (.+)$`).FindAllStringSubmatch(scrape, -1) {
		found = append(found, m[1]+" "+types[m[1]]+" "+m[2])
	}
	page := read(t, "docs/metrics.md")
	for _, m := range regexp.MustCompile("(?m)^\\| `(cometproxy_\\w+)` \\| (\\w+) \\| .*? \\| (.+) \\|$").FindAllStringSubmatch(page, -1) {
		told = append(told, m[1]+" "+m[2]+" "+m[3])
	}
	if len(found) < 20 || !slices.Equal(found, told) {
		t.Errorf("a scrape has\n%s\ndocs/metrics.md has\n%s", strings.Join(found, "\n"), strings.Join(told, "\n"))
	}
	for _, m := range regexp.MustCompile(`cometproxy_\w+`).FindAllString(page, -1) {
		if types[m] == "" {
			t.Errorf("docs/metrics.md speaks of %s, which is not there", m)
		}
	}
}

// TestCommands asks for the help of every command line with its flags: unknown
// commands and flags fail.
func TestCommands(t *testing.T) {
	line := regexp.MustCompile(`^(?:(?:\./)?cometproxy|go run \./cmd/cometproxy)( [^#|&]*)?`)
	found := 0
	for _, document := range documents {
		for _, b := range blocks(t, document) {
			if b.lang != "sh" {
				continue
			}
			for text := range strings.Lines(b.text) {
				m := line.FindStringSubmatch(strings.TrimSpace(text))
				if m == nil {
					continue
				}
				found++
				args := strings.Fields(m[1])
				if len(args) == 0 || args[0] != "help" {
					args = append(flagsOf(args), "-h")
				}
				if out, err := exec.Command(build(t), args...).CombinedOutput(); err != nil {
					t.Errorf("%s:%d: %s%v\n%s", document, b.line, text, err, out)
				}
			}
		}
	}
	if found < 5 {
		t.Errorf("%d command lines were found", found)
	}
}

// flagsOf is a command with its flags, without what comes after them. All flags
// of cometproxy have values.
func flagsOf(words []string) (args []string) {
	for i := 0; i < len(words); i++ {
		isFlag := strings.HasPrefix(words[i], "-")
		if !isFlag && i > 0 {
			break
		}
		args = append(args, words[i])
		if isFlag && !strings.Contains(words[i], "=") && i+1 < len(words) {
			i++
			args = append(args, words[i])
		}
	}
	return args
}

// TestSnippets: the README shows the files that the tests of the apps use, and
// use.md the demo's poll loop.
func TestSnippets(t *testing.T) {
	shown := func(document, text string) bool {
		return slices.ContainsFunc(blocks(t, document), func(b block) bool {
			return strings.TrimSpace(b.text) == strings.TrimSpace(text)
		})
	}
	files, err := filepath.Glob("../test/apps/snippets/*.*")
	if err != nil || len(files) != 8 {
		t.Fatalf("snippets: %q, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !shown("README.md", string(text)) && !shown("docs/grip.md", string(text)) && !shown("docs/use.md", string(text)) {
			t.Errorf("neither README.md nor docs/grip.md nor docs/use.md shows %s as it is", file)
		}
	}
	const end = "/* ===== End of the poll loop ============================================== */"
	_, loop, _ := strings.Cut(read(t, "cmd/cometproxy/internal/demo/page.html"), "/* ===== The poll loop")
	loop, _, found := strings.Cut(loop, end)
	if !found || !shown("docs/use.md", "/* ===== The poll loop"+loop+end) {
		t.Error("docs/use.md does not show the demo's poll loop as it is")
	}
}

// TestLinks: relative links lead to files, and to headings that are there.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, document := range append(documents, "CHANGELOG.md") {
		for _, m := range link.FindAllStringSubmatch(read(t, document), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			path, heading, _ := strings.Cut(m[1], "#")
			target := filepath.Join(filepath.Dir(document), path)
			if path == "" {
				target = document
			}
			if _, err := os.Stat(filepath.Join("..", target)); err != nil {
				t.Errorf("%s: %s: %v", document, m[1], err)
				continue
			}
			if heading != "" && !slices.Contains(headings(read(t, target)), heading) {
				t.Errorf("%s: %s: there is no such heading", document, m[1])
			}
		}
	}
}

// headings are a document's, as links name them.
func headings(text string) (list []string) {
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		name := strings.ReplaceAll(strings.ToLower(m[1]), " ", "-")
		list = append(list, regexp.MustCompile(`[^a-z0-9_-]`).ReplaceAllString(name, ""))
	}
	return list
}

// The addresses that documents write for the two listeners.
const (
	publicAddress   = "127.0.0.1:8000"
	internalAddress = "127.0.0.1:5561"
)

// A site is a running cometproxy.
type site struct{ public, internal string }

// start runs cometproxy until the test ends; args are made of its addresses.
func start(t *testing.T, args func(public, internal string) []string) site {
	t.Helper()
	public, internal := freePorts(t)
	s := site{public, internal}
	var output bytes.Buffer
	process := exec.Command(build(t), args(s.public, s.internal)...)
	process.Stdout, process.Stderr = &output, &output
	return s.run(t, process, &output)
}

// freePorts finds two addresses that nobody listens on.
func freePorts(t *testing.T) (a, b string) {
	t.Helper()
	var addresses [2]string
	for i := range addresses {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		addresses[i] = ln.Addr().String()
	}
	return addresses[0], addresses[1]
}

func (s site) run(t *testing.T, process *exec.Cmd, output *bytes.Buffer) site {
	t.Helper()
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		process.Process.Signal(os.Interrupt)
		if err := process.Wait(); err != nil {
			t.Errorf("cometproxy: %v\n%s", err, output)
		}
	})
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", s.public); err == nil {
			c.Close()
			return s
		}
		if time.Now().After(end) {
			t.Fatalf("cometproxy does not listen\n%s", output)
		}
	}
}

// A session runs the console blocks of a document, in their order, and compares
// what is printed with what the document shows. Tokens differ from run to run:
// those that documents show stand for those that were got, always the same.
type session struct {
	t      *testing.T
	site   site
	tokens map[string]string // shown -> got
	behind *exec.Cmd         // a command that ended in "&"
	output bytes.Buffer      // its
}

var (
	token = regexp.MustCompile(`\bA[Q-Za-f][A-Za-z0-9_-]{21}`)
	date  = regexp.MustCompile(`(?m)^(Date: ).*$`)
)

func (s *session) run(document string, b block) {
	s.t.Helper()
	commands := regexp.MustCompile(`(?m)^\$ .*$`)
	starts := commands.FindAllStringIndex(b.text, -1)
	if len(starts) == 0 || starts[0][0] != 0 {
		s.t.Fatalf("%s:%d: a console block begins with a command", document, b.line)
	}
	for i, at := range starts {
		end := len(b.text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		command, want := b.text[at[0]+2:at[1]], strings.TrimSpace(b.text[at[1]:end])
		got := s.command(command)
		if !s.same(want, got) {
			s.t.Errorf("%s:%d: %s\ngives\n%s\nthe document shows\n%s", document, b.line, command, got, want)
		}
	}
}

// command runs one line of a shell, and returns its output.
func (s *session) command(line string) string {
	s.t.Helper()
	line = strings.ReplaceAll(line, publicAddress, s.site.public)
	line = strings.ReplaceAll(line, internalAddress, s.site.internal)
	line = token.ReplaceAllStringFunc(line, func(shown string) string { return s.tokens[shown] })
	line, behind := strings.CutSuffix(line, " &")
	if line == "wait" {
		if err := s.behind.Wait(); err != nil {
			s.t.Fatalf("%s: %v", s.behind, err)
		}
		return clean(s.output.String())
	}
	command := exec.Command("bash", "-c", line)
	if behind {
		s.output.Reset()
		command.Stdout = &s.output
		if err := command.Start(); err != nil {
			s.t.Fatal(err)
		}
		s.behind = command
		s.awaitWaiter()
		return ""
	}
	out, err := command.Output()
	if err != nil {
		s.t.Fatalf("%s: %v", line, err)
	}
	return clean(string(out))
}

// awaitWaiter waits until a poll is held.
func (s *session) awaitWaiter() {
	s.t.Helper()
	for range 500 {
		out, _ := exec.Command("curl", "-s", "http://"+s.site.internal+"/channels").Output()
		if regexp.MustCompile(`"waiters":[1-9]`).Match(out) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.t.Fatal("no poll is held")
}

func clean(s string) string { return strings.TrimSpace(strings.ReplaceAll(s, "\r", "")) }

// sorted brings the header lines of an answer into one order: theirs means nothing.
func sorted(output string) string {
	head, body, found := strings.Cut(output, "\n\n")
	if !strings.HasPrefix(head, "HTTP/") {
		return output
	}
	lines := strings.Split(head, "\n")
	slices.Sort(lines)
	head = strings.Join(lines, "\n")
	if found {
		head += "\n\n" + body
	}
	return head
}

// same compares, and learns which token stands for which.
func (s *session) same(want, got string) bool {
	want, got = sorted(date.ReplaceAllString(want, "$1")), sorted(date.ReplaceAllString(got, "$1"))
	shown, actual := token.FindAllString(want, -1), token.FindAllString(got, -1)
	if len(shown) != len(actual) {
		return false
	}
	for i, name := range shown {
		if s.tokens[name] == "" {
			s.tokens[name] = actual[i]
		}
	}
	return token.ReplaceAllStringFunc(want, func(name string) string { return s.tokens[name] }) == got
}

func runConsole(t *testing.T, document string, site site) {
	t.Helper()
	need(t, "bash")
	need(t, "curl")
	s := &session{t: t, site: site, tokens: make(map[string]string)}
	found := 0
	for _, b := range blocks(t, document) {
		if b.lang == "console" {
			s.run(document, b)
			found++
		}
	}
	if found == 0 {
		t.Errorf("%s has no console block", document)
	}
}

// TestTwoMinutes runs the README's try against the demo.
func TestTwoMinutes(t *testing.T) {
	runConsole(t, "README.md", start(t, func(public, internal string) []string {
		return []string{"demo", "-listen", public, "-internal", internal}
	}))
}

// TestRun runs the examples of run.md, also against the demo.
func TestRun(t *testing.T) {
	runConsole(t, "docs/run.md", start(t, func(public, internal string) []string {
		return []string{"demo", "-listen", public, "-internal", internal}
	}))
}

// serveUse runs cometproxy with the configuration of use.md.
func serveUse(t *testing.T) site {
	t.Helper()
	all := blocks(t, "docs/use.md")
	i := slices.IndexFunc(all, func(b block) bool { return b.lang == "toml" })
	return start(t, func(public, internal string) []string {
		file := filepath.Join(t.TempDir(), "cometproxy.toml")
		text := fmt.Sprintf("[public]\nlisten = [%q]\n[internal]\nlisten = [%q]\n%s", public, internal, all[i].text)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{"serve", "-config", file}
	})
}

// TestUse runs the examples of use.md.
func TestUse(t *testing.T) { runConsole(t, "docs/use.md", serveUse(t)) }

// TestPythonClient runs the client of use.md: it prints what was published
// before it came and while it waits, and None for a gap.
func TestPythonClient(t *testing.T) {
	python := need(t, "python3")
	need(t, "curl")
	all := blocks(t, "docs/use.md")
	i := slices.IndexFunc(all, func(b block) bool { return b.mark == "client.py" })
	if i < 0 {
		t.Fatal("docs/use.md has no client.py")
	}
	file := filepath.Join(t.TempDir(), "client.py")
	if err := os.WriteFile(file, []byte(all[i].text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &session{t: t, site: serveUse(t)}
	publish := func(body string) {
		s.command("curl -sf -d '" + body + "' http://" + internalAddress + "/channels/room:7")
	}
	publish("one")
	client := exec.Command(python, file, "http://"+s.site.public+"/events/7", "AAAA")
	client.Env = append(os.Environ(), "no_proxy=*")
	out, err := client.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	client.Stderr = os.Stderr
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	defer client.Wait()
	defer client.Process.Kill()
	s.awaitWaiter()
	publish("two")
	var got bytes.Buffer
	buf := make([]byte, 4096)
	for strings.Count(got.String(), "\n") < 3 {
		n, err := out.Read(buf)
		got.Write(buf[:n])
		if err != nil {
			t.Fatalf("%v after %s", err, got.String())
		}
	}
	lines := strings.Split(got.String(), "\n")
	if lines[0] != "null" || !strings.Contains(lines[1], `"data": "one"`) || !strings.Contains(lines[2], `"data": "two"`) {
		t.Errorf("the client printed\n%s", got.String())
	}
}
