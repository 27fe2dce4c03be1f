package admin

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"cometproxy/channels"
	"cometproxy/proxy"
)

// A sample is what the plots show of one second. It never changes.
type sample struct {
	At        int64    `json:"t"` // Unix ms
	Parked    int64    `json:"parked"`
	Releases  float64  `json:"releases"`  // holds ended by a message, a second
	Publishes float64  `json:"publishes"` // messages a second
	P50       *float64 `json:"p50"`       // ms from a publish to the last of its answers, lately; nil: there was none
	P99       *float64 `json:"p99"`
}

// latencySeconds is over how long latencies are taken: of one second there are too few.
const latencySeconds = 10

// A sampler makes samples of counts that only go up. It belongs to the goroutine that
// ticks.
type sampler struct {
	released prometheus.Histogram // static

	last                time.Time // of the sample before; zero: there is none
	releases, published uint64    // at that time

	// The histogram's buckets at each of the last samples, the oldest first.
	buckets [][]bucket
}

// A bucket counts what took at most so long. Each holds those before it.
type bucket struct {
	upTo  float64 // seconds
	count uint64
}

// take makes the sample of a moment.
func (m *sampler) take(s proxy.Stats, now time.Time) *sample {
	out := &sample{At: now.UnixMilli(), Parked: s.Hub.Waiting}
	releases := s.Hub.Ended[channels.ByMessage]
	if !m.last.IsZero() {
		out.Releases = rate(releases-m.releases, now.Sub(m.last))
		out.Publishes = rate(s.Hub.Published-m.published, now.Sub(m.last))
	}
	m.last, m.releases, m.published = now, releases, s.Hub.Published
	m.buckets = append(m.buckets, bucketsOf(m.released))
	if len(m.buckets) > latencySeconds+1 {
		m.buckets = m.buckets[1:]
	}
	was, is := m.buckets[0], m.buckets[len(m.buckets)-1]
	out.P50, out.P99 = quantile(was, is, .5), quantile(was, is, .99)
	return out
}

// rate is n in some time, a second; to a tenth, for it is read by people.
func rate(n uint64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return math.Round(float64(n)/d.Seconds()*10) / 10
}

func bucketsOf(h prometheus.Histogram) (list []bucket) {
	var m dto.Metric
	if h.Write(&m) != nil {
		return nil
	}
	for _, b := range m.GetHistogram().GetBucket() {
		list = append(list, bucket{b.GetUpperBound(), b.GetCumulativeCount()})
	}
	return append(list, bucket{math.Inf(1), m.GetHistogram().GetSampleCount()})
}

// quantile is that of what came between two moments, in ms, as far as buckets tell:
// within one it is taken to be spread evenly, as Prometheus does. nil: nothing came.
func quantile(was, is []bucket, q float64) *float64 {
	if len(was) != len(is) || len(is) == 0 {
		return nil
	}
	count := func(i int) float64 { return float64(is[i].count - was[i].count) }
	all := count(len(is) - 1)
	if all == 0 {
		return nil
	}
	below, from := 0.0, 0.0
	for i, b := range is {
		if n := count(i); n >= q*all {
			ms := from * 1000 // of the last bucket nothing is known but where it begins
			if !math.IsInf(b.upTo, 1) {
				ms += (b.upTo - from) * 1000 * (q*all - below) / (n - below)
			}
			ms = math.Round(ms*1000) / 1000
			return &ms
		}
		below, from = count(i), b.upTo
	}
	return nil
}
