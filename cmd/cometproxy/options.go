package main

import (
	"net"
	"os"
	"strconv"
	"time"

	"go.uber.org/zap"

	"cometproxy/backend"
	"cometproxy/channels"
	"cometproxy/cmd/cometproxy/internal/config"
	"cometproxy/park"
	"cometproxy/proxy"
)

// options turns the configuration's words, in which 0 means off, into the
// packages', in which negative does. Backends that are made already are used again.
func options(c *config.Config, r room, log *zap.Logger, made map[string]*backend.Backend) (proxy.Options, error) {
	o := proxy.Options{
		NewLot: parkers[c.Public.Parker],
		History: channels.Options{
			Messages:   off(c.History.Messages),
			Age:        off(c.History.Age),
			Bytes:      off(c.History.Bytes),
			Total:      off(c.History.Total),
			Tombstones: off(c.History.Tombstones),
		},
		Snapshot: c.History.Snapshot,
		Forward: proxy.ForwardOptions{
			Trusted:      c.Forward.TrustedProxies,
			NoXForwarded: !c.Forward.XForwarded,
			Forwarded:    c.Forward.Forwarded,
			Via:          c.Forward.Via,
			RequestID:    c.Forward.RequestID,
		},
		Hold: proxy.HoldOptions{
			Timeout:     c.Hold.Timeout,
			MaxTimeout:  c.Hold.MaxTimeout,
			MaxChannels: off(c.Hold.MaxChannels),
			MaxAnswer:   off(int(c.Hold.MaxAnswer)),
		},
		Publish: proxy.PublishOptions{MaxBytes: int(c.Publish.MaxBytes), MaxRequest: int(c.Publish.MaxRequest)},
		GRIP: proxy.GRIPOptions{
			SigKey:     c.GRIP.SigKey,
			SigIss:     c.GRIP.SigIss,
			MaxTimeout: off(c.GRIP.MaxTimeout),
			HeldBytes:  off(c.GRIP.HeldBytes),
		},
		Internal: proxy.InternalOptions{
			Token: c.Internal.Token,
			Hosts: proxy.InternalHosts(c.Internal.Listen),
			Debug: c.Internal.Debug,
		},
		MaxConns:  r.connections,
		MaxParked: c.Limits.Parked,
		MaxHead:   int(c.Limits.HeaderBytes),
		MaxLines:  off(c.Limits.HeaderLines),
		MaxTarget: int(c.Limits.TargetBytes),
		MaxBody:   c.Limits.BodyBytes,

		MaxConnsPerAddress:  c.Limits.ConnectionsPerAddress,
		MaxParkedPerAddress: c.Limits.ParkedPerAddress,

		HeadTimeout: c.Limits.HeaderTimeout,
		BodyTimeout: c.Limits.BodyTimeout,
		SendTimeout: c.Limits.SendTimeout,

		Spool:    off(c.Limits.SpoolBytes),
		SpoolDir: c.Limits.SpoolDir,

		RedirectToHTTPS: c.Public.RedirectToHTTPS,
		HTTPSPort:       httpsPort(c),
		Probe:           c.Public.Probe,

		PageStatus: c.ErrorPages.Status,
		ErrorPages: make(map[int]proxy.Page),

		Drain: off(c.Shutdown.Drain),
		Grace: off(c.Shutdown.Grace),
		Log:   log,
	}
	for status, page := range c.ErrorPages.Pages {
		o.ErrorPages[status] = proxy.Page(page)
	}
	o.Presence = presenceOptions(c)
	for _, route := range c.Routes {
		o.Routes = append(o.Routes, routeOptions(route))
	}
	var err error
	o.Backends, err = backends(c, log, made)
	return o, err
}

// presenceOptions: who was with an earlier process has come back when its drain, as
// long as ours, has spread all over as long a time again.
func presenceOptions(c *config.Config) (all []proxy.PresenceOptions) {
	for _, p := range c.Presence {
		node := p.Node
		if node == "" {
			node, _ = os.Hostname() // empty if the system does not know
		}
		all = append(all, proxy.PresenceOptions{Channels: p.Channels, Backend: p.Backend, Path: p.Path, Token: p.Token, Node: node,
			LeaveAfter: p.LeaveAfter, Every: p.Every, StartAfter: c.Shutdown.Drain + p.LeaveAfter + 5*time.Second})
	}
	return all
}

// backends makes those of a configuration, less those that are made already.
func backends(c *config.Config, log *zap.Logger, made map[string]*backend.Backend) (map[string]*backend.Backend, error) {
	all := make(map[string]*backend.Backend)
	for _, b := range c.Backends {
		all[b.Name] = made[b.Name]
		if all[b.Name] != nil {
			continue
		}
		fresh, err := backend.New(backendOptions(b, log))
		if err != nil {
			return nil, err
		}
		all[b.Name] = fresh
	}
	return all, nil
}

// httpsPort is the port of the first tls_listen; 0: there is none, or the system
// chooses it.
func httpsPort(c *config.Config) int {
	if len(c.Public.TLSListen) == 0 {
		return 0
	}
	_, text, _ := net.SplitHostPort(c.Public.TLSListen[0])
	port, _ := strconv.Atoi(text)
	return port
}

// parkers are the values of public.parker.
var parkers = map[string]func(park.Options) park.Lot{
	"auto":      park.New,
	"epoll":     park.NewEpoll,
	"goroutine": park.NewGoroutine,
}

// off makes 0, a configuration's word for off, the negative number that is the
// packages'.
func off[T int | int64 | time.Duration](v T) T {
	if v == 0 {
		return -1
	}
	return v
}

// balances are the words of backend.balance.
var balances = map[string]backend.Balance{
	"round_robin":       backend.InTurn,
	"least_connections": backend.LeastConns,
	"header":            backend.ByHeader,
	"cookie":            backend.ByCookie,
}

func backendOptions(b config.Backend, log *zap.Logger) backend.Options {
	return backend.Options{
		Name:           b.Name,
		URLs:           b.URLs,
		MaxConns:       off(b.MaxConnections),
		MaxTunnels:     off(b.MaxTunnels),
		QueueTimeout:   off(b.QueueTimeout),
		ConnectTimeout: b.ConnectTimeout,
		AnswerTimeout:  off(b.AnswerTimeout),
		IdleTimeout:    off(b.IdleTimeout),

		Balance:       balances[b.Balance],
		BalanceOn:     b.BalanceOn,
		Health:        backend.Health(b.Health),
		EjectFailures: off(b.EjectFailures),
		EjectTime:     b.EjectTime,
		OnChange:      func(c backend.Change) { noteChange(log, b.Name, c) },

		AnswerBodyTimeout: off(b.BodyTimeout),
		TLS:               &backend.TLS{Roots: b.Roots, Certificates: b.Certificates, ServerName: b.ServerName},
	}
}

// noteChange tells the log which address of an app is used.
func noteChange(log *zap.Logger, name string, c backend.Change) {
	log = log.With(zap.String("backend", name), zap.String("address", c.Address))
	switch {
	case !c.Out:
		log.Info("an address of the app is used again")
	case c.Only:
		log.Warn("the health checks of the app fail; requests go there all the same, for there is no other url", zap.Error(c.Err))
	case c.For == 0:
		log.Warn("an address of the app is left out until its health checks succeed", zap.Error(c.Err))
	default:
		log.Warn("an address of the app is left out for a while", zap.Duration("for", c.For), zap.Error(c.Err))
	}
}

func routeOptions(r config.Route) proxy.Route {
	o := proxy.Route{Host: r.Host, Path: r.Path, Channels: r.Channels, Backend: r.Backend, Params: r.Params, Open: r.Open,
		NoGRIP: !r.GRIP, FromAnswer: r.GRIPPosition == "answer",
		Methods: r.Methods, MaxBody: r.MaxBody, StripPrefix: r.StripPrefix,
		RequestHeaders: proxy.HeaderEdit{Set: r.SetRequestHeaders, Remove: r.RemoveRequestHeaders},
		AnswerHeaders:  proxy.HeaderEdit{Set: r.SetAnswerHeaders, Remove: r.RemoveAnswerHeaders},
		Redirect:       r.Redirect, Status: r.Status, Body: r.Body, Type: r.Type}
	if r.CORS != nil {
		o.CORS = &proxy.CORS{Origins: r.CORS.Origins, Credentials: r.CORS.Credentials, MaxAge: r.CORS.MaxAge}
	}
	return o
}
