package proxy

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"cometproxy/backend"
	"cometproxy/channels"
	"cometproxy/park"
	"cometproxy/proxy/route"
)

// Options of a Proxy. A field's zero value means the documented default, a
// negative one off.
type Options struct {
	// Routes say which requests are held on which channels, and which go to
	// which backend.
	Routes []Route

	// Backends by name. The proxy closes them in Shutdown.
	Backends map[string]*backend.Backend

	// NewLot makes the owner of the client connections; default
	// park.NewGoroutine.
	NewLot func(park.Options) park.Lot

	// History are the hub's options; its Receiver is the proxy's own.
	History channels.Options

	// Snapshot is the file in which the history is kept while no process runs;
	// default: it is not kept.
	Snapshot string

	Forward  ForwardOptions
	Hold     HoldOptions
	Publish  PublishOptions
	GRIP     GRIPOptions
	Internal InternalOptions
	Presence []PresenceOptions

	MaxConns  int // client connections; default (0) no bound
	MaxParked int // held requests; default (0) no bound
	MaxHead   int // bytes of a request's head, and of a buffer for each connection that is worked on; default 64 KiB
	MaxLines  int // of a request's head; default 200, negative: no bound
	MaxTarget int // bytes of a request's target; default 16 KiB

	// MaxBody bounds a request's body on routes that have no bound of their own;
	// default (0) no bound.
	MaxBody int64

	// Of one client address, or of one /64 of IPv6; default (0) no bound. Proxies
	// in Forward.Trusted have as many connections as they like.
	MaxConnsPerAddress, MaxParkedPerAddress int

	// Time that clients have, none of it while they are parked.
	HeadTimeout time.Duration // for a request's head; default 30 s
	BodyTimeout time.Duration // between two pieces of a request's body; default 60 s
	SendTimeout time.Duration // to take a piece of an answer; default 60 s

	// RedirectToHTTPS sends whoever comes by plain HTTP to https.
	RedirectToHTTPS bool
	HTTPSPort       int // takes the place of a port in the Host of who is redirected to https; 0: none does

	// Probe is a path at which clients can find out what stands between them and
	// this proxy; empty: there is none.
	Probe string

	// Spool bounds what is kept on disk of answers that their clients are slow to
	// take, all together; of one it is a 64th. Default 1 GiB, negative: nothing is
	// kept, and apps wait for their clients. SpoolDir is where; default: the system's
	// place for temporary files.
	Spool    int64
	SpoolDir string

	// ErrorPages are what clients get, by status, in place of the proxy's own 502,
	// 503 and 504 for an app that fails; PageStatus, if not 0, is their status.
	ErrorPages map[int]Page
	PageStatus int

	// Drain is the time over which parked requests are answered in Shutdown; fewer
	// than 100 a second are not made to wait. Default 20 s, negative: all at once.
	Drain time.Duration

	// Grace is how long active requests may go on in Shutdown; default 10 s,
	// negative: none.
	Grace time.Duration

	Log      *zap.Logger // default: none
	Access   AccessOptions
	Observer Observer // default: nobody

	// NoDate leaves the Date header out of answers, for golden files and
	// virtual time.
	NoDate bool
}

// A Page is a body with its media type.
type Page struct {
	Body, Type string
}

// ForwardOptions are about what an app is told of its client.
type ForwardOptions struct {
	// Trusted are the addresses of proxies in front of this one, which are
	// believed what they say of their clients; default: this machine's.
	Trusted []netip.Prefix

	NoXForwarded bool // X-Forwarded-For, -Proto and -Host are not sent
	Forwarded    bool // Forwarded (RFC 7239) is
	Via          bool // Via is, to the app and to the client

	// RequestID is the header field that carries the id of a request, to the app
	// and back; empty: none.
	RequestID string
}

// thisMachine are the addresses of who is trusted unless told otherwise.
var thisMachine = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// trusts reports that what client says of others is believed. Who comes over a
// socket has no address, and is on this machine.
func (o *ForwardOptions) trusts(client netip.Addr) bool {
	if !client.IsValid() {
		return true
	}
	for _, p := range o.Trusted {
		if p.Contains(client) {
			return true
		}
	}
	return false
}

// AccessOptions are about the log of requests.
type AccessOptions struct {
	Log    *zap.Logger // default: none
	Sample int         // one of so many requests is logged; default: each
}

// HoldOptions are about native routes.
type HoldOptions struct {
	Timeout     time.Duration // of a hold whose client asks for nothing else; default 25 s
	MaxTimeout  time.Duration // what a client may ask for; default 60 s
	MaxChannels int           // of one request; default 100
	MaxAnswer   int           // bytes of messages in one answer, but one message at least; default 1 MiB
}

// PublishOptions bound what is published.
type PublishOptions struct {
	MaxBytes   int // of one message; default 1 MiB
	MaxRequest int // of one request; default 8 MiB
}

// GRIPOptions are about holds that backends ask for.
type GRIPOptions struct {
	SigKey     []byte        // signs Grip-Sig: a secret, or the text of a PEM file; empty: requests are not signed
	SigIss     string        // the issuer it names; empty: requests are not signed
	MaxTimeout time.Duration // what an answer may ask for; default 10 min
	HeldBytes  int64         // of the answers that holds end with, all together; default 256 MiB
}

// InternalOptions are about the internal listener.
type InternalOptions struct {
	// Token that every request but those for health must carry; empty: none,
	// and then requests that a browser could have been tricked into are
	// refused.
	Token string

	// Hosts are names that a Host header may have besides IP addresses and
	// localhost, when there is no Token.
	Hosts []string

	// Debug offers /debug/.
	Debug bool

	// Reload is what POST /reload does; its error is told. nil: there is none.
	Reload func() error

	// Metrics answers GET /metrics; nil: there are none.
	Metrics func(*fasthttp.RequestCtx)
}

// A Route sends requests to a backend, holds them (Channels), or answers them
// (Redirect or Status).
type Route struct {
	Host     string
	Path     string
	Channels []string
	Backend  string
	Params   map[string]*regexp.Regexp
	Open     bool
	CORS     *CORS

	// NoGRIP passes the backend's answers on without acting on what they say;
	// FromAnswer lets a hold begin when the app answered and not, as it does
	// otherwise, when its request was forwarded.
	NoGRIP, FromAnswer bool

	// Methods are those allowed, GET also for HEAD; empty: all. Not of native routes.
	Methods []string
	// MaxBody bounds a request's body; 0: no bound.
	MaxBody int64
	// StripPrefix is taken off the request's target before it goes to the app.
	StripPrefix string
	// RequestHeaders and AnswerHeaders change what goes to the app, and what comes
	// from it.
	RequestHeaders, AnswerHeaders HeaderEdit

	// Redirect sends clients elsewhere with the same target: "https" to the same
	// host, or "https://host". Status is that of the redirect, default 308, or of
	// a fixed answer with Body and its Type.
	Redirect   string
	Status     int
	Body, Type string
}

// answers reports that the route asks nobody.
func (r *Route) answers() bool { return r.Redirect != "" || r.Status != 0 }

// CORS says which origins' scripts may read a native route.
type CORS struct {
	Origins     []string // scheme://host[:port], or "*"
	Credentials bool
	MaxAge      time.Duration // 0: browsers keep nothing
}

func orInt(v, d int) int {
	switch {
	case v == 0:
		return d
	case v < 0:
		return 0
	}
	return v
}

func orDuration(v, d time.Duration) time.Duration {
	switch {
	case v == 0:
		return d
	case v < 0:
		return 0
	}
	return v
}

func (o Options) resolved() Options {
	if o.Forward.Trusted == nil {
		o.Forward.Trusted = thisMachine
	}
	if o.MaxHead <= 0 {
		o.MaxHead = 64 << 10
	}
	if o.MaxTarget <= 0 {
		o.MaxTarget = min(16<<10, o.MaxHead)
	}
	o.HeadTimeout = orDuration(o.HeadTimeout, 30*time.Second)
	o.BodyTimeout = orDuration(o.BodyTimeout, 60*time.Second)
	o.SendTimeout = orDuration(o.SendTimeout, 60*time.Second)
	if o.Spool == 0 {
		o.Spool = 1 << 30
	}
	o.MaxLines = orInt(o.MaxLines, 200)
	o.Hold.Timeout = orDuration(o.Hold.Timeout, 25*time.Second)
	o.Hold.MaxTimeout = orDuration(o.Hold.MaxTimeout, 60*time.Second)
	o.Hold.MaxChannels = orInt(o.Hold.MaxChannels, 100)
	o.Hold.MaxAnswer = orInt(o.Hold.MaxAnswer, 1<<20)
	o.Publish.MaxBytes = orInt(o.Publish.MaxBytes, 1<<20)
	o.Publish.MaxRequest = orInt(o.Publish.MaxRequest, 8<<20)
	o.GRIP.MaxTimeout = orDuration(o.GRIP.MaxTimeout, 10*time.Minute)
	switch {
	case o.GRIP.HeldBytes == 0:
		o.GRIP.HeldBytes = 256 << 20
	case o.GRIP.HeldBytes < 0:
		o.GRIP.HeldBytes = 0
	}
	o.Drain = orDuration(o.Drain, 20*time.Second)
	o.Grace = orDuration(o.Grace, 10*time.Second)
	o.Presence = slices.Clone(o.Presence)
	for i := range o.Presence {
		o.Presence[i] = o.Presence[i].resolved()
	}
	if o.NewLot == nil {
		o.NewLot = park.NewGoroutine
	}
	if o.Observer == nil {
		o.Observer = nobodyLooks{}
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	return o
}

// target is what the proxy hangs on each route of its table.
type target struct {
	fixed      *fixedAnswer     // nil: a native route or one with a backend
	backend    *backend.Backend // nil: a native route, or one with a fixed answer
	name       string           // of backend
	grip       bool             // the backend's answers may hold
	fromAnswer bool             // and begin when the app answered
	cors       *cors            // nil: none

	methods     []string // nil: all
	maxBody     int64    // 0: no bound
	bodyBound   string   // the key that says so
	stripPrefix string
	request     edit
	answer      edit
}

func newTarget(r *Route, backends map[string]*backend.Backend) *target {
	t := &target{backend: backends[r.Backend], name: r.Backend, grip: !r.NoGRIP, fromAnswer: r.FromAnswer,
		methods: r.Methods, maxBody: r.MaxBody, bodyBound: "route.max_body", stripPrefix: r.StripPrefix,
		request: newEdit(r.RequestHeaders), answer: newEdit(r.AnswerHeaders)}
	if r.CORS != nil {
		t.cors = newCORS(r.CORS)
	}
	if r.answers() {
		t.fixed = &fixedAnswer{status: r.Status, redirect: r.Redirect, kind: r.Type, body: []byte(r.Body), edit: t.answer}
		if t.fixed.status == 0 {
			t.fixed.status = fasthttp.StatusPermanentRedirect
		}
		if t.fixed.kind == "" {
			t.fixed.kind = "text/plain; charset=utf-8"
		}
	}
	return t
}

// nobody stands for the backend of routes that answer by themselves: they match
// what one with a backend does.
const nobody = "-"

func (o *Options) table() (*route.Table, error) {
	routes := make([]route.Route, 0, len(o.Routes))
	var errs []error
	for _, r := range o.Routes {
		t, backend := newTarget(&r, o.Backends), r.Backend
		if t.maxBody == 0 {
			t.maxBody, t.bodyBound = o.MaxBody, "limits.body_bytes"
		}
		if r.answers() {
			backend = nobody
		}
		if r.Backend != "" && t.backend == nil {
			errs = append(errs, fmt.Errorf("route %s: there is no backend %q", r.Path, r.Backend))
		}
		params := make(map[string]string)
		for name, re := range r.Params {
			params[name] = re.String()
		}
		routes = append(routes, route.Route{Host: r.Host, Path: r.Path, Channels: r.Channels,
			Backend: backend, Params: params, Open: r.Open, Value: t})
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return route.NewTable(routes)
}
