package servers

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"cometproxy/test/load/internal/crowd"
)

// cometproxyConfig leaves everything at its default but the addresses, what the
// measurement needs, and a hold time longer than a run, as with all servers.
const cometproxyConfig = `
[public]
listen = [%q]
parker = %q

[internal]
listen = [%q]
debug  = true

[hold]
timeout     = "15m"
max_timeout = "15m"

[grip]
max_timeout = "15m"

[log]
level = "warn"
`

const nativeRoute = `
[[route]]
path     = "/events/{room}"
channels = ["room:{room}"]
`

const gripBackend = `
[[backend]]
name = "app"
urls = [%q]
`

func cometproxy(parker string) func(*Server, Options) error {
	return func(s *Server, o Options) error {
		if err := s.startCometproxy(o, parker, nativeRoute); err != nil {
			return err
		}
		s.Target.Poll = "/events/{channel}?cursor={cursor}"
		s.Target.Publish = "/channels/room:{channel}"
		s.Target.PublishHeaders = []string{"Content-Type: application/json"}
		return nil
	}
}

func cometproxyGRIP(s *Server, o Options) error {
	app, err := freeAddress()
	if err != nil {
		return err
	}
	if err := s.startCometproxy(o, "auto", fmt.Sprintf(gripBackend, "http://"+app)); err != nil {
		return err
	}
	if err := s.runSelf("app", app); err != nil {
		return err
	}
	s.Note = "the app's own processor time is not counted"
	s.Target.Poll = "/{channel}"
	s.Target.Headers = []string{"Comet-Cursor: {cursor}"}
	gripPublish(&s.Target)
	return s.await(listens(app))
}

// cometproxyPages is the native route in front of an ordinary app.
func cometproxyPages(s *Server, o Options) error {
	app, err := freeAddress()
	if err != nil {
		return err
	}
	if err := s.startCometproxy(o, "auto", fmt.Sprintf(gripBackend, "http://"+app)+nativeRoute+"[[route]]\npath = \"/\"\nbackend = \"app\"\n"); err != nil {
		return err
	}
	s.Target.Poll = "/events/{channel}?cursor={cursor}"
	s.Target.Publish = "/channels/room:{channel}"
	s.Target.PublishHeaders = []string{"Content-Type: application/json"}
	if err := s.runSelf("pages", app); err != nil {
		return err
	}
	return s.await(listens(app))
}

// gripPublish makes a target publish as GRIP libraries do.
func gripPublish(t *crowd.Target) {
	t.Publish = "/publish/"
	t.PublishHeaders = []string{"Content-Type: application/json"}
	t.PublishBody = `{"items":[{"channel":"{channel}","formats":{"http-response":{"headers":{"Content-Type":"application/json"},"body":"{message:json}"}}}]}`
}

func (s *Server) startCometproxy(o Options, parker, routes string) error {
	binary, err := o.binary(s.dir)
	if err != nil {
		return err
	}
	public, err := freeAddress()
	if err != nil {
		return err
	}
	internal, err := freeAddress()
	if err != nil {
		return err
	}
	config, err := s.file("cometproxy.toml", fmt.Sprintf(cometproxyConfig, public, parker, internal)+routes)
	if err != nil {
		return err
	}
	if check := output(binary, "check", "-config", config); strings.Contains(check, "parker") {
		return fmt.Errorf("%w: %s", ErrNoParker, check)
	}
	if err := s.measure(binary, "serve", "-config", config); err != nil {
		return err
	}
	s.Version = output(binary, "version")
	s.internal, s.free = "http://"+internal, "http://"+internal+"/debug/free"
	s.Target.Address, s.Target.PublishAddress = public, internal
	if err := s.await(answers(s.internal+"/health/ready", http.StatusOK)); err != nil {
		return err
	}
	start, err := s.cursor()
	s.Target.Keep = []crowd.Keep{{Name: "cursor", Header: cursorHeader, Start: start}}
	return err
}

const cursorHeader = "Comet-Cursor"

// cursor is cometproxy's position at this moment.
func (s *Server) cursor() (string, error) {
	answer, err := http.Get(s.internal + "/channels/any/messages")
	if err != nil {
		return "", err
	}
	answer.Body.Close()
	cursor := answer.Header.Get(cursorHeader)
	if cursor == "" {
		return "", fmt.Errorf("cometproxy does not say where it is: %s", answer.Status)
	}
	return cursor, nil
}

// ErrNoParker means that a cometproxy has not the parker that is to be measured.
var ErrNoParker = fmt.Errorf("this cometproxy does not have that parker")

// binary builds cometproxy unless one is named.
func (o Options) binary(dir string) (string, error) {
	if o.Binary != "" {
		return filepath.Abs(o.Binary)
	}
	return BuildCometproxy(dir)
}

// BuildCometproxy builds it from this source.
func BuildCometproxy(dir string) (string, error) {
	file := filepath.Join(dir, "cometproxy")
	build := exec.Command("go", "build", "-o", file, "cometproxy/cmd/cometproxy")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return file, nil
}

// IsCometproxy tells whether promises hold for it.
func (s *Server) IsCometproxy() bool { return s.internal != "" }

// Profiles writes what cometproxy tells of itself to a directory.
func (s *Server) Profiles(dir string) error {
	if s.internal == "" {
		return fmt.Errorf("only cometproxy has profiles, not %s", s.Name)
	}
	for path, name := range map[string]string{"/debug/pprof/heap?gc=1": "heap.pb.gz", "/debug/pprof/heap?debug=1": "heap.txt",
		"/debug/pprof/goroutine?debug=1": "goroutines.txt", "/debug/stats": "stats.json"} {
		if err := s.save(path, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// ProfileCPU takes a profile of cometproxy in the background, if a file is named.
func (s *Server) ProfileCPU(file string, seconds float64) <-chan error {
	done := make(chan error, 1)
	switch {
	case file == "":
		done <- nil
	case s.internal == "":
		done <- fmt.Errorf("only cometproxy has profiles, not %s", s.Name)
	default:
		go func() { done <- s.save(fmt.Sprintf("/debug/pprof/profile?seconds=%.0f", seconds), file) }()
	}
	return done
}

// save writes what a GET at the internal listener gives to a file.
func (s *Server) save(path, file string) error {
	answer, err := http.Get(s.internal + path)
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
