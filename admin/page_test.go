package admin

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"cometproxy/channels"
	"cometproxy/proxy"
)

// watching is a page of a proxy that nobody connects to. In a bubble its time is
// virtual.
func watching(t *testing.T) (*Page, *proxy.Proxy) {
	t.Helper()
	m := NewMetrics("v1.2.3", nil)
	page := NewPage("v1.2.3", m)
	px, err := proxy.New(proxy.Options{NoDate: true, Observer: m, Internal: proxy.InternalOptions{Page: page}})
	if err != nil {
		t.Fatal(err)
	}
	page.Watch(px)
	t.Cleanup(func() {
		px.Shutdown(nil)
		page.Close()
		if st := page.live.hub.Stats(); st.Waiting != 0 || st.Accepted != sum(st.Ended[:]) {
			t.Errorf("waits at the end: %+v", st)
		}
		if err := page.live.hub.Check(); err != nil {
			t.Error(err)
		}
	})
	return page, px
}

func sum(counts []uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}

func data(page *Page, target string) *fasthttp.RequestCtx {
	ctx := new(fasthttp.RequestCtx)
	ctx.Request.SetRequestURI("http://localhost" + target)
	page.Data(ctx, string(ctx.Path()))
	return ctx
}

func answered(t *testing.T, page *Page, target string) (a liveAnswer) {
	t.Helper()
	ctx := data(page, target)
	if ctx.Response.StatusCode() != 200 {
		t.Fatalf("%s: %d %s", target, ctx.Response.StatusCode(), ctx.Response.Body())
	}
	if err := json.Unmarshal(ctx.Response.Body(), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// TestLive: a page gets what there is at once, waits for the next figures, and is told
// when it has been away for too long.
func TestLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page, _ := watching(t)
		time.Sleep(2500 * time.Millisecond)
		first := answered(t, page, "/admin/live")
		if !first.Reset || len(first.Samples) != 3 || first.Uptime != 2 || first.Version != "v1.2.3" {
			t.Errorf("at first: %+v", first)
		}
		began := time.Now()
		next := answered(t, page, "/admin/live?cursor="+first.Cursor)
		if took := time.Since(began); took != 500*time.Millisecond || next.Reset || len(next.Samples) != 1 {
			t.Errorf("after %s: %+v", took, next)
		}
		began = time.Now()
		at := answered(t, page, "/admin/live?wait=0&cursor="+next.Cursor)
		if time.Since(began) != 0 || len(at.Samples) != 0 || at.Reset || at.Cursor != next.Cursor {
			t.Errorf("at once: %+v", at)
		}
		time.Sleep(10500 * time.Millisecond)
		if back := answered(t, page, "/admin/live?cursor="+at.Cursor); back.Reset || len(back.Samples) != 10 {
			t.Errorf("back after 10 s: reset %v, %d samples", back.Reset, len(back.Samples))
		}
		time.Sleep(10 * time.Minute)
		if back := answered(t, page, "/admin/live?cursor="+at.Cursor); !back.Reset || len(back.Samples) != keptSamples {
			t.Errorf("back after 10 min: reset %v, %d samples", back.Reset, len(back.Samples))
		}
		for _, strange := range []string{"x", "AYjo_3YV81MdAAAAAAAAAAE", "%ff"} {
			if a := answered(t, page, "/admin/live?cursor="+strange); !a.Reset || len(a.Samples) != keptSamples {
				t.Errorf("cursor %s: reset %v, %d samples", strange, a.Reset, len(a.Samples))
			}
		}
	})
}

// TestNews: a page hears of a publish before the second is over, but not more often
// than people read.
func TestNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page, _ := watching(t)
		page.live.tell() // nobody looks: nothing is kept
		a := answered(t, page, "/admin/live")
		heard := 0
		var all sync.WaitGroup
		all.Go(func() {
			for end := time.Now().Add(time.Second - time.Millisecond); time.Now().Before(end); heard++ {
				a = answered(t, page, "/admin/live?cursor="+a.Cursor)
			}
		})
		for range 900 {
			time.Sleep(time.Millisecond)
			page.live.tell()
		}
		all.Wait()
		if heard < 4 || heard > 6 {
			t.Errorf("heard %d times of 900 in a second", heard)
		}
	})
}

// TestDrain: pages that wait are answered when the process ends, and others are not
// made to wait.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page, px := watching(t)
		a := answered(t, page, "/admin/live")
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() { answered(t, page, "/admin/live?cursor="+a.Cursor) })
		}
		synctest.Wait()
		if n := page.figures(new(proxy.Stats)).Pages; n != 3 {
			t.Errorf("%d pages watch", n)
		}
		if st := px.Stats(); st.Hub.Waiting != 0 || st.Hub.Accepted != 0 {
			t.Errorf("pages count as clients: %+v", st.Hub)
		}
		began := time.Now()
		page.Drain()
		all.Wait()
		answered(t, page, "/admin/live?cursor="+a.Cursor)
		if time.Since(began) != 0 {
			t.Errorf("it took %s", time.Since(began))
		}
		if n := page.live.pages.Load(); n != 0 {
			t.Errorf("%d pages watch at the end", n)
		}
	})
}

// TestTooManyPages: what pages take is bounded.
func TestTooManyPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page, _ := watching(t)
		a := answered(t, page, "/admin/live")
		var all sync.WaitGroup
		for range maxPages {
			all.Go(func() { answered(t, page, "/admin/live?cursor="+a.Cursor) })
		}
		synctest.Wait()
		ctx := data(page, "/admin/live?cursor="+a.Cursor)
		if ctx.Response.StatusCode() != 503 || string(ctx.Response.Header.Peek("Retry-After")) != "5" {
			t.Errorf("one too many: %d", ctx.Response.StatusCode())
		}
		all.Wait()
		if a = answered(t, page, "/admin/live?cursor="+a.Cursor); len(a.Samples) != 1 {
			t.Errorf("later: %+v", a)
		}
	})
}

func TestViewIsChecked(t *testing.T) {
	page, _ := watching(t)
	for _, query := range []string{"sort=x", "limit=0", "limit=501", "limit=x", "channel=" + strings.Repeat("x", 256), "search=" + strings.Repeat("x", 256)} {
		if ctx := data(page, "/admin/live?"+query); ctx.Response.StatusCode() != 400 {
			t.Errorf("%.20s: %d", query, ctx.Response.StatusCode())
		}
	}
	for _, query := range []string{"sort=rate&limit=500&search=%3Cscript&channel=%00&wait=0", "channel=a%FF"} {
		answered(t, page, "/admin/live?"+query)
	}
	if ctx := data(page, "/admin/x"); ctx.Response.StatusCode() != 404 {
		t.Errorf("another path: %d", ctx.Response.StatusCode())
	}
	page.ShowConfig("[public]\n")
	if ctx := data(page, "/admin/config"); string(ctx.Response.Body()) != `{"config":"[public]\n","version":"v1.2.3"}` {
		t.Errorf("config: %s", ctx.Response.Body())
	}
}

func TestShell(t *testing.T) {
	page := NewPage("", NewMetrics("", nil))
	get := func(path, etag string) *fasthttp.RequestCtx {
		ctx := new(fasthttp.RequestCtx)
		ctx.Request.Header.Set("If-None-Match", etag)
		page.Shell(ctx, path)
		for name, want := range map[string]string{"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"} {
			if got := string(ctx.Response.Header.Peek(name)); got != want {
				t.Errorf("%s: %s: %q", path, name, got)
			}
		}
		return ctx
	}
	for path, kind := range map[string]string{"/": "text/html; charset=utf-8", "/page/page.css": "text/css; charset=utf-8", "/page/page.js": "text/javascript; charset=utf-8",
		"/page/live.js": "text/javascript; charset=utf-8", "/page/icon.svg": "image/svg+xml"} {
		r := &get(path, "").Response
		tag := string(r.Header.Peek("ETag"))
		if r.StatusCode() != 200 || string(r.Header.ContentType()) != kind || tag == "" {
			t.Errorf("%s: %d %s", path, r.StatusCode(), r.Header.ContentType())
		}
		if r := &get(path, tag).Response; r.StatusCode() != 304 || len(r.Body()) > 0 {
			t.Errorf("%s again: %d", path, r.StatusCode())
		}
	}
	for _, path := range []string{"/page/", "/page/index.html", "/page/../page.go", "/page/page.go", "/page", "/x"} {
		if r := &get(path, "").Response; r.StatusCode() != 404 {
			t.Errorf("%s: %d", path, r.StatusCode())
		}
	}
}

// unsafe are ways to take markup or code from a string, and to reach elsewhere.
var unsafe = regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|srcdoc|createContextualFragment|setHTML|` +
	`DOMParser|javascript:|\son[a-z]+=|<style|style="|localStorage|document\.cookie|setInterval`)

// elsewhere is an address of another host; namespaces are none.
var elsewhere = regexp.MustCompile(`(https?:)?//[a-z0-9.-]+\.[a-z]`)

// TestPageIsSafe: what the policy forbids is not tried either, and nothing comes from
// elsewhere.
func TestPageIsSafe(t *testing.T) {
	err := fs.WalkDir(files, "page", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := files.ReadFile(name)
		for n, line := range strings.Split(string(text), "\n") {
			line = strings.ReplaceAll(line, "http://www.w3.org/2000/svg", "")
			if found := unsafe.FindString(line) + elsewhere.FindString(line); found != "" {
				t.Errorf("%s:%d has %q", name, n+1, found)
			}
			if strings.Contains(line, "<script") && !strings.Contains(line, `<script type="module" src="page/page.js"></script>`) {
				t.Errorf("%s:%d has a script: %s", name, n+1, line)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestQuantile(t *testing.T) {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "x", Buckets: []float64{.001, .01, .1}})
	none := bucketsOf(h)
	if q := quantile(none, none, .5); q != nil {
		t.Errorf("of nothing: %v", *q)
	}
	for _, v := range []float64{.0005, .005, .005, .05} {
		h.Observe(v)
	}
	some := bucketsOf(h)
	for q, want := range map[float64]float64{.25: 1, .5: 5.5, .75: 10, 1: 100} {
		if got := quantile(none, some, q); got == nil || math.Abs(*got-want) > 1e-9 {
			t.Errorf("%v: %v; want %v", q, *got, want)
		}
	}
	h.Observe(5) // beyond the last bucket, and the only one since
	if got := quantile(some, bucketsOf(h), .5); got == nil || *got != 100 {
		t.Errorf("beyond: %v", got)
	}
	if quantile(nil, some, .5) != nil {
		t.Error("of buckets that do not fit")
	}
}

func TestSampler(t *testing.T) {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "x", Buckets: []float64{.001, .01}})
	s := &sampler{released: h}
	var st proxy.Stats
	now := time.Unix(1000, 0)
	take := func() *sample {
		now = now.Add(time.Second)
		return s.take(st, now)
	}
	st.Hub.Published, st.Hub.Waiting = 1000, 7
	if got := take(); got.Publishes != 0 || got.Parked != 7 || got.P50 != nil || got.At != 1001_000 {
		t.Errorf("the first: %+v", got)
	}
	st.Hub.Published += 3
	st.Hub.Ended[channels.ByMessage] += 40
	st.Hub.Ended[channels.ByDeadline] += 100
	h.Observe(.005)
	if got := take(); got.Publishes != 3 || got.Releases != 40 || got.P50 == nil || *got.P50 != 5.5 {
		t.Errorf("the second: %+v", got)
	}
	for i := range latencySeconds {
		if got := take(); (got.P50 != nil) != (i < latencySeconds-1) {
			t.Errorf("%d s later: %+v", i+1, got)
		}
	}
	if len(s.buckets) != latencySeconds+1 {
		t.Errorf("%d histograms are kept", len(s.buckets))
	}
}

// TestSurveysAreShared: many pages do not look through the channels more often than
// one, and not for a tenth of the time.
func TestSurveysAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s surveys
		taken := 0
		take := func(q channels.Survey) ([]channels.Row, int) {
			taken++
			time.Sleep(300 * time.Millisecond)
			return make([]channels.Row, taken), taken
		}
		for range 30 {
			s.of(channels.Survey{Limit: 1}, take)
			time.Sleep(100 * time.Millisecond)
		}
		if taken != 1 {
			t.Errorf("made %d times in 3 s", taken)
		}
		time.Sleep(time.Second)
		if got := s.of(channels.Survey{Limit: 1}, take); taken != 2 || got.all != 2 {
			t.Errorf("made %d times in 4 s", taken)
		}
		for i := range 1000 {
			s.of(channels.Survey{Contains: fmt.Sprint(i)}, func(channels.Survey) ([]channels.Row, int) { return nil, 0 })
		}
		if len(s.made) > maxSurveys {
			t.Errorf("%d are kept", len(s.made))
		}
	})
}
