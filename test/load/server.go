package main

import (
	"bytes"
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
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// serverConfig leaves everything at its default but the addresses, and what
// the measurement needs: the figures under /debug/.
const serverConfig = `
[public]
listen = [%q]

[internal]
listen = [%q]
debug  = true

[log]
level = "warn"

[[route]]
path     = "/events/{room}"
channels = ["room:{room}", "everyone"]
`

// everyone is the channel that every client of serverConfig waits on.
const everyone = "everyone"

// A server is the cometproxy under test: a process of its own.
type server struct {
	public   string // host:port
	internal string // URL
	binary   string
	dir      string // its files
	process  *exec.Cmd
	ended    chan error // has what Wait returned; never closed
	http     *http.Client
}

// startServer builds the binary unless one is named, and runs it.
func startServer(binary string) (*server, error) {
	if runtime.GOOS != "linux" {
		return nil, errors.New("memory is read from /proc, which only Linux has; measure there")
	}
	dir, err := os.MkdirTemp("", "cometproxy-load-")
	if err != nil {
		return nil, err
	}
	s := &server{binary: binary, dir: dir, ended: make(chan error, 1),
		http: &http.Client{Timeout: time.Minute}}
	if err := s.start(); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *server) start() error {
	if s.binary == "" {
		s.binary = filepath.Join(s.dir, "cometproxy")
		build := exec.Command("go", "build", "-o", s.binary, "cometproxy/cmd/cometproxy")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("go build: %w\n%s", err, out)
		}
	}
	public, internal, err := freePorts()
	if err != nil {
		return err
	}
	s.public, s.internal = public, "http://"+internal
	file := filepath.Join(s.dir, "cometproxy.toml")
	if err := os.WriteFile(file, fmt.Appendf(nil, serverConfig, public, internal), 0o600); err != nil {
		return err
	}
	s.process = exec.Command(s.binary, "serve", "-config", file)
	s.process.Stderr = os.Stderr
	if err := s.process.Start(); err != nil {
		s.process = nil
		return err
	}
	go func() { s.ended <- s.process.Wait() }()
	return s.awaitReady()
}

// freePorts finds two addresses that nobody listens on.
func freePorts() (a, b string, err error) {
	var addresses [2]string
	for i := range addresses {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", "", err
		}
		defer ln.Close()
		addresses[i] = ln.Addr().String()
	}
	return addresses[0], addresses[1], nil
}

func (s *server) awaitReady() error {
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-s.ended:
			s.ended <- err
			return fmt.Errorf("cometproxy ended at once: %v", err)
		default:
		}
		if r, err := s.http.Get(s.internal + "/health/ready"); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return nil
			}
		}
	}
	return errors.New("cometproxy did not get ready within 20 s")
}

// stop ends the process, in order or after 20 s at once, and removes its files.
func (s *server) stop() {
	if s.process != nil {
		s.process.Process.Signal(syscall.SIGTERM)
		select {
		case <-s.ended:
		case <-time.After(20 * time.Second):
			s.process.Process.Kill()
			<-s.ended
		}
	}
	os.RemoveAll(s.dir)
}

// stats are those of GET /debug/stats that measurements use.
type stats struct {
	Connections struct {
		Idle, Active, Parked, Finishing       int
		Accepted, Refused, Evicted, Unwritten int
	}
	Goroutines int               `json:"goroutines"`
	Memory     map[string]uint64 `json:"memory"`
}

func (s *server) stats() (stats, error) {
	var st stats
	err := s.call("GET", "/debug/stats", "", &st)
	return st, err
}

// free makes the server collect its garbage and give free memory back.
func (s *server) free() (stats, error) {
	var st stats
	err := s.call("POST", "/debug/free", "", &st)
	return st, err
}

// publish publishes one message and reports how many holds it released.
func (s *server) publish(channel, body string) (int, error) {
	var reply struct{ Released int }
	err := s.call("POST", "/channels/"+channel, body, &reply)
	return reply.Released, err
}

// call sends a request to the internal listener and decodes the answer.
func (s *server) call(method, path, body string, into any) error {
	request, err := http.NewRequestWithContext(context.Background(), method, s.internal+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	answer, err := s.http.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, bytes.TrimSpace(text))
	}
	return json.Unmarshal(text, into)
}

// save writes what a GET gives to a file, for profiles.
func (s *server) save(path, file string) error {
	answer, err := s.http.Get(s.internal + path)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}

// awaitParked waits until n clients are parked.
func (s *server) awaitParked(n int, limit time.Duration) error {
	for end := time.Now().Add(limit); ; time.Sleep(50 * time.Millisecond) {
		st, err := s.stats()
		if err != nil {
			return err
		}
		if st.Connections.Parked == n {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d of %d clients are parked after %s; the server's books: %+v", st.Connections.Parked, n, limit, st.Connections)
		}
	}
}

// rss is the process's resident memory in bytes.
func (s *server) rss() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			fields := strings.Fields(rest)
			if len(fields) == 2 && fields[1] == "kB" {
				n, err := strconv.ParseInt(fields[0], 10, 64)
				return n << 10, err
			}
		}
	}
	return 0, errors.New("/proc has no VmRSS for the server")
}
