package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"cometproxy/test/load/internal/crowd"
	"cometproxy/test/load/internal/figures"
	"cometproxy/test/load/internal/raw"
	"cometproxy/test/load/internal/servers"
)

// A session is one measurement under way.
type session struct {
	flags  *common
	server *servers.Server
	crowd  *crowd.Crowd
	report figures.Report

	shown   time.Time // when progress was shown last
	begun   time.Time
	machine time.Duration // processor time of everybody, at begin
	ours    time.Duration // of the server, its helpers and this process
}

// Patience with servers: until they are quiet, and until a message has come.
const (
	calmLimit = 3 * time.Minute
	lateLimit = 15 * time.Second
	lossLimit = 5 * time.Second // the same of servers that are known to lose some
)

// newSession starts the server; the crowd comes later, when idle memory is known.
func newSession(f *common) (*session, error) {
	if err := raw.Supported(); err != nil {
		return nil, err
	}
	server, err := f.start()
	if err != nil {
		return nil, err
	}
	if server.MostClients > 0 {
		f.clients = min(f.clients, server.MostClients)
	}
	if server.MostChurn > 0 && f.set.Name() == "churn" {
		f.channels = min(f.channels, server.MostChurn)
		f.clients = f.channels
	}
	s := &session{flags: f, server: server, begun: time.Now()}
	s.report = figures.Report{Verb: f.set.Name(), Server: server.Name, Version: server.Version, Note: server.Note, Clients: f.clients, Channels: f.channels,
		Cookies: f.cookies, Machine: figures.ThisMachine(), Figures: []figures.Figure{}}
	s.machine, s.ours = servers.Machine(), s.oursNow()
	return s, nil
}

func (s *session) oursNow() time.Duration {
	own, _ := raw.CPU(os.Getpid())
	return own + s.server.Usage.CPU() + s.server.HelpersCPU()
}

// gather makes the crowd.
func (s *session) gather(o crowd.Options) (err error) {
	o.Clients, o.Channels, o.Patience = s.flags.clients, s.flags.channels, lateLimit
	if s.server.Target.Settle > 0 {
		o.Patience = lossLimit
	}
	s.crowd, err = crowd.New(&s.server.Target, o)
	return err
}

// park connects all clients and lets them poll, until all is quiet.
func (s *session) park() error {
	err := s.each(func(i int) error {
		s.progress("%d of %d connected", i, s.flags.clients)
		if err := s.crowd.Connect(i, i+1); err != nil {
			return err
		}
		s.crowd.Poll(i)
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.server.Usage.Refresh(); err != nil {
		return err
	}
	if err := s.allWait(); err != nil {
		return err
	}
	return s.calm()
}

// allWait waits until the server says that all are parked, if that must be known.
func (s *session) allWait() error {
	if s.server.Waiting == nil {
		return nil
	}
	var next time.Time
	var failed error
	err := s.crowd.Run(calmLimit, func() bool {
		if time.Now().Before(next) {
			return false
		}
		next = time.Now().Add(50 * time.Millisecond)
		var n int
		n, failed = s.server.Waiting()
		return failed != nil || n >= s.flags.clients
	})
	return errors.Join(failed, err)
}

// each does something with each client, no faster than the server can take it.
// What is answered meanwhile is seen to.
func (s *session) each(do func(client int) error) error {
	begin := time.Now()
	for i := range s.flags.clients {
		if err := do(i); err != nil {
			return err
		}
		due := begin
		if s.server.PollRate > 0 {
			due = begin.Add(time.Duration(i) * time.Second / time.Duration(s.server.PollRate))
		}
		if i%64 != 0 && time.Until(due) < time.Millisecond {
			continue
		}
		if err := s.crowd.Run(calmLimit, func() bool { return !time.Now().Before(due) }); err != nil {
			return err
		}
	}
	return nil
}

// calm waits until the server has nothing to do.
func (s *session) calm() error {
	if err := s.quiet(); err != nil || s.server.Calm == 0 {
		return err
	}
	end := time.Now().Add(s.server.Calm)
	if err := s.crowd.Run(calmLimit, func() bool { return time.Now().After(end) }); err != nil {
		return err
	}
	return s.quiet()
}

func (s *session) quiet() error {
	rest := s.server.Usage.NewRest()
	err := s.crowd.Run(calmLimit, func() bool {
		reached := rest.Reached()
		return reached && !s.crowd.Retrying()
	})
	if errors.Is(err, crowd.ErrLate) {
		return fmt.Errorf("the server was not quiet after %s: %+v", calmLimit, s.crowd.Tally)
	}
	return err
}

// pollAll lets all clients poll, and waits until all is quiet.
func (s *session) pollAll() error {
	err := s.each(func(i int) error {
		if !s.crowd.Polls(i) { // the message may be lost that it waits for
			s.crowd.Poll(i)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.calm()
}

// awaitAll waits until every client has the newest message. What does not come
// is declared lost.
func (s *session) awaitAll() error {
	var next time.Time
	return s.crowd.Run(calmLimit, func() bool {
		if s.crowd.Publishing() || time.Now().Before(next) {
			return false
		}
		next = time.Now().Add(20 * time.Millisecond)
		s.crowd.GiveUp()
		behind := s.crowd.Behind()
		s.progress("%d of %d have it", s.flags.clients-behind, s.flags.clients)
		return behind == 0
	})
}

// progress says once a second how far it is.
func (s *session) progress(format string, args ...any) {
	if time.Since(s.shown) < time.Second {
		return
	}
	s.shown = time.Now()
	fmt.Fprintf(os.Stderr, "%6.1f s  %s %s: %s\n", time.Since(s.begun).Seconds(), s.report.Verb, s.report.Server, fmt.Sprintf(format, args...))
}

// end writes the report.
func (s *session) end() error {
	foreign := servers.Machine() - s.machine - (s.oursNow() - s.ours)
	share := 100 * foreign.Seconds() / time.Since(s.begun).Seconds() / float64(s.report.Machine.Cores)
	s.report.Add("foreign_cpu", max(0, share), "%", "of the machine was used by others; of a run with more than a few figures mean little")
	s.report.Tally = s.crowd.Tally
	s.report.Print(os.Stdout)
	if s.flags.json != "" {
		if err := figures.WriteJSON(s.flags.json, s.report); err != nil {
			return err
		}
	}
	if len(s.report.Missed) > 0 {
		return fmt.Errorf("missed: %s", s.report.Missed)
	}
	return nil
}

func (s *session) close() {
	if s.crowd != nil {
		s.crowd.Close()
	}
	s.server.Stop()
}
