package config

import (
	"strings"
	"time"
)

// A key is one word that a configuration file may say.
type key struct {
	path string // "hold.timeout"; in tables that repeat, "route.path"
	kind kind
	def  any // the default as the TOML library would decode it; nil: none

	// Bounds: a number, nanoseconds or bytes. max 0 means the kind's own.
	min, max int64
	oneOf    []string
	empty    bool // a list may be

	doc   string
	note  string            // what the documentation says after doc and oneOf
	field func(*target) any // where the value goes
}

// A target is what the values of one table are written to.
type target struct {
	config   *Config
	backend  *Backend
	route    *Route
	cors     *CORS
	presence *Presence

	certificate *Certificate
	raw         rawValues
}

// rawValues are texts that need more work than their kind does.
type rawValues struct {
	token   string
	sigKey  string
	trusted []string

	proxyFrom []string
	balance   string
	pages     [3]string // for 502, 503, 504
	params    map[string]string
	tls       struct{ ca, cert, key string }
}

const (
	kib = 1 << 10
	day = int64(24 * time.Hour)
)

// keys is the one table of what is known; order is that of the documentation.
var keys = []key{
	{path: "public.listen", kind: isTexts, empty: true, def: list("127.0.0.1:8000"), doc: "addresses that clients connect to, host:port",
		field: func(t *target) any { return &t.config.Public.Listen }},
	{path: "public.parker", kind: isChoice, def: "auto", oneOf: []string{"auto", "epoll", "goroutine"}, doc: "how parked connections are kept", note: "; auto is epoll on Linux",
		field: func(t *target) any { return &t.config.Public.Parker }},
	{path: "public.tls_listen", kind: isTexts, doc: "addresses that clients connect to by https, host:port; needs a [[certificate]]",
		field: func(t *target) any { return &t.config.Public.TLSListen }},
	{path: "public.tls_min_version", kind: isChoice, def: "1.2", oneOf: []string{"1.2", "1.3"}, doc: "TLS version at least",
		field: func(t *target) any { return &t.config.Public.TLSMinVersion }},
	{path: "public.redirect_to_https", kind: isFlag, def: false, doc: "answer everything that comes by plain http with a redirect to https (308): the same host and target and, if the host has a port, that of tls_listen; https is also what a trusted proxy calls so",
		field: func(t *target) any { return &t.config.Public.RedirectToHTTPS }},
	{path: "public.reuse_port", kind: isFlag, def: false, doc: "let another cometproxy listen at the same addresses (SO_REUSEPORT), so that a new one can start before the old one ends",
		field: func(t *target) any { return &t.config.Public.ReusePort }},
	{path: "public.proxy_protocol_from", kind: isTexts, doc: "addresses or networks of proxies in front whose connections begin with a PROXY protocol header, version 1 or 2; all public listeners",
		field: func(t *target) any { return &t.raw.proxyFrom }},
	{path: "public.probe", kind: isText, def: "", doc: "path at which cometproxy doctor can find out what stands in between, as /.well-known/cometproxy; whoever can reach it can do that; empty: none",
		field: func(t *target) any { return &t.config.Public.Probe }},

	{path: "certificate.cert", kind: isText, doc: "PEM file with a certificate and its chain; clients get the one with the name they ask for, else the first; read again when it changes",
		field: func(t *target) any { return &t.certificate.Cert }},
	{path: "certificate.key", kind: isText, doc: "PEM file with its key",
		field: func(t *target) any { return &t.certificate.Key }},

	{path: "internal.listen", kind: isTexts, def: list("127.0.0.1:5561"), doc: "addresses for publishing and health, host:port or unix:/path",
		field: func(t *target) any { return &t.config.Internal.Listen }},
	{path: "internal.token", kind: isText, def: "", doc: "secret that publishers send; needed unless listen is loopback or a socket",
		field: func(t *target) any { return &t.raw.token }},
	{path: "internal.token_file", kind: isText, doc: "file that holds the token",
		field: func(t *target) any { return &t.config.Internal.TokenFile }},
	{path: "internal.debug", kind: isFlag, def: false, doc: "serve /debug/check, /debug/stats, /debug/pprof/ and /debug/free",
		field: func(t *target) any { return &t.config.Internal.Debug }},

	{path: "forward.trusted_proxies", kind: isTexts, empty: true, def: list("127.0.0.0/8", "::1"), doc: "addresses or networks of proxies in front of this one, which are believed what they say of their clients; []: nobody is",
		field: func(t *target) any { return &t.raw.trusted }},
	{path: "forward.x_forwarded", kind: isFlag, def: true, doc: "tell apps of their clients by X-Forwarded-For, -Proto and -Host",
		field: func(t *target) any { return &t.config.Forward.XForwarded }},
	{path: "forward.forwarded", kind: isFlag, def: false, doc: "tell them by Forwarded (RFC 7239)",
		field: func(t *target) any { return &t.config.Forward.Forwarded }},
	{path: "forward.via", kind: isFlag, def: false, doc: "add Via, to the app and to the client",
		field: func(t *target) any { return &t.config.Forward.Via }},
	{path: "forward.request_id", kind: isText, def: "X-Request-Id", doc: "header field with the id of a request, made unless it has one, to the app and back; empty: none",
		field: func(t *target) any { return &t.config.Forward.RequestID }},

	{path: "hold.timeout", kind: isDuration, def: "25s", min: int64(time.Millisecond), max: day, doc: "how long a poll is held when the client asks for nothing else",
		field: func(t *target) any { return &t.config.Hold.Timeout }},
	{path: "hold.max_timeout", kind: isDuration, def: "60s", min: int64(time.Millisecond), max: day, doc: "what a client may ask for at most",
		field: func(t *target) any { return &t.config.Hold.MaxTimeout }},
	{path: "hold.max_channels", kind: isCount, def: int64(100), doc: "channels of one poll at most",
		field: func(t *target) any { return &t.config.Hold.MaxChannels }},
	{path: "hold.max_answer", kind: isSize, def: "1MiB", doc: "bytes of messages in one answer at most; one message always goes",
		field: func(t *target) any { return &t.config.Hold.MaxAnswer }},

	{path: "history.messages", kind: isCount, def: int64(100), doc: "messages kept per channel; 0 keeps nothing",
		field: func(t *target) any { return &t.config.History.Messages }},
	{path: "history.age", kind: isDuration, def: "5m", doc: "how long a message is kept",
		field: func(t *target) any { return &t.config.History.Age }},
	{path: "history.bytes", kind: isSize, def: "1MiB", doc: "bytes kept per channel; the newest message is always kept",
		field: func(t *target) any { return &t.config.History.Bytes }},
	{path: "history.total", kind: isSize, def: "256MiB", doc: "bytes kept of all channels together",
		field: func(t *target) any { return &t.config.History.Total }},
	{path: "history.tombstones", kind: isCount, def: int64(1_000_000), doc: "forgotten channels that are remembered by name, so that gaps stay exact",
		field: func(t *target) any { return &t.config.History.Tombstones }},

	{path: "history.snapshot", kind: isText, def: "", doc: "file in which the history is kept over a restart; empty: it is not, and each client is told of a gap",
		field: func(t *target) any { return &t.config.History.Snapshot }},
	{path: "publish.max_bytes", kind: isSize, def: "1MiB", min: 1, max: 1 << 30, doc: "bytes of one message at most",
		field: func(t *target) any { return &t.config.Publish.MaxBytes }},
	{path: "publish.max_request", kind: isSize, def: "8MiB", min: 1, max: 1 << 30, doc: "bytes of one publish request at most",
		field: func(t *target) any { return &t.config.Publish.MaxRequest }},

	{path: "grip.sig_key", kind: isText, def: "", doc: "key that signs Grip-Sig: plain text, base64:TEXT or file:PATH (PEM or hex)",
		field: func(t *target) any { return &t.raw.sigKey }},
	{path: "grip.sig_iss", kind: isText, def: "cometproxy", doc: "the issuer that Grip-Sig names",
		field: func(t *target) any { return &t.config.GRIP.SigIss }},
	{path: "grip.max_timeout", kind: isDuration, def: "10m", max: day, doc: "what a backend may ask for with Grip-Timeout at most",
		field: func(t *target) any { return &t.config.GRIP.MaxTimeout }},
	{path: "grip.held_bytes", kind: isSize, def: "256MiB", doc: "bytes of timeout answers kept, all together",
		field: func(t *target) any { return &t.config.GRIP.HeldBytes }},

	{path: "limits.connections", kind: isCount, def: int64(0), doc: "client connections at most; 0: from the limit of open files",
		field: func(t *target) any { return &t.config.Limits.Connections }},
	{path: "limits.parked", kind: isCount, def: int64(0), doc: "parked requests at most; 0: no bound of their own, so as many as connections",
		field: func(t *target) any { return &t.config.Limits.Parked }},

	{path: "limits.header_bytes", kind: isSize, def: "64KiB", min: 4 << 10, max: 1 << 20, doc: "bytes of a request's head at most, else 431; each connection that is worked on has a buffer of this size",
		field: func(t *target) any { return &t.config.Limits.HeaderBytes }},
	{path: "limits.header_lines", kind: isCount, def: int64(200), doc: "header lines of a request at most, else 431",
		field: func(t *target) any { return &t.config.Limits.HeaderLines }},

	{path: "limits.target_bytes", kind: isSize, def: "16KiB", min: 64, max: 1 << 20, doc: "bytes of a request's target (path and query) at most, else 414",
		field: func(t *target) any { return &t.config.Limits.TargetBytes }},
	{path: "limits.body_bytes", kind: isSize, def: "0", doc: "bytes of a request's body at most on routes without max_body, else 413; 0: no bound",
		field: func(t *target) any { return &t.config.Limits.BodyBytes }},
	{path: "limits.connections_per_address", kind: isCount, def: int64(0), doc: "connections of one client address at most (IPv6: of one /64), trusted proxies aside; 0: no bound",
		field: func(t *target) any { return &t.config.Limits.ConnectionsPerAddress }},
	{path: "limits.parked_per_address", kind: isCount, def: int64(0), doc: "parked requests of one client address at most (IPv6: of one /64), as trusted proxies tell it; else 429; 0: no bound",
		field: func(t *target) any { return &t.config.Limits.ParkedPerAddress }},
	{path: "limits.header_timeout", kind: isDuration, def: "30s", min: int64(time.Millisecond), max: day, doc: "how long a client may take to send a request's head, and the first 8 KiB of its body, else 408",
		field: func(t *target) any { return &t.config.Limits.HeaderTimeout }},
	{path: "limits.body_timeout", kind: isDuration, def: "60s", min: int64(time.Millisecond), max: day, doc: "how long it may pause within a request's body",
		field: func(t *target) any { return &t.config.Limits.BodyTimeout }},
	{path: "limits.send_timeout", kind: isDuration, def: "60s", min: int64(time.Millisecond), max: day, doc: "how long it may leave a piece of an answer untaken",
		field: func(t *target) any { return &t.config.Limits.SendTimeout }},

	{path: "limits.spool_bytes", kind: isSize, def: "1GiB", max: 1 << 40, doc: "bytes on disk of answers that clients are slow to take, so that the app need not wait for them; of one answer a 64th; 0: apps wait",
		field: func(t *target) any { return &t.config.Limits.SpoolBytes }},
	{path: "limits.spool_dir", kind: isText, def: "", doc: "directory for them, in one file without a name; empty: the system's for temporary files",
		field: func(t *target) any { return &t.config.Limits.SpoolDir }},

	{path: "error_pages.502", kind: isText, doc: "file with the page for 502: the app cannot be reached, or its answer is broken; type by its ending",
		field: func(t *target) any { return &t.raw.pages[0] }},
	{path: "error_pages.503", kind: isText, doc: "file with the page for 503: the app is busy",
		field: func(t *target) any { return &t.raw.pages[1] }},
	{path: "error_pages.504", kind: isText, doc: "file with the page for 504: the app took too long",
		field: func(t *target) any { return &t.raw.pages[2] }},
	{path: "error_pages.status", kind: isCount, def: int64(0), max: 599, doc: "status of answers with one of these pages; 0: its own",
		field: func(t *target) any { return &t.config.ErrorPages.Status }},

	{path: "log.level", kind: isChoice, def: "info", oneOf: []string{"debug", "info", "warn", "error"}, doc: "what is logged at least",
		field: func(t *target) any { return &t.config.Log.Level }},
	{path: "log.format", kind: isChoice, def: "auto", oneOf: []string{"auto", "json", "console"}, doc: "how it is written (auto is console on a terminal, else json)",
		field: func(t *target) any { return &t.config.Log.Format }},

	{path: "access_log.output", kind: isText, def: "off", doc: "where a line of JSON for each request goes: off, stdout, stderr or the path of a file, which is appended to",
		field: func(t *target) any { return &t.config.Access.Output }},
	{path: "access_log.sample", kind: isCount, def: int64(1), min: 1, doc: "log one of so many requests",
		field: func(t *target) any { return &t.config.Access.Sample }},

	{path: "shutdown.drain", kind: isDuration, def: "20s", max: day, doc: "time over which parked polls are answered when the process is told to end; at least 100 a second are",
		field: func(t *target) any { return &t.config.Shutdown.Drain }},
	{path: "shutdown.grace", kind: isDuration, def: "10s", max: day, doc: "time that active requests have when the process is told to end",
		field: func(t *target) any { return &t.config.Shutdown.Grace }},

	{path: "backend.name", kind: isText, doc: "what routes call it",
		field: func(t *target) any { return &t.backend.Name }},
	{path: "backend.urls", kind: isTexts, doc: "where it listens: http://host:port, https://host:port or unix:/path; several are balanced",
		field: func(t *target) any { return &t.backend.URLs }},
	{path: "backend.balance", kind: isText, def: "round_robin", doc: "which of several URLs gets a request: round_robin, least_connections, or header:NAME or cookie:NAME for the same URL to the same value",
		field: func(t *target) any { return &t.raw.balance }},
	{path: "backend.max_connections", kind: isCount, def: int64(256), doc: "requests under way at one time, all URLs together; more queue",
		field: func(t *target) any { return &t.backend.MaxConnections }},
	{path: "backend.max_tunnels", kind: isCount, def: int64(1024), doc: "upgraded connections (WebSocket) at most",
		field: func(t *target) any { return &t.backend.MaxTunnels }},
	{path: "backend.queue_timeout", kind: isDuration, def: "30s", max: day, doc: "how long a request waits for a free connection before 503",
		field: func(t *target) any { return &t.backend.QueueTimeout }},
	{path: "backend.connect_timeout", kind: isDuration, def: "5s", min: int64(time.Millisecond), max: day, doc: "how long a connection may take to open before 502",
		field: func(t *target) any { return &t.backend.ConnectTimeout }},
	{path: "backend.answer_timeout", kind: isDuration, def: "60s", max: day, doc: "how long the head of an answer may take before 504",
		field: func(t *target) any { return &t.backend.AnswerTimeout }},
	{path: "backend.answer_body_timeout", kind: isDuration, def: "10m", max: 366 * day, doc: "how long it may be silent within the body of an answer before that is broken off",
		field: func(t *target) any { return &t.backend.BodyTimeout }},
	{path: "backend.idle_timeout", kind: isDuration, def: "30s", max: day, doc: "how long an unused connection is kept",
		field: func(t *target) any { return &t.backend.IdleTimeout }},

	{path: "backend.health_path", kind: isText, doc: "path that each URL is asked for, to leave it out unless it answers 2xx or 3xx; without it no checks",
		field: func(t *target) any { return &t.backend.Health.Path }},
	{path: "backend.health_interval", kind: isDuration, def: "5s", min: int64(10 * time.Millisecond), max: day, doc: "time between two checks",
		field: func(t *target) any { return &t.backend.Health.Interval }},
	{path: "backend.health_timeout", kind: isDuration, def: "2s", min: int64(time.Millisecond), max: day, doc: "how long a check may take",
		field: func(t *target) any { return &t.backend.Health.Timeout }},
	{path: "backend.health_healthy", kind: isCount, def: int64(2), min: 1, max: 1000, doc: "checks in a row that must succeed before a URL is used again",
		field: func(t *target) any { return &t.backend.Health.Healthy }},
	{path: "backend.health_unhealthy", kind: isCount, def: int64(3), min: 1, max: 1000, doc: "checks in a row that must fail before it is left out",
		field: func(t *target) any { return &t.backend.Health.Unhealthy }},
	{path: "backend.eject_failures", kind: isCount, def: int64(3), doc: "timeouts and broken answers in a row that leave one of several URLs out; one failure to connect always does; 0: they do not",
		field: func(t *target) any { return &t.backend.EjectFailures }},
	{path: "backend.eject_time", kind: isDuration, def: "5s", min: int64(time.Millisecond), max: day, doc: "how long at first; doubled each time, up to a minute",
		field: func(t *target) any { return &t.backend.EjectTime }},

	{path: "backend.tls_ca", kind: isText, doc: "PEM file with the CAs that vouch for https URLs; without it the system's",
		field: func(t *target) any { return &t.raw.tls.ca }},
	{path: "backend.tls_cert", kind: isText, doc: "PEM file with the certificate that the app asks of this proxy",
		field: func(t *target) any { return &t.raw.tls.cert }},
	{path: "backend.tls_key", kind: isText, doc: "PEM file with its key",
		field: func(t *target) any { return &t.raw.tls.key }},
	{path: "backend.tls_server_name", kind: isText, doc: "name that the app's certificate must have; without it the URL's host",
		field: func(t *target) any { return &t.backend.ServerName }},

	{path: "route.path", kind: isText, doc: "what it matches: /events/{room}",
		field: func(t *target) any { return &t.route.Path }},
	{path: "route.host", kind: isText, doc: "only requests to this host, or *.example.com",
		field: func(t *target) any { return &t.route.Host }},
	{path: "route.channels", kind: isTexts, doc: "hold on these channels without asking the app: PUBLIC",
		field: func(t *target) any { return &t.route.Channels }},
	{path: "route.backend", kind: isText, doc: "forward to this backend",
		field: func(t *target) any { return &t.route.Backend }},
	{path: "route.redirect", kind: isText, doc: "send clients elsewhere: \"https\" (the same host), or https://host, before their path and query",
		field: func(t *target) any { return &t.route.Redirect }},
	{path: "route.status", kind: isCount, max: 599, doc: "answer with this code and ask nobody; with redirect, its code (308 if absent)",
		field: func(t *target) any { return &t.route.Status }},
	{path: "route.body", kind: isText, doc: "what such an answer says",
		field: func(t *target) any { return &t.route.Body }},
	{path: "route.type", kind: isText, doc: "the Content-Type of body; without it text/plain",
		field: func(t *target) any { return &t.route.Type }},
	{path: "route.methods", kind: isTexts, doc: "only these methods, others get 405; without it all",
		field: func(t *target) any { return &t.route.Methods }},
	{path: "route.max_body", kind: isSize, def: "0", doc: "bytes of a request's body at most, else 413; 0: no bound",
		field: func(t *target) any { return &t.route.MaxBody }},
	{path: "route.strip_prefix", kind: isText, doc: "beginning of the path that the app does not get",
		field: func(t *target) any { return &t.route.StripPrefix }},
	{path: "route.set_request_headers", kind: isPatterns, doc: "header fields for the app, in place of the client's",
		field: func(t *target) any { return &t.route.SetRequestHeaders }},
	{path: "route.remove_request_headers", kind: isTexts, doc: "header fields of the client that the app does not get",
		field: func(t *target) any { return &t.route.RemoveRequestHeaders }},
	{path: "route.set_answer_headers", kind: isPatterns, doc: "header fields for the client, in place of the app's",
		field: func(t *target) any { return &t.route.SetAnswerHeaders }},
	{path: "route.remove_answer_headers", kind: isTexts, doc: "header fields of the app that the client does not get",
		field: func(t *target) any { return &t.route.RemoveAnswerHeaders }},
	{path: "route.open", kind: isFlag, def: false, doc: "allow a channel that begins with a parameter: the route can read every channel",
		field: func(t *target) any { return &t.route.Open }},
	{path: "route.params", kind: isPatterns, doc: "regular expressions that parameters must match as a whole",
		field: func(t *target) any { return &t.raw.params }},
	{path: "route.cors.origins", kind: isTexts, doc: "sites whose scripts may read: https://a.example, or * for all",
		field: func(t *target) any { return &t.cors.Origins }},
	{path: "route.cors.credentials", kind: isFlag, def: false, doc: "with cookies",
		field: func(t *target) any { return &t.cors.Credentials }},
	{path: "route.cors.max_age", kind: isDuration, def: "10m", max: day, doc: "how long a browser keeps the permission",
		field: func(t *target) any { return &t.cors.MaxAge }},
	{path: "route.grip", kind: isFlag, def: true, doc: "the backend's answers may hold",
		field: func(t *target) any { return &t.route.GRIP }},
	{path: "route.grip_position", kind: isChoice, def: "forward", oneOf: []string{"forward", "answer"}, doc: "a hold sees the messages since its request was forwarded, or since the app answered",
		field: func(t *target) any { return &t.route.GRIPPosition }},

	{path: "presence.channels", kind: isTexts, doc: "channels, of which an app is told when somebody comes and when nobody is there any more; * is any text: user:*",
		field: func(t *target) any { return &t.presence.Channels }},
	{path: "presence.backend", kind: isText, doc: "the backend that is told",
		field: func(t *target) any { return &t.presence.Backend }},
	{path: "presence.path", kind: isText, doc: "where it takes the POSTs",
		field: func(t *target) any { return &t.presence.Path }},
	{path: "presence.token", kind: isText, def: "", doc: "secret that they carry as Authorization: Bearer; empty: none",
		field: func(t *target) any { return &t.raw.token }},
	{path: "presence.token_file", kind: isText, doc: "file that holds the token",
		field: func(t *target) any { return &t.presence.TokenFile }},
	{path: "presence.leave_after", kind: isDuration, def: "10s", min: int64(time.Second), max: day, doc: "how long nobody must be there: a poll that comes again by then is no leave",
		field: func(t *target) any { return &t.presence.LeaveAfter }},
	{path: "presence.every", kind: isDuration, def: "1s", min: int64(100 * time.Millisecond), max: int64(time.Hour), doc: "what comes together within this time goes together",
		field: func(t *target) any { return &t.presence.Every }},
	{path: "presence.node", kind: isText, def: "", doc: "what this process is called in them; empty: the name of the machine",
		field: func(t *target) any { return &t.presence.Node }},
}

func list(items ...any) []any { return items }

// keyOf finds a key by its path.
var keyOf = func() map[string]*key {
	m := make(map[string]*key, len(keys))
	for i := range keys {
		m[keys[i].path] = &keys[i]
	}
	return m
}()

// tableKeys are the names each table knows, in the order of the documentation;
// "" has the sections, and "route" also "cors".
var tableKeys = func() map[string][]string {
	m := make(map[string][]string)
	seen := make(map[string]bool)
	for _, k := range keys {
		parent, name := "", ""
		for _, name = range strings.Split(k.path, ".") {
			path := join(parent, name)
			if !seen[path] {
				seen[path] = true
				m[parent] = append(m[parent], name)
			}
			parent = path
		}
	}
	return m
}()

// repeated tables are written [[name]].
var repeated = map[string]bool{"backend": true, "route": true, "certificate": true, "presence": true}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// setDefaults writes the defaults of the tables at paths to t.
func setDefaults(t *target, paths ...string) {
	for _, path := range paths {
		for _, name := range tableKeys[path] {
			if k := keyOf[join(path, name)]; k != nil && k.def != nil {
				if faults := k.set(t, k.def); faults != nil {
					panic("default of " + k.path + ": " + faults[0].text)
				}
			}
		}
	}
}
