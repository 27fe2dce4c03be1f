package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"regexp"
	"time"
)

// A Config is a configuration file, parsed and resolved: what the file leaves
// out has its documented default, and 0 means off where the key allows it.
type Config struct {
	Public   Public
	Internal Internal
	Forward  Forward
	Hold     Hold
	History  History
	Publish  Publish
	GRIP     GRIP
	Limits   Limits
	Log      Log
	Access   Access
	Shutdown Shutdown

	ErrorPages   ErrorPages
	Certificates []Certificate
	Backends     []Backend
	Routes       []Route // never empty
	Presence     []Presence
}

// Public is what clients connect to.
type Public struct {
	Listen []string // host:port
	Parker string   // auto, epoll or goroutine

	TLSListen     []string // host:port; there is a certificate if there are any
	TLSMinVersion string   // 1.2 or 1.3

	RedirectToHTTPS bool
	ReusePort       bool           // other processes may listen there too
	ProxyFrom       []netip.Prefix // whose connections begin with a PROXY protocol header
	Probe           string         // a path; empty: none
}

// A Certificate for clients that connect by https: PEM files, which have been
// read once and fit together.
type Certificate struct {
	Cert, Key string
}

// ErrorPages are what clients get in place of the proxy's own answers.
type ErrorPages struct {
	Pages  map[int]Page // by status: 502, 503, 504; nil: none
	Status int          // of such an answer; 0: that one
}

// A Page is a body with its media type.
type Page struct {
	Body, Type string
}

// Internal is the listener for publishing and health.
type Internal struct {
	Listen    []string // host:port or unix:/path; see SplitListen
	Token     string   // resolved: also when it came from TokenFile
	TokenFile string   // as written, for messages
	Debug     bool
}

// Forward is about what apps are told of their clients.
type Forward struct {
	TrustedProxies []netip.Prefix // never nil
	XForwarded     bool
	Forwarded      bool
	Via            bool
	RequestID      string // a header field; empty: none
}

// Hold is about native routes.
type Hold struct {
	Timeout     time.Duration // more than 0
	MaxTimeout  time.Duration // at least Timeout
	MaxChannels int           // 0: no bound
	MaxAnswer   int64         // 0: no bound
}

// History is the window kept of each channel.
type History struct {
	Messages   int           // 0: nothing is kept
	Age        time.Duration // 0: no bound, like the next two
	Bytes      int64
	Total      int64
	Tombstones int    // 0: none
	Snapshot   string // file; empty: none
}

// Publish bounds what is published.
type Publish struct {
	MaxBytes   int64 // more than 0
	MaxRequest int64 // at least MaxBytes
}

// GRIP is about holds that backends ask for.
type GRIP struct {
	SigKey     []byte // decoded: a secret, or the text of a PEM file; nil: no signature
	SigIss     string
	MaxTimeout time.Duration // 0: no bound
	HeldBytes  int64         // 0: no bound
}

// Limits of the process and of single requests; of the first two, 0 means from the
// limit of open files.
type Limits struct {
	Connections int
	Parked      int
	HeaderBytes int64 // more than 0
	HeaderLines int   // 0: no bound
	TargetBytes int64 // more than 0
	BodyBytes   int64 // 0: no bound, like the next two

	ConnectionsPerAddress int
	ParkedPerAddress      int

	SpoolBytes int64  // 0: none
	SpoolDir   string // empty: the system's

	HeaderTimeout, BodyTimeout, SendTimeout time.Duration // more than 0
}

// Log says what is logged, and how.
type Log struct {
	Level  string // debug, info, warn or error
	Format string // auto, json or console
}

// Access is the log of requests.
type Access struct {
	Output string // off, stdout, stderr or a file's path
	Sample int    // one of so many requests is logged; more than 0
}

// Shutdown is about the end of the process.
type Shutdown struct {
	Drain time.Duration // over which parked requests are answered; 0: at once
	Grace time.Duration // for active requests; 0: none
}

// A Backend is an app behind the proxy.
type Backend struct {
	Name           string
	URLs           []string // http://host[:port], https://host[:port] or unix:/path; at least one
	MaxConnections int      // all URLs together; 0: no bound
	MaxTunnels     int      // 0: no upgrades
	QueueTimeout   time.Duration
	ConnectTimeout time.Duration
	AnswerTimeout  time.Duration // 0: no bound
	BodyTimeout    time.Duration // within an answer's body; 0: no bound
	IdleTimeout    time.Duration

	Balance   string // round_robin, least_connections, header or cookie
	BalanceOn string // the header field, in lower case, or the cookie

	Health        Health
	EjectFailures int // 0: off
	EjectTime     time.Duration

	// Of https URLs.
	Roots        *x509.CertPool    // nil: the system's
	Certificates []tls.Certificate // of this proxy; one or none
	ServerName   string            // empty: the URL's host
}

// Health is how a backend's URLs are checked.
type Health struct {
	Path               string // empty: they are not
	Interval, Timeout  time.Duration
	Healthy, Unhealthy int // more than 0
}

// Presence is what an app is told of who waits on channels.
type Presence struct {
	Channels   []string // patterns, in which * is any text
	Backend    string
	Path       string        // begins with /
	Token      string        // resolved; empty: none
	TokenFile  string        // as written
	LeaveAfter time.Duration // more than 0, as is Every
	Every      time.Duration
	Node       string // empty: the machine's name
}

// A Route has Channels, and is native then, or a Backend, or Redirect or Status.
type Route struct {
	Path     string // "/" or "/a/{name}", no slash at the end
	Host     string // lower case, perhaps "*.example.com"; empty: any
	Channels []string
	Backend  string
	CORS     *CORS                     // nil: no CORS headers; native routes only
	Params   map[string]*regexp.Regexp // match whole values; native routes only
	Open     bool

	Methods              []string // empty: all; not on native routes
	MaxBody              int64    // 0: no bound
	StripPrefix          string   // begins the path; backend routes only
	SetRequestHeaders    map[string]string
	RemoveRequestHeaders []string
	SetAnswerHeaders     map[string]string
	RemoveAnswerHeaders  []string

	Redirect string // "https", or scheme://host[:port][/path]
	Status   int    // of the redirect, or of the answer; 0: none
	Body     string // of the answer
	Type     string // its Content-Type

	GRIP         bool   // backend routes only: the backend's answers may hold
	GRIPPosition string // "forward" or "answer"

	Line int // where the file has it; 0: implied
}

// Native reports that the route holds without asking a backend.
func (r *Route) Native() bool { return len(r.Channels) > 0 }

// Pattern is host and path, as a reader would write it.
func (r *Route) Pattern() string { return r.Host + r.Path }

// CORS says which origins' scripts may read a native route.
type CORS struct {
	Origins     []string // "*" or scheme://host[:port]
	Credentials bool
	MaxAge      time.Duration // 0: browsers keep nothing
}

// maxFile bounds what is read as a configuration.
const maxFile = 1 << 20

// Load reads the file at path. The Config is nil if any problem is an error;
// there may be warnings with a Config.
func Load(path string) (*Config, Problems) {
	text, err := readFile(path, maxFile)
	switch {
	case err == nil:
		return parse(path, text, readSecretFile, true)
	case errors.Is(err, fs.ErrNotExist):
		return nil, Problems{{File: path, Text: "there is no such file: write one (cometproxy help config lists every key), or name another with -config FILE"}}
	default:
		return nil, Problems{{File: path, Text: fmt.Sprintf("cannot be read: %s", plainError(err))}}
	}
}

// Parse reads text as the configuration file called name, which appears in
// problems. Files that the text names are read; relative names are taken from
// the working directory. Load also warns of who can read these, and of how long
// certificates last.
func Parse(name string, text []byte) (*Config, Problems) {
	return parse(name, text, readSecretFile, false)
}

// Default is the configuration of an empty file, without any route.
func Default() *Config {
	c := new(Config)
	t := &target{config: c}
	setDefaults(t, "public", "internal", "forward", "hold", "history", "publish", "grip", "limits", "log", "access_log", "shutdown", "error_pages")
	for _, text := range t.raw.trusted {
		p, _ := prefix(text)
		c.Forward.TrustedProxies = append(c.Forward.TrustedProxies, p)
	}
	return c
}

func readSecretFile(path string) ([]byte, error) { return readFile(path, maxSecret) }

func parse(name string, text []byte, readSecret func(string) ([]byte, error), around bool) (*Config, Problems) {
	r := &reader{file: name, readSecret: readSecret}
	if raw, ok := r.decode(text); ok {
		r.read(raw, scan(string(text)))
		if around && len(r.problems.Errors()) == 0 {
			r.around()
		}
	}
	r.problems.Sorted()
	if len(r.problems.Errors()) > 0 {
		return nil, r.problems
	}
	return r.config, r.problems
}

// readFile reads a regular file of at most max bytes.
func readFile(path string, max int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no regular file")
	}
	if info.Size() > max {
		return nil, fmt.Errorf("it is larger than %s", formatSize(max))
	}
	return os.ReadFile(path)
}

// plainError is an error of a file without the file's name, which the problem has.
func plainError(err error) string {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	return err.Error()
}
