//go:build linux

package pushpin

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"cometproxy/test/internal/harness"
)

// apps is the web app behind one side. Each play has its own part of it, by the
// path of its requests.
type apps struct {
	*harness.Backend

	mu   sync.Mutex
	part map[string]*part // guarded by mu: by path
}

// readyStatus is what clients get from an app without a part for their path, if
// GRIP is spoken.
const readyStatus = 299

// A part answers one play's requests, and remembers the first.
type part struct {
	app     appFunc
	names   *strings.Replacer
	decided chan struct{} // closed when it may answer

	mu    sync.Mutex
	asked int     // guarded by mu
	first *record // guarded by mu
}

// An appFunc is what an app answers its nth request, from 0.
type appFunc func(nth int) reply

// A reply is an answer of the app. In body and lines {c} and {p} are replaced.
type reply struct {
	status string
	lines  []string
	body   string
	encode func(body string) string // nil: as it is
}

func newApps(t *testing.T) *apps {
	t.Helper()
	a := &apps{part: make(map[string]*part)}
	a.Backend = harness.NewBackend(t, a.serve)
	return a
}

func (a *apps) add(path string, app appFunc, names *strings.Replacer) *part {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := &part{app: app, names: names, decided: make(chan struct{})}
	a.part[path] = p
	return p
}

func (a *apps) serve(x *harness.Exchange) {
	body, err := x.Body()
	if err != nil {
		x.Last = true
		return
	}
	path, _, _ := strings.Cut(x.Target, "?")
	a.mu.Lock()
	p := a.part[path]
	a.mu.Unlock()
	if p == nil {
		x.Answer(200, "", fmt.Sprintf("Grip-Status: %d", readyStatus))
		return
	}
	head, content := p.serve(x, body).render(p.names)
	if x.Method == "HEAD" {
		content = ""
	}
	x.Write(head + content)
}

func (p *part) serve(x *harness.Exchange, body []byte) reply {
	p.mu.Lock()
	nth := p.asked
	p.asked++
	if nth == 0 {
		lines := slices.Clone(x.Lines)
		slices.Sort(lines)
		first, _, _ := strings.Cut(x.Head, "\r\n")
		p.first = &record{kind: toApp, first: first, lines: lines, body: string(body)}
	}
	p.mu.Unlock()
	<-p.decided
	return p.app(nth)
}

func (p *part) firstRequest() *record {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.first
}

// render returns the reply's bytes.
func (r reply) render(names *strings.Replacer) (head, body string) {
	body = names.Replace(r.body)
	if r.encode != nil {
		body = r.encode(body)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 %s\r\n", r.status)
	for _, line := range r.lines {
		b.WriteString(names.Replace(line) + "\r\n")
	}
	if !strings.HasPrefix(r.status, "204") && !strings.HasPrefix(r.status, "304") {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	return b.String() + "\r\n", body
}

// answer is a reply that is as it stands here.
func answer(status, body string, lines ...string) reply {
	return reply{status: status, body: body, lines: lines}
}

// always is an app with one answer to everything.
func always(r reply) appFunc { return func(int) reply { return r } }

// once is an app that answers its first request otherwise than all others.
func once(first, then reply) appFunc {
	return func(nth int) reply {
		if nth == 0 {
			return first
		}
		return then
	}
}

// holds is a reply that holds the request, on the play's channel if the lines name
// no other.
func holds(body string, lines ...string) reply {
	if !slices.ContainsFunc(lines, named("Grip-Channel")) {
		lines = append(lines, "Grip-Channel: {c}")
	}
	if !slices.ContainsFunc(lines, named("Grip-Hold")) {
		lines = append(lines, "Grip-Hold: response")
	}
	return answer("200 OK", body, lines...)
}

// hold is an app that holds every request.
func hold(body string, lines ...string) appFunc { return always(holds(body, lines...)) }

// instruct is an app that answers with GRIP's JSON, and no other lines than
// these.
func instruct(body string, lines ...string) appFunc {
	return always(answer("200 OK", body, append(lines, "Content-Type: application/grip-instruct")...))
}

func gzipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(text))
	w.Close()
	return b.String()
}

func base64Of(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// quoted is text as a JSON string.
func quoted(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(b)
}
