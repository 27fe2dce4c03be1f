package admin

import (
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"
	"github.com/valyala/fasthttp"

	"cometproxy/channels"
	"cometproxy/proxy"
)

// Metrics are the proxy's figures. It is the proxy's Observer.
type Metrics struct {
	registry *prometheus.Registry

	held      *prometheus.HistogramVec // by reason
	released  prometheus.Histogram
	published *prometheus.CounterVec   // by code
	asked     *prometheus.CounterVec   // by backend and code
	took      *prometheus.HistogramVec // by backend
	byKey     sync.Map                 // askedKey -> *askedFigures
	news      func()                   // static once there is a proxy: told of publish requests; nil: nobody is
}

var _ proxy.Observer = (*Metrics)(nil)

// NewMetrics makes metrics of the backends by these names. version is of the build.
func NewMetrics(version string, backends []string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		held: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "cometproxy_hold_duration_seconds",
			Help:    "How long requests were parked, by why that ended.",
			Buckets: []float64{.1, .5, 1, 2.5, 5, 10, 15, 20, 25, 30, 45, 60, 120, 300, 600}}, []string{"reason"}),
		released: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "cometproxy_release_duration_seconds",
			Help:    "From a publish having ended its holds to the last of their answers being written.",
			Buckets: prometheus.ExponentialBuckets(.0001, 2, 16)}),
		published: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cometproxy_publish_requests_total",
			Help: "Requests to publish, by the status of their answer."}, []string{"code"}),
		asked: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cometproxy_backend_requests_total",
			Help: "Requests to a backend, by its status; by a word if there was no answer."}, []string{"backend", "code"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "cometproxy_backend_request_duration_seconds",
			Help:    "From a request to the head of its backend's answer, or to there being none.",
			Buckets: prometheus.ExponentialBuckets(.001, 2, 17)}, []string{"backend"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "cometproxy_build_info", Help: "Always 1; the labels say which build this is.",
		ConstLabels: prometheus.Labels{"version": version, "go": runtime.Version()}})
	build.Set(1)
	m.registry.MustRegister(m.held, m.released, m.published, m.asked, m.took, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, why := range reasons {
		m.held.WithLabelValues(why.String())
	}
	m.published.WithLabelValues("200")
	for _, name := range backends {
		m.asked.WithLabelValues(name, "200")
		m.took.WithLabelValues(name)
	}
	return m
}

// reasons are those for which a hold ends.
var reasons = []channels.Reason{channels.ByMessage, channels.ByDelete, channels.ByDeadline, channels.ByGone, channels.ByDrain}

// HoldEnded implements proxy.Observer, as the following do.
func (m *Metrics) HoldEnded(why channels.Reason, held time.Duration) {
	m.held.WithLabelValues(why.String()).Observe(held.Seconds())
}

func (m *Metrics) Released(took time.Duration) { m.released.Observe(took.Seconds()) }

func (m *Metrics) Published(status int) {
	m.published.WithLabelValues(strconv.Itoa(status)).Inc()
	if m.news != nil {
		m.news()
	}
}

func (m *Metrics) Asked(backend string, status int, reason string, took time.Duration) {
	key := askedKey{backend, status, reason}
	found, ok := m.byKey.Load(key)
	if !ok {
		code := reason
		if status != 0 {
			code = strconv.Itoa(status)
		}
		found, _ = m.byKey.LoadOrStore(key, &askedFigures{m.asked.WithLabelValues(backend, code), m.took.WithLabelValues(backend)})
	}
	figures := found.(*askedFigures)
	figures.count.Inc()
	figures.took.Observe(took.Seconds())
}

// askedFigures are those of one kind of answer of a backend, found by askedKey: to
// find them by their labels takes longer than to count, and each request does.
type askedFigures struct {
	count prometheus.Counter
	took  prometheus.Observer
}

type askedKey struct {
	backend string
	status  int
	reason  string
}

// countPages adds how many pages watch.
func (m *Metrics) countPages(pages func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "cometproxy_pages", Help: "Pages for operators that watch."}, pages))
}

// Watch adds what stats say, which is asked at each scrape.
func (m *Metrics) Watch(stats func() proxy.Stats) { m.registry.MustRegister(collector(stats)) }

// Write answers a scrape.
func (m *Metrics) Write(ctx *fasthttp.RequestCtx) {
	families, err := m.registry.Gather()
	if err != nil {
		ctx.Error(err.Error()+"\n", fasthttp.StatusInternalServerError)
		return
	}
	format := expfmt.NewFormat(expfmt.TypeTextPlain)
	ctx.SetContentType(string(format))
	encoder := expfmt.NewEncoder(ctx, format)
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			ctx.Error(err.Error()+"\n", fasthttp.StatusInternalServerError)
			return
		}
	}
}
