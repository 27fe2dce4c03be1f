package servers

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cometproxy/test/load/internal/crowd"
)

// Options of a server to start.
type Options struct {
	Binary  string // of cometproxy; empty: built from this source
	Cookies int    // bytes of cookies in each poll
}

// A Server is ready to be measured.
type Server struct {
	Name    string
	Version string
	Note    string // what is to be known of its configuration
	Target  crowd.Target
	Usage   Usage

	// Waiting counts the polls that are parked. Nil: it need not be known, for no
	// first poll misses what is published before it is parked.
	Waiting func() (int, error)

	// What a server cannot do is not asked of it. 0: no bound.
	MostClients int
	MostChurn   int           // channels in churn
	PollRate    int           // polls per second
	Calm        time.Duration // it does something by itself so long after a poll

	free     string // URL that gives memory back; empty: there is none
	internal string // URL of cometproxy's internal listener; empty: it is another server
	dir      string
	running  []*process
}

// A kind is a server that can be started by name.
type kind struct {
	name, summary string
	start         func(*Server, Options) error
	needs         []need
}

// A need is a file without which a server cannot be started.
type need struct{ file, install string }

var kinds = []kind{
	{"cometproxy", "native route, the parker that it chooses by itself", cometproxy("auto"), nil},
	{"cometproxy-epoll", "the same, parker = \"epoll\"", cometproxy("epoll"), nil},
	{"cometproxy-goroutine", "the same, parker = \"goroutine\"", cometproxy("goroutine"), nil},
	{"cometproxy-grip", "holds that an app asks for", cometproxyGRIP, nil},
	{"cometproxy-pages", "native route, in front of an ordinary app", cometproxyPages, nil},
	{"floor", "a bare epoll loop that writes the same bytes: the physical limit", floor, nil},
	{"nchan", "nginx with Nchan, 1 worker", nchan(1), needsNchan},
	{"nchan-2", "the same, 2 workers", nchan(2), needsNchan},
	{"nethttp", "a plain hold server on Go's net/http", netHTTP, nil},
	{"pushpin", "Pushpin in front of an app", pushpin, needsPushpin},
	{"tornado", "a plain hold server on Tornado", tornado, needsTornado},
}

// Names lists the servers that can be started, with a word of each.
func Names() string {
	var b strings.Builder
	for _, k := range kinds {
		fmt.Fprintf(&b, "  %-21s %s\n", k.name, k.summary)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Missing says what to install before a server can be started; empty: nothing.
func Missing(name string) (string, error) {
	k, err := find(name)
	if err != nil {
		return "", err
	}
	for _, n := range k.needs {
		if _, err := os.Stat(n.file); err != nil {
			return fmt.Sprintf("%s is missing: apt-get install -y %s", n.file, n.install), nil
		}
	}
	return "", nil
}

func find(name string) (*kind, error) {
	for i := range kinds {
		if kinds[i].name == name {
			return &kinds[i], nil
		}
	}
	return nil, fmt.Errorf("there is no server %q:\n%s", name, Names())
}

// Start starts a server and waits until it answers.
func Start(name string, o Options) (*Server, error) {
	k, err := find(name)
	if err != nil {
		return nil, err
	}
	if missing, _ := Missing(name); missing != "" {
		return nil, fmt.Errorf("%s: %s", name, missing)
	}
	s := &Server{Name: name}
	s.Target.Cookies = o.Cookies
	if s.dir, err = tempDir(); err != nil {
		return nil, err
	}
	if err := k.start(s, o); err != nil {
		s.Stop()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, s.Usage.Refresh()
}

// tempDir is for the files of a server; its workers may be of another user.
func tempDir() (string, error) {
	dir, err := os.MkdirTemp("", "load-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	return dir, err
}

// Stop ends what Start started.
func (s *Server) Stop() {
	for _, p := range s.running {
		p.stop()
	}
	if s.dir != "" {
		os.RemoveAll(s.dir)
	}
}

// Free makes the server give back memory that it does not need, if it can.
func (s *Server) Free() (can bool, err error) {
	if s.free == "" {
		return false, nil
	}
	answer, err := http.Post(s.free, "", nil)
	if err != nil {
		return true, err
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return true, fmt.Errorf("POST %s: %s", s.free, answer.Status)
	}
	return true, nil
}

// Custom is a server that runs already.
func Custom(t crowd.Target, pids []int, free string) (*Server, error) {
	s := &Server{Name: "custom", Target: t, Usage: Usage{Roots: pids}, free: free}
	return s, s.Usage.Refresh()
}

// file writes one of the server's files and returns its path.
func (s *Server) file(name, text string) (string, error) {
	path := filepath.Join(s.dir, name)
	return path, os.WriteFile(path, []byte(text), 0o600)
}
