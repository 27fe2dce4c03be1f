package admin

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"mime"
	"path"
	"strings"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"cometproxy/proxy"
)

// files are the page as browsers get it: no build makes them, and they load nothing
// from elsewhere.
//
//go:embed page
var files embed.FS

// A Page is the page for operators, as the proxy's AdminPage: files that are the same
// for all, and beside them what the running proxy has to say, as JSON. The page polls
// for that as any client does, see live.
type Page struct {
	shell   map[string]shellFile // static: by path
	version string               // static
	began   time.Time            // static
	proxy   *proxy.Proxy         // static after Watch
	sampler *sampler             // static after Watch, as is live
	live    *live
	surveys surveys

	config atomic.Pointer[string] // the running one, without secrets

	stop chan struct{} // closed by Close; ends tick
	done chan struct{} // closed when tick has ended; nil before Watch
}

var _ proxy.AdminPage = (*Page)(nil)

// NewPage makes the page. It draws latencies from m, and is told by m what is news.
// Both are made before the proxy: Watch completes it.
func NewPage(version string, m *Metrics) *Page {
	p := &Page{shell: readShell(), version: version, began: time.Now(), live: newLive(),
		sampler: &sampler{released: m.released}, stop: make(chan struct{})}
	m.news = p.live.tell
	m.countPages(func() float64 { return float64(p.live.pages.Load()) })
	return p
}

// ShowConfig gives it the text of the running configuration. Secrets must not be in it.
func (p *Page) ShowConfig(text string) { p.config.Store(&text) }

// Watch begins to look at a proxy, each second until Close. Call it once, before the
// proxy serves.
func (p *Page) Watch(px *proxy.Proxy) {
	p.proxy, p.done = px, make(chan struct{})
	p.sample()
	go p.tick()
}

func (p *Page) tick() {
	defer close(p.done)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.sample()
		case <-p.stop:
			return
		}
	}
}

func (p *Page) sample() { p.live.publish(p.sampler.take(p.proxy.Stats(), time.Now())) }

// Drain implements proxy.AdminPage.
func (p *Page) Drain() { p.live.drain() }

// Close ends what Watch began. Call it once, after the proxy's Shutdown.
func (p *Page) Close() {
	p.Drain()
	close(p.stop)
	if p.done != nil {
		<-p.done
	}
}

// A shellFile is one file of the page.
type shellFile struct {
	body []byte
	kind string // media type
	tag  string // ETag
}

// readShell reads the files by the paths that they are served at.
func readShell() map[string]shellFile {
	shell := make(map[string]shellFile)
	_ = fs.WalkDir(files, "page", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := files.ReadFile(name)
		if err != nil {
			return err // which an embedded file does not have
		}
		sum := sha256.Sum256(body)
		at := "/" + name
		if name == "page/index.html" {
			at = "/"
		}
		shell[at] = shellFile{body, mediaType(name), `"` + hex.EncodeToString(sum[:12]) + `"`}
		return nil
	})
	return shell
}

// mediaType does not ask the system, whose tables may say otherwise, but for what the
// page has none of.
func mediaType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return mime.TypeByExtension(path.Ext(name))
}

// policy is what a browser lets the page do: nothing but what its own files say, and
// to ask this listener. No text that slipped in as markup could run, load or send
// anything, and no other page can show this one in a frame and have it clicked on.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Shell implements proxy.AdminPage.
func (p *Page) Shell(ctx *fasthttp.RequestCtx, path string) {
	secured(ctx)
	file, ok := p.shell[path]
	if !ok {
		proxy.Problem(ctx, fasthttp.StatusNotFound, "the page has no such file; it is at /")
		return
	}
	h := &ctx.Response.Header
	h.SetContentType(file.kind)
	h.Set("Cache-Control", "no-cache") // asked for again each time: another version may run
	h.Set("ETag", file.tag)
	if strings.Contains(string(ctx.Request.Header.Peek("If-None-Match")), file.tag) {
		ctx.Response.SetStatusCode(fasthttp.StatusNotModified)
		return
	}
	ctx.Response.SetBodyRaw(file.body)
}

// secured adds what a browser is told with every answer to the page.
func secured(ctx *fasthttp.RequestCtx) {
	h := &ctx.Response.Header
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// Data implements proxy.AdminPage.
func (p *Page) Data(ctx *fasthttp.RequestCtx, path string) {
	secured(ctx)
	switch path {
	case "/admin/live":
		p.answerLive(ctx)
	case "/admin/config":
		text := ""
		if shown := p.config.Load(); shown != nil {
			text = *shown
		}
		writeJSON(ctx, map[string]string{"version": p.version, "config": text})
	default:
		proxy.Problem(ctx, fasthttp.StatusNotFound, "there are /admin/live and /admin/config")
	}
}

// writeJSON answers 200 with v, which must be of a kind that cannot fail.
func writeJSON(ctx *fasthttp.RequestCtx, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	ctx.Response.Header.SetContentType("application/json")
	ctx.Response.Header.Set("Cache-Control", "no-store")
	ctx.Response.SetBodyRaw(b)
}
