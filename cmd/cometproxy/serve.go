package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/signal"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"

	"cometproxy/admin"
	"cometproxy/backend"
	"cometproxy/cmd/cometproxy/internal/config"
	"cometproxy/cmd/cometproxy/internal/logging"
	"cometproxy/proxy"
)

const serveUsage = `
Usage: cometproxy [serve] [-config FILE]

Runs cometproxy. The log goes to standard error.

SIGTERM or SIGINT ends it in order: parked polls are answered over [shutdown]
drain (204 with a cursor, and a Retry-After that spreads their return), then no
more clients are accepted and requests that are being worked on get [shutdown]
grace. A second signal ends it at once.
`

// runServe runs the proxy until a signal ends it.
func runServe(args []string, stdout, stderr io.Writer) int {
	flags := newFlags("serve", serveUsage, stdout)
	file := flags.String("config", defaultConfig, "configuration `FILE`; default "+defaultConfig)
	if code, done := parseFlags(flags, args, stderr); done {
		return code
	}
	if flags.NArg() > 0 {
		return usageError(stderr, "serve", "unexpected %q", flags.Arg(0))
	}
	c, text, problems := config.LoadText(*file)
	log, level := openLog(c, problems, stderr)
	if log == nil {
		return exitFailed
	}
	s, err := start(c, text, log, level, *file)
	if err != nil {
		log.Error("cometproxy cannot start", zap.Error(err))
		return exitFailed
	}
	return s.untilSignal()
}

// openLog makes the log that a configuration asks for and puts the configuration's
// warnings into it. Without a configuration it prints why there is none.
func openLog(c *config.Config, problems config.Problems, stderr io.Writer) (*zap.Logger, zap.AtomicLevel) {
	if c == nil {
		fmt.Fprint(stderr, problems.Errors())
		return nil, zap.AtomicLevel{}
	}
	log, level, err := logging.New(c.Log.Level, c.Log.Format, os.Stderr)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return nil, level
	}
	for _, w := range problems.Warnings() {
		log.Warn(w.String())
	}
	return log, level
}

// A server is a running proxy with its listeners.
type server struct {
	file    string // the configuration's; empty: it cannot be reloaded
	proxy   *proxy.Proxy
	log     *zap.Logger
	level   zap.AtomicLevel // of log
	metrics *admin.Metrics
	page    *admin.Page
	signals chan os.Signal
	grace   atomic.Int64 // config.Shutdown.Grace: the end does not wait for a reload

	mu       sync.Mutex                  // held by a reload
	config   *config.Config              // guarded by mu, like the following
	backends map[string]*backend.Backend // of config
	doors    doors
	flush    func() // writes what is left of the access log
}

// start brings a configuration to life. text is what it was parsed from.
func start(c *config.Config, text []byte, log *zap.Logger, level zap.AtomicLevel, file string) (*server, error) {
	s := &server{file: file, log: log, level: level, config: c, doors: doors{log: log}}
	s.grace.Store(int64(c.Shutdown.Grace))
	room := roomFor(c, fileLimit())
	o, err := options(c, room, log, nil)
	if err != nil {
		return nil, err
	}
	access, flush, err := logging.Access(c.Access.Output)
	if err != nil {
		return nil, err
	}
	s.flush, s.backends = flush, o.Backends
	s.metrics = admin.NewMetrics(buildVersion(), slices.Collect(maps.Keys(o.Backends)))
	o.Observer, o.Internal.Metrics = s.metrics, s.metrics.Write
	o.Internal.Reload = s.reload
	s.page = admin.NewPage(buildVersion(), s.metrics)
	o.Internal.Page = s.pageOf(c)
	o.Access = proxy.AccessOptions{Log: access, Sample: c.Access.Sample}
	all, opened, _, err := s.doors.plan(c)
	if err != nil {
		return nil, err
	}
	if s.proxy, err = proxy.New(o); err != nil {
		closeDoors(opened)
		return nil, err
	}
	s.doors.open = all
	for _, address := range inheritedUnused(sockets(all)) {
		log.Warn("the service manager hands over a socket that no listener of the configuration has: its clients wait in vain; add its address, or take it out of the socket unit",
			zap.String("address", address))
	}
	s.metrics.Watch(s.proxy.Stats)
	s.showConfig(text)
	s.page.Watch(s.proxy)
	s.signals = make(chan os.Signal, 2) // before there is a client that could be cut off
	signal.Notify(s.signals, syscall.SIGTERM, os.Interrupt)
	s.reloadBySignal()
	public, internal := served(all)
	s.proxy.Serve(public, internal)
	log.Info("cometproxy is up", zap.Strings("public", addresses(public)), zap.Strings("internal", addresses(internal)),
		zap.Int("clients_at_most", room.connections), zap.Int("open_files_limit", room.files),
		zap.Int("files_kept_for_backends_and_publishing", room.reserve))
	for _, w := range room.warnings {
		log.Warn(w)
	}
	return s, nil
}

// pageOf is the page for operators, if a configuration wants it.
func (s *server) pageOf(c *config.Config) proxy.AdminPage {
	if c.Internal.Page == "off" {
		return nil
	}
	return s.page
}

// showConfig gives the page the configuration in effect.
func (s *server) showConfig(text []byte) {
	shown, err := config.Effective(text)
	if err != nil { // it was parsed before
		shown = "# " + err.Error()
	}
	s.page.ShowConfig(shown)
}

// untilSignal runs until SIGTERM or SIGINT, and ends in order.
func (s *server) untilSignal() int {
	first := <-s.signals
	s.log.Info("ending: parked polls are answered, active requests may finish; a second signal ends at once",
		zap.Stringer("signal", first), zap.Duration("grace", time.Duration(s.grace.Load())))
	hurry := make(chan struct{})
	go func() {
		<-s.signals
		close(hurry)
		time.Sleep(time.Second)
		os.Exit(exitFailed) // whatever Shutdown still waits for
	}()
	cut := s.proxy.Shutdown(hurry)
	s.page.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flush()
	select {
	case <-hurry:
		s.log.Warn("ended at once, by a second signal", zap.Int("requests_cut_off", cut))
		return exitFailed
	default:
	}
	s.log.Info("ended", zap.Int("requests_cut_off", cut))
	return exitOK
}

// listen opens a listener. To whom its address is not this machine's, elsewhere
// recommends another, given the port. share lets other processes listen there too.
func listen(address, elsewhere string, share bool) (net.Listener, error) {
	ln, err := listenOne(address, share)
	if errors.Is(err, syscall.EADDRNOTAVAIL) {
		host, port, _ := net.SplitHostPort(address)
		err = fmt.Errorf("this machine has no address %s; choose one of its own, or %s", host, fmt.Sprintf(elsewhere, port))
	}
	return ln, err
}

func listenOne(address string, share bool) (net.Listener, error) {
	network, addr := config.SplitListen(address)
	if ln, err := inheritedListener(network, addr); ln != nil || err != nil {
		return ln, err
	}
	if network == "unix" {
		removeStale(addr)
	}
	var how net.ListenConfig
	if share {
		how.Control = sharePort
	}
	ln, err := how.Listen(context.Background(), network, addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is in use by another program, or by another cometproxy; end that or choose another address%w", address, quiet{err})
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("%s may not be opened by this user; choose a port above 1023 or another path", address)
	case err != nil:
		return nil, err
	}
	if network == "unix" {
		if err := os.Chmod(addr, 0o660); err != nil {
			ln.Close()
			return nil, err
		}
	}
	return ln, nil
}

// quiet is an error that is known to errors.Is and says nothing.
type quiet struct{ error }

func (quiet) Error() string   { return "" }
func (q quiet) Unwrap() error { return q.error }

// removeStale removes a socket that a process left behind: nobody answers there.
func removeStale(path string) {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&os.ModeSocket == 0 {
		return
	}
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		c.Close()
		return
	}
	os.Remove(path)
}

func addresses(lns []net.Listener) []string {
	list := make([]string, len(lns))
	for i, ln := range lns {
		list[i] = ln.Addr().String()
	}
	return list
}
