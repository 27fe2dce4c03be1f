//go:build linux

package apps

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var tempDir string // for all tests: the binary, the installed npm packages

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "cometproxy-apps-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	tempDir = dir
	return m.Run()
}

// missing skips the test, or fails it where nothing may be skipped.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("COMETPROXY_NO_SKIP") == "1" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// need returns the path of a program that Debian's package of that name brings.
func need(t *testing.T, program, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		missing(t, "%s is not here: apt-get install -y %s, or test/apps/install.sh", program, debianPackage)
	}
	return path
}

// binary builds cometproxy, once.
var binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(tempDir, "cometproxy")
	out, err := exec.Command("go", "build", "-o", path, "cometproxy/cmd/cometproxy").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %v\n%s", err, out)
	}
	return path, nil
})

// A process is a program that the test started. It ends with the test.
type process struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // of Wait; valid when done is closed

	mu  sync.Mutex
	out bytes.Buffer // standard output and error
}

// Write implements io.Writer for the process's output.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// start runs a program in a directory, with more variables in its environment.
// It is a process group of its own, so that what it starts ends with it.
func start(t *testing.T, dir string, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: filepath.Base(name), cmd: exec.Command(name, args...), done: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = dir, environment(env...)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("output of %s:\n%s", p.name, p.output())
		}
	})
	return p
}

// environment is the test's own without what would lead apps elsewhere.
func environment(more ...string) []string {
	var env []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(strings.ToLower(v), "=")
		if !strings.HasSuffix(name, "_proxy") && !strings.HasPrefix(name, "python") {
			env = append(env, v)
		}
	}
	return append(env, more...)
}

// stop ends the process in order and reports whether it ended well; what does
// not end within ten seconds is killed.
func (p *process) stop() error {
	group := -p.cmd.Process.Pid
	select {
	case <-p.done:
	default:
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.done:
		case <-time.After(10 * time.Second):
			p.t.Errorf("%s does not end at SIGTERM", p.name)
		}
	}
	_ = syscall.Kill(group, syscall.SIGKILL) // whatever it left behind
	<-p.done
	return p.err
}

// waitFor waits until the process accepts connections at an address.
func (p *process) waitFor(address string) {
	p.t.Helper()
	for limit := time.Now().Add(30 * time.Second); ; {
		if c, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			c.Close()
			return
		}
		select {
		case <-p.done:
			p.t.Fatalf("%s ended before it was up: %v", p.name, p.err)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(limit) {
			p.t.Fatalf("%s does not listen on %s", p.name, address)
		}
	}
}

// peakMemory is the most memory that the process has had resident, in bytes.
func (p *process) peakMemory() int64 {
	p.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err != nil {
				p.t.Fatal(err)
			}
			return kib << 10
		}
	}
	p.t.Fatal("no VmHWM")
	return 0
}

// freeAddress is one on which nothing listens, outside the range from which the
// system takes ports for outgoing connections.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(12000))
		if ln, err := net.Listen("tcp", address); err == nil {
			ln.Close()
			return address
		}
	}
	t.Fatal("no free port")
	return ""
}

// A comet is a running cometproxy.
type comet struct {
	*process
	public, internal string // addresses
	idle             int64  // peak memory before the first request
}

// grewLess wants the proxy's memory never to have grown by so much.
func (c *comet) grewLess(t *testing.T, limit int64) {
	t.Helper()
	grown := c.peakMemory() - c.idle
	t.Logf("the proxy's memory was %.1f MiB and grew by at most %.1f MiB", float64(c.idle)/(1<<20), float64(grown)/(1<<20))
	if grown > limit {
		t.Errorf("the proxy's memory grew by %d MiB", grown>>20)
	}
}

const cometConfig = `
[public]
listen = [%q]

[internal]
listen = [%q]
debug  = true

[[backend]]
name = "app"
urls = ["http://%s"]

[[route]]
path     = "/live/{room}"
channels = ["room:{room}"]

[[route]]
path    = "/"
backend = "app"
`

// startComet runs cometproxy in front of the app at an address. When the test
// ends, the proxy's invariants must hold and it must end in order.
func startComet(t *testing.T, app, internal string) *comet {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	public := freeAddress(t)
	file := filepath.Join(t.TempDir(), "cometproxy.toml")
	if err := os.WriteFile(file, fmt.Appendf(nil, cometConfig, public, internal, app), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &comet{process: start(t, "", nil, path, "-config", file), public: public, internal: internal}
	c.waitFor(public)
	c.idle = c.peakMemory()
	t.Cleanup(func() {
		if r := get(t, "http://"+internal+"/debug/check"); r.code != http.StatusOK {
			t.Errorf("invariants: %d %s", r.code, r.body)
		}
		if err := c.stop(); err != nil {
			t.Errorf("cometproxy did not end in order: %v", err)
		}
		for line := range strings.Lines(c.output()) {
			if strings.Contains(line, "panic") {
				t.Errorf("cometproxy says: %s", line)
			}
		}
	})
	return c
}

// A reply is a whole HTTP answer.
type reply struct {
	code   int
	header http.Header
	body   string
}

// client follows no redirects, and asks no proxy of the environment.
var client = &http.Client{
	Transport:     &http.Transport{DisableCompression: true, DisableKeepAlives: true},
	Timeout:       60 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func get(t *testing.T, url string) reply {
	t.Helper()
	return send(t, client, "GET", url, "", nil)
}

func send(t *testing.T, c *http.Client, method, url, contentType string, body io.Reader) reply {
	t.Helper()
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return do(t, c, req)
}

func do(t *testing.T, c *http.Client, req *http.Request) reply {
	t.Helper()
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: the body ends with %v after %d bytes", req.Method, req.URL, err, len(b))
	}
	return reply{resp.StatusCode, resp.Header, string(b)}
}

const formType = "application/x-www-form-urlencoded"

// A news is one message of a poll's answer.
type news struct {
	Channel, ID string
	Data        json.RawMessage
}

// A poll is a page's subscription to a route with channels.
type poll struct {
	t           *testing.T
	url, cursor string
}

// startPoll subscribes from now on.
func startPoll(t *testing.T, url string) *poll {
	t.Helper()
	r := send(t, client, "HEAD", url, "", nil)
	if r.code != http.StatusNoContent || r.header.Get("Comet-Cursor") == "" {
		t.Fatalf("HEAD %s: %d %v", url, r.code, r.header)
	}
	return &poll{t, url, r.header.Get("Comet-Cursor")}
}

// next waits for messages.
func (p *poll) next() []news {
	p.t.Helper()
	r := get(p.t, p.url+"?wait=20&cursor="+p.cursor)
	var answer struct {
		Messages []news
		Gap      bool
		Cursor   string
	}
	if r.code != http.StatusOK {
		p.t.Fatalf("poll %s: %d %s", p.url, r.code, r.body)
	}
	if err := json.Unmarshal([]byte(r.body), &answer); err != nil || answer.Gap || answer.Cursor == "" {
		p.t.Fatalf("poll %s: %s (%v)", p.url, r.body, err)
	}
	p.cursor = answer.Cursor
	return answer.Messages
}

// parked waits until that many polls wait at a channel.
func (c *comet) parked(t *testing.T, channel string, n int) {
	t.Helper()
	for limit := time.Now().Add(10 * time.Second); time.Now().Before(limit); time.Sleep(5 * time.Millisecond) {
		var state struct{ Waiters int }
		r := get(t, "http://"+c.internal+"/channels/"+channel)
		if r.code == http.StatusOK && json.Unmarshal([]byte(r.body), &state) == nil && state.Waiters == n {
			return
		}
	}
	t.Fatalf("%d polls do not come to wait at %s", n, channel)
}

// script runs a program to its end and returns what it printed.
func script(t *testing.T, limit time.Duration, dir string, env []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = dir, environment(env...), time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return string(out)
}

// here is the absolute path of a file in this folder.
func here(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// raw is an HTTP answer as it came over the wire.
type raw struct {
	status string
	header []string // lines, as the server wrote them
	body   []byte
}

// exchange sends a request byte for byte over a connection of its own and reads
// the answer.
func exchange(address, method string, request []byte) (*raw, error) {
	c, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Write(request); err != nil {
		return nil, err
	}
	return readRaw(bufio.NewReader(c), method)
}

// readRaw reads one answer and nothing behind it.
func readRaw(in *bufio.Reader, method string) (*raw, error) {
	var head []byte
	for n := 1; ; n = len(head) + 1 {
		if _, err := in.Peek(n); err != nil {
			return nil, fmt.Errorf("in the head: %w", err)
		}
		head, _ = in.Peek(in.Buffered())
		if end := bytes.Index(head, []byte("\r\n\r\n")); end >= 0 {
			head = head[:end]
			break
		}
	}
	lines := strings.Split(string(head), "\r\n")
	resp, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("in the body: %w", err)
	}
	return &raw{lines[0], lines[1:], body}, nil
}
