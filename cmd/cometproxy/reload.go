package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"cometproxy/backend"
	"cometproxy/cmd/cometproxy/internal/config"
	"cometproxy/cmd/cometproxy/internal/logging"
	"cometproxy/proxy"
)

const reloadUsage = `
Usage: cometproxy reload [flags]

Has a running cometproxy read its configuration again, as SIGHUP does: all of it is
taken over at once, or none if there is any problem, which is then printed. Parked
polls stay.
`

// runReload asks the running process through its internal listener.
func runReload(args []string, stdout, stderr io.Writer) int {
	flags := newFlags("reload", reloadUsage, stdout)
	file := flags.String("config", "", "`FILE` that names the internal listener and the token (default "+defaultConfig+", or the defaults if there is none)")
	address := flags.String("url", "", "`URL` of the internal listener instead of the configuration's: http://host:port or unix:/path")
	if code, done := parseFlags(flags, args, stderr); done {
		return code
	}
	if flags.NArg() > 0 {
		return usageError(stderr, "reload", "unexpected %q", flags.Arg(0))
	}
	var to inside
	why := to.locate(*file, *address)
	if why == "" {
		if _, err := to.post("/reload", nil, nil); err != nil {
			why = err.Error()
			if strings.Contains(why, "401 Unauthorized") {
				why += "\nTo change the token itself, send SIGHUP: systemctl reload cometproxy, or kill -HUP PID"
			}
		}
	}
	if why != "" {
		fmt.Fprintf(stderr, "cometproxy reload: %s\n", why)
		return exitFailed
	}
	fmt.Fprintln(stdout, "reloaded")
	return exitOK
}

// reloadBySignal reloads at each SIGHUP.
func (s *server) reloadBySignal() {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	go func() {
		for range hup {
			_ = s.reload() // it is in the log
		}
	}()
}

// reload reads the configuration again, and takes all of it over or nothing. What
// speaks against it is in the log, and returned.
func (s *server) reload() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.reloadLocked()
	if err != nil {
		s.log.Error("the configuration was not reloaded; everything goes on as before")
		for line := range strings.Lines(err.Error()) {
			s.log.Error(strings.TrimSpace(line))
		}
	}
	return err
}

func (s *server) reloadLocked() error {
	if s.file == "" {
		return errors.New("the demo has no configuration file")
	}
	c, text, problems := config.LoadText(s.file)
	if c == nil {
		return errors.New(strings.TrimSpace(problems.Errors().String()))
	}
	room := roomFor(c, fileLimit())
	o, err := options(c, room, s.log, s.unchanged(c))
	if err != nil {
		return err
	}
	access, flush, err := logging.Access(c.Access.Output)
	if err != nil {
		return err
	}
	o.Access = proxy.AccessOptions{Log: access, Sample: c.Access.Sample}
	o.Internal.Reload, o.Internal.Page = s.reload, s.pageOf(c)
	all, opened, useCertificates, err := s.doors.plan(c)
	if err == nil {
		err = s.proxy.Reload(o)
	}
	if err != nil {
		closeDoors(opened)
		flush()
		return err
	}
	useCertificates()
	level, _ := zapcore.ParseLevel(c.Log.Level) // it was checked
	s.level.SetLevel(level)
	public, internal := served(opened)
	s.proxy.Serve(public, internal)
	public, internal = served(s.doors.closing(all))
	s.proxy.Unserve(slices.Concat(public, internal))
	last := sync.OnceFunc(s.flush)
	time.AfterFunc(time.Second, last) // a line may be on its way there
	for _, w := range problems.Warnings() {
		s.log.Warn(w.String())
	}
	s.warnFixed(c)
	s.doors.open, s.config, s.backends = all, c, o.Backends
	s.grace.Store(int64(c.Shutdown.Grace))
	s.showConfig(text)
	s.flush = func() { last(); flush() }
	public, internal = served(all)
	s.log.Info("the configuration was reloaded", zap.Strings("public", addresses(public)), zap.Strings("internal", addresses(internal)),
		zap.Int("clients_at_most", room.connections))
	return nil
}

// unchanged are the backends of which the new configuration says the same.
func (s *server) unchanged(c *config.Config) map[string]*backend.Backend {
	kept := make(map[string]*backend.Backend)
	for _, was := range s.config.Backends {
		for _, is := range c.Backends {
			if same(was, is) {
				kept[is.Name] = s.backends[is.Name]
			}
		}
	}
	return kept
}

// same compares what two configurations say of a backend.
func same(a, b config.Backend) bool {
	if (a.Roots == nil) != (b.Roots == nil) || a.Roots != nil && !a.Roots.Equal(b.Roots) {
		return false
	}
	a.Roots, b.Roots = nil, nil
	return reflect.DeepEqual(a, b)
}

// warnFixed tells of what only a restart changes.
func (s *server) warnFixed(c *config.Config) {
	was, is := s.config, c
	for name, differs := range map[string]bool{
		"public.parker":      was.Public.Parker != is.Public.Parker,
		"public.reuse_port":  was.Public.ReusePort != is.Public.ReusePort,
		"log.format":         was.Log.Format != is.Log.Format,
		"history.snapshot":   was.History.Snapshot != is.History.Snapshot,
		"limits.spool_bytes": was.Limits.SpoolBytes != is.Limits.SpoolBytes,
		"limits.spool_dir":   was.Limits.SpoolDir != is.Limits.SpoolDir,
	} {
		if differs {
			s.log.Warn(name + " has changed, which needs a restart; it stays as it was")
		}
	}
}
