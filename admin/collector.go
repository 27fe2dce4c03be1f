package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"cometproxy/proxy"
)

// A collector turns Stats into metrics, all of one scrape from one Stats.
type collector func() proxy.Stats

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("cometproxy_"+name, help, labels, nil)
}

// What Stats say. That of holds is so that, at rest and in each scrape,
// accepted = the sum of ended + parked.
var (
	ready            = desc("ready", "1 while clients are accepted.")
	holdsParked      = desc("holds_parked", "Requests that are parked.")
	holdsAccepted    = desc("holds_accepted_total", "Requests that were parked so far.")
	holdsEnded       = desc("holds_ended_total", "Parked requests that have ended, by why.", "reason")
	channelsNow      = desc("channels", "Channels with a waiter or a message.")
	messagesKept     = desc("messages_kept", "Messages that are kept.")
	messageBytesKept = desc("message_bytes_kept", "Bytes of history that are kept.")
	messagesTotal    = desc("messages_published_total", "Messages published.")
	messagesEvicted  = desc("messages_evicted_total", "Messages dropped before their age because of history.total.")
	gapsTotal        = desc("gaps_total", "Answers that told of a gap.")
	connections      = desc("connections", "Client connections, by what they do.", "state")
	accepted         = desc("connections_accepted_total", "Client connections accepted.")
	evicted          = desc("connections_evicted_total", "Idle client connections closed to make room.")
	unwritten        = desc("answers_unwritten_total", "Answers of holds given up, because their client did not take them.")
	refused          = desc("refused_total", "Connections and polls refused, by the bound.", "limit")
	activeRequests   = desc("requests_active", "Requests that are worked on.")
	spooledAnswers   = desc("spooled_answers", "Answers kept on disk for slow clients.")
	spooledBytes     = desc("spooled_bytes", "Bytes of them.")
	spoolDropped     = desc("spooled_answers_dropped_total", "Such answers dropped because limits.spool_bytes was full.")
	presenceChannels = desc("presence_channels", "Channels that somebody is on, of those apps are told of.")
	presencePending  = desc("presence_pending", "Joins and leaves that an app has not taken yet.")
	presencePosts    = desc("presence_posts_total", "POSTs that tell apps who is there, by what became of them.", "result")
	backendActive    = desc("backend_active", "Requests under way to a backend.", "backend")
	backendWaiting   = desc("backend_waiting", "Requests that wait for one of its connections.", "backend")
	backendTunnels   = desc("backend_tunnels", "Upgraded connections.", "backend")
	backendIdle      = desc("backend_connections_idle", "Connections to a backend that wait for a request.", "backend")
	backendDialed    = desc("backend_connections_total", "Connections made to a backend.", "backend")
	backendRetried   = desc("backend_retries_total", "Requests sent to a backend a second time.", "backend")
	backendUp        = desc("backend_up", "1 unless the address is left out.", "backend", "address")
)

// Describe implements prometheus.Collector.
func (c collector) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, out) }

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	s := c()
	add := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, kind, v, labels...)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) { add(d, prometheus.GaugeValue, v, labels...) }
	count := func(d *prometheus.Desc, v uint64, labels ...string) {
		add(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge(ready, number(s.Serving))
	gauge(holdsParked, float64(s.Hub.Waiting))
	count(holdsAccepted, s.Hub.Accepted)
	for _, why := range reasons {
		count(holdsEnded, s.Hub.Ended[why], why.String())
	}
	gauge(channelsNow, float64(s.Hub.Channels))
	gauge(messagesKept, float64(s.Hub.Messages))
	gauge(messageBytesKept, float64(s.Hub.Bytes))
	count(messagesTotal, s.Hub.Published)
	count(messagesEvicted, s.Hub.Evicted)
	count(gapsTotal, s.Hub.Gaps)
	for state, n := range map[string]int64{"idle": s.Lot.Idle, "active": s.Lot.Active, "parked": s.Lot.Parked, "finishing": s.Lot.Finishing} {
		gauge(connections, float64(n), state)
	}
	count(accepted, s.Lot.Accepted)
	count(evicted, s.Lot.Evicted)
	count(unwritten, s.Lot.Unwritten)
	for limit, n := range s.Refused {
		count(refused, n, limit)
	}
	gauge(activeRequests, float64(s.Active))
	gauge(spooledAnswers, float64(s.Spool.Pipes))
	gauge(spooledBytes, float64(s.Spool.Bytes))
	count(spoolDropped, s.Spool.Slow)
	gauge(presenceChannels, float64(s.Presence.Channels))
	gauge(presencePending, float64(s.Presence.Pending))
	count(presencePosts, s.Presence.Posts, "taken")
	count(presencePosts, s.Presence.Failed, "failed")
	for name, b := range s.Backends {
		gauge(backendActive, float64(b.Active), name)
		gauge(backendWaiting, float64(b.Waiting), name)
		gauge(backendTunnels, float64(b.Tunnels), name)
		gauge(backendIdle, float64(b.Idle), name)
		count(backendDialed, uint64(b.Dialed), name)
		count(backendRetried, uint64(b.Retried), name)
		up := make(map[string]bool) // an address may be listed twice
		for _, t := range b.Targets {
			up[t.Address] = up[t.Address] || t.In
		}
		for address, in := range up {
			gauge(backendUp, number(in), name, address)
		}
	}
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
