package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A Server is a running cometproxy process.
type Server struct {
	Public   []string // addresses of the listeners: host:port, or a socket's path
	Internal []string
	Token    string // sent to the internal listener; empty: none
	MayLog   string // a text that lines of level error may contain

	// ClientsStay tells the cleanup that clients are still there.
	ClientsStay bool

	t      testing.TB
	file   string // the configuration's
	cmd    *exec.Cmd
	log    *logLines
	http   *http.Client
	exited chan struct{} // closed when the process has ended
	once   sync.Once     // the checks at the end
}

// parkerEnv names the parker of all servers whose configuration names none, so
// that the same tests are run with each.
const parkerEnv = "COMETPROXY_TEST_PARKER"

// Config completes a configuration: what the text leaves out of [public],
// [internal], [log] and [shutdown] is free ports of loopback, debug = true, JSON, and
// no time for a drain.
func Config(toml string) string {
	add := func(table, rest string) {
		if !strings.Contains(toml, "["+table+"]") {
			toml = "[" + table + "]\n" + rest + "\n" + toml
		}
	}
	add("public", `listen = ["127.0.0.1:0"]`)
	add("internal", "listen = [\"127.0.0.1:0\"]\ndebug = true")
	add("log", `format = "json"`)
	add("shutdown", `drain = "0s"`)
	if parker := os.Getenv(parkerEnv); parker != "" && !strings.Contains(toml, "parker") {
		toml = strings.Replace(toml, "[public]\n", fmt.Sprintf("[public]\nparker = %q\n", parker), 1)
	}
	return toml
}

// Start runs cometproxy with the configuration and waits until it is ready. When
// the test ends it checks the invariants, ends the process with SIGTERM and
// checks that it ended well.
func Start(t testing.TB, toml string) *Server {
	t.Helper()
	return StartWithFiles(t, toml, 0)
}

// StartWithFiles is Start with a limit of open files, 0 for this process's own.
func StartWithFiles(t testing.TB, toml string, files int) *Server {
	t.Helper()
	s := launch(t, toml, way{files: files})
	s.mustBeReady()
	return s
}

// StartWithToken is Start with the token of the internal listener.
func StartWithToken(t testing.TB, toml, token string) *Server {
	t.Helper()
	s := launch(t, toml, way{})
	s.Token = token
	s.mustBeReady()
	return s
}

func (s *Server) mustBeReady() {
	s.t.Helper()
	if err := s.awaitReady(); err != nil {
		s.Kill()
		s.t.Fatalf("%v\n%s", err, s.Log())
	}
}

// StartFailing runs cometproxy with a configuration with which it ends at once,
// with exit code 1.
func StartFailing(t testing.TB, toml string) *Server {
	t.Helper()
	s := launch(t, toml, way{})
	if code, err := s.Exit(10 * time.Second); err != nil || code != 1 {
		t.Errorf("exit code %d, %v; want 1", code, err)
	}
	return s
}

// StartInheriting is Start with sockets that are open already, as a service manager
// hands them over.
func StartInheriting(t testing.TB, toml string, sockets ...*os.File) *Server {
	t.Helper()
	s := launch(t, toml, way{inherit: sockets})
	s.mustBeReady()
	return s
}

// A way to start the process.
type way struct {
	files   int // limit of open files; 0: this process's own
	inherit []*os.File
}

func launch(t testing.TB, toml string, how way) *Server {
	t.Helper()
	file := filepath.Join(t.TempDir(), "cometproxy.toml")
	if err := os.WriteFile(file, []byte(Config(toml)), 0o600); err != nil {
		t.Fatal(err)
	}
	command := []string{Binary(t), "serve", "-config", file}
	if how.files > 0 {
		command = append([]string{"sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$@"`, how.files), "sh"}, command...)
	}
	if n := len(how.inherit); n > 0 {
		command = append([]string{"sh", "-c", fmt.Sprintf(`LISTEN_PID=$$ LISTEN_FDS=%d exec "$@"`, n), "sh"}, command...)
	}
	s := &Server{t: t, file: file, cmd: exec.Command(command[0], command[1:]...), exited: make(chan struct{}), log: newLogLines()}
	s.cmd.Env = append(os.Environ(), "GORACE=halt_on_error=0")
	s.http = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		MaxIdleConnsPerHost: 64, DisableCompression: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return Dial(s.Internal[0]) }}}
	s.cmd.Stderr, s.cmd.ExtraFiles = s.log, how.inherit
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		s.cmd.Wait()
		close(s.exited)
	}()
	t.Cleanup(s.cleanup)
	return s
}

// Dial connects to an address as Server has them.
func Dial(address string) (net.Conn, error) {
	if strings.HasPrefix(address, "/") {
		return net.DialTimeout("unix", address, 10*time.Second)
	}
	return net.DialTimeout("tcp", address, 10*time.Second)
}

// awaitReady takes the addresses from the log and asks /health/ready.
func (s *Server) awaitReady() error {
	end := time.Now().Add(20 * time.Second)
	for ; time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		select {
		case <-s.exited:
			return errors.New("cometproxy ended at its start")
		default:
		}
		if s.Internal == nil && !s.findAddresses() {
			continue
		}
		if status, _, err := s.call("GET", "/health/ready", nil, ""); err == nil && status == 200 {
			return nil
		}
	}
	return errors.New("cometproxy is not ready after 20 seconds")
}

const reloaded, notReloaded = "the configuration was reloaded", "the configuration was not reloaded"

// findAddresses takes the newest that the log tells. Addresses that stay are not
// written: while a test reloads, its clients read them.
func (s *Server) findAddresses() (found bool) {
	public, internal := s.Public, s.Internal
	for _, line := range s.log.all() {
		var up struct {
			Msg              string
			Public, Internal []string
		}
		if json.Unmarshal([]byte(line), &up) == nil && (up.Msg == "cometproxy is up" || up.Msg == reloaded) {
			public, internal, found = up.Public, up.Internal, true
		}
	}
	if !slices.Equal(public, s.Public) || !slices.Equal(internal, s.Internal) {
		s.Public, s.Internal = public, internal
	}
	return found
}

// Reload writes another configuration, completed as by Config, has the process read
// it, and reports whether that took it.
func (s *Server) Reload(toml string) (taken bool) {
	s.t.Helper()
	if err := os.WriteFile(s.file, []byte(Config(toml)), 0o600); err != nil {
		s.t.Fatal(err)
	}
	before, refused := s.LogCount(reloaded), s.LogCount(notReloaded)
	s.Signal(syscall.SIGHUP)
	for end := time.Now().Add(Patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if s.LogCount(reloaded) > before {
			s.findAddresses()
			return true
		}
		if s.LogCount(notReloaded) > refused {
			time.Sleep(20 * time.Millisecond) // what is wrong follows
			return false
		}
	}
	s.t.Fatalf("nothing was reloaded:\n%s", s.Log())
	return false
}

// PID of the process.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Log is all that the process has logged.
func (s *Server) Log() string { return strings.Join(s.log.all(), "\n") }

// LogCount counts the log lines with the text in them.
func (s *Server) LogCount(text string) (n int) {
	for _, line := range s.log.all() {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// Signal sends a signal.
func (s *Server) Signal(sig syscall.Signal) { s.cmd.Process.Signal(sig) }

// Kill ends the process without any check.
func (s *Server) Kill() {
	s.once.Do(func() {
		s.cmd.Process.Kill()
		<-s.exited
	})
}

// Exit waits for the process to end, and returns its exit code. The checks at
// the end of the test are left out.
func (s *Server) Exit(within time.Duration) (code int, err error) {
	s.once.Do(func() {})
	select {
	case <-s.exited:
		return s.cmd.ProcessState.ExitCode(), nil
	case <-time.After(within):
		s.cmd.Process.Kill()
		<-s.exited
		return 0, fmt.Errorf("the process did not end within %s", within)
	}
}

// Stop does what the end of the test does otherwise: the checks, and SIGTERM.
func (s *Server) Stop() { s.once.Do(s.end) }

func (s *Server) cleanup() {
	s.Stop()
	if s.t.Failed() {
		s.t.Logf("the log's end:\n%s", lastLines(s.log.all(), 40))
	}
}

func (s *Server) end() {
	if s.Internal != nil {
		s.checkAtRest()
	}
	s.http.CloseIdleConnections()
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.exited:
	case <-time.After(20 * time.Second):
		s.t.Error("the process did not end within 20 seconds of SIGTERM")
		s.cmd.Process.Signal(syscall.SIGQUIT) // its goroutines, into the log
		time.Sleep(time.Second)
		s.cmd.Process.Kill()
		<-s.exited
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		s.t.Errorf("exit code %d", code)
	}
	s.CheckLog()
}

// CheckLog fails the test if the log tells of a fault of the program.
func (s *Server) CheckLog() {
	for _, line := range s.log.all() {
		bad := strings.Contains(line, `"level":"error"`) && (s.MayLog == "" || !strings.Contains(line, s.MayLog))
		if bad || strings.Contains(line, "DATA RACE") || strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") {
			s.t.Errorf("in the log: %s", line)
		}
	}
}

// checkAtRest waits until nobody waits any more, if the clients have left, and
// checks the invariants.
func (s *Server) checkAtRest() {
	if !s.ClientsStay {
		s.AwaitParked(0, 3*time.Second)
	}
	if status, body, err := s.call("GET", "/debug/check", nil, ""); err != nil || status != 200 {
		s.t.Errorf("GET /debug/check: %d %s %v", status, body, err)
	}
}

// call is one request to the internal listener.
func (s *Server) call(method, target string, headers map[string]string, body string) (int, []byte, error) {
	req, err := http.NewRequest(method, "http://127.0.0.1"+target, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	for k, v := range headers {
		req.Header.Set(k, v)
	}
	if s.Token != "" && req.Header.Get("Authorization") == "" {
		req.Header.Set("Authorization", "Bearer "+s.Token)
	}
	res, err := s.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, b, err
}
