package proxy

import (
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"cometproxy/park"
)

// accessLog writes one line for each request on the public listener, when it has
// been answered. Nothing is kept of requests that begin while it is off.
type accessLog struct {
	now  atomic.Pointer[AccessOptions] // nil: off
	wait atomic.Int64                  // len(held)

	mu   sync.Mutex
	held map[park.ID]*visit // guarded by mu: of requests that are parked
}

// to says where lines go from now on, also those of requests that have begun.
func (a *accessLog) to(o AccessOptions) {
	if o.Log == nil {
		a.now.Store(nil)
		return
	}
	o.Sample = max(o.Sample, 1)
	a.now.Store(&o)
}

// waits reports that lines of parked requests will be written.
func (a *accessLog) waits() bool { return a.wait.Load() > 0 }

// A visit is one request that will be logged. Owned by who answers it: the
// handler, or the successor that takes its connection over. nil: it is not logged.
type visit struct {
	log              *accessLog
	began            time.Time
	method, target   string
	host, peer, from string // from: what a trusted proxy says of the client
	id               string
	reason           string // of an answer that is the proxy's, which refuses, or for the app failed
	backend, address string
	app              time.Duration // from the request to the head of the app's answer
	parked           time.Time     // zero: it was not held
	taken            bool          // a successor logs it
}

type visitKey struct{}

// visit begins one, for the requests that are logged.
func (a *accessLog) visit(p *Proxy, ctx *fasthttp.RequestCtx) *visit {
	to := a.now.Load()
	if to == nil || to.Sample > 1 && rand.IntN(to.Sample) > 0 {
		return nil
	}
	h := &ctx.Request.Header
	peer := clientIP(ctx.RemoteAddr())
	v := &visit{log: a, began: time.Now(), method: string(h.Method()), target: string(h.RequestURI()), host: string(h.Host())}
	if peer.IsValid() {
		v.peer = peer.String()
	}
	if p.set().Forward.trusts(peer) {
		v.from = string(header(h, "X-Forwarded-For"))
	}
	if id := header(h, p.set().Forward.RequestID); usableID(id) {
		v.id = string(id)
	} else if p.set().Forward.RequestID != "" {
		v.id = string(appendID(nil)) // that of a forwarded request replaces it
	}
	ctx.SetUserValue(visitKey{}, v)
	return v
}

// visitOf is the visit of a request that is being handled.
func (p *Proxy) visitOf(ctx *fasthttp.RequestCtx) *visit {
	if p.access.now.Load() == nil {
		return nil
	}
	v, _ := ctx.UserValue(visitKey{}).(*visit)
	return v
}

// takeVisit is visitOf for a successor, which logs it from now on.
func (p *Proxy) takeVisit(ctx *fasthttp.RequestCtx) *visit {
	v := p.visitOf(ctx)
	if v != nil {
		v.taken = true
	}
	return v
}

// asked notes which backend was asked, where, and how long its answer took.
func (v *visit) asked(id []byte, backend, address string, since time.Time) {
	if v == nil {
		return
	}
	v.id, v.backend, v.address, v.app = string(id), backend, address, time.Since(since)
}

// because notes for the access log why a request is refused: the key of the limit,
// or a word for the rule.
func (p *Proxy) because(ctx *fasthttp.RequestCtx, reason string) { p.visitOf(ctx).failed(reason) }

// failed notes why there is no answer of the app's.
func (v *visit) failed(reason string) {
	if v != nil {
		v.reason = reason
	}
}

// end writes the line. bytes are those of the body, or of a held answer as a whole.
func (v *visit) end(status int, bytes int64, more ...zap.Field) {
	if v == nil {
		return
	}
	to := v.log.now.Load()
	if to == nil {
		return
	}
	fields := []zap.Field{zap.String("client", v.peer), zap.String("method", v.method), zap.String("host", v.host),
		zap.String("target", v.target), zap.Int("status", status), zap.Int64("bytes", bytes), zap.Duration("duration", time.Since(v.began))}
	for _, f := range []struct{ name, value string }{{"forwarded_for", v.from}, {"request_id", v.id}, {"backend", v.backend}, {"address", v.address}} {
		if f.value != "" {
			fields = append(fields, zap.String(f.name, f.value))
		}
	}
	if v.reason != "" {
		fields = append(fields, zap.String("reason", v.reason))
	}
	if v.backend != "" {
		fields = append(fields, zap.Duration("app", v.app))
	}
	to.Log.Info("request", append(fields, more...)...)
}

// parks keeps the visit of a request that is parked on conn. It is kept apart from
// the hold, which would be larger for it when nothing is logged.
func (a *accessLog) parks(conn park.ID, v *visit) {
	if v == nil {
		return
	}
	v.parked = time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.held == nil {
		a.held = make(map[park.ID]*visit)
	}
	a.held[conn] = v
	a.wait.Store(int64(len(a.held)))
}

// released logs the request that was parked on conn, if it is one that is logged.
func (a *accessLog) released(conn park.ID, status, bytes int, why string) {
	if !a.waits() {
		return
	}
	a.mu.Lock()
	v := a.held[conn]
	delete(a.held, conn)
	a.wait.Store(int64(len(a.held)))
	a.mu.Unlock()
	if v != nil {
		v.end(status, int64(bytes), zap.String("hold", why), zap.Duration("held", time.Since(v.parked)))
	}
}

// statusOf reads the status of an answer from its first line.
func statusOf(answer []byte) int {
	_, rest, _ := strings.Cut(string(answer[:min(len(answer), 16)]), " ")
	status := 0
	for _, c := range rest[:min(len(rest), 3)] {
		status = status*10 + int(c-'0')
	}
	return status
}
