package doctor

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	maxRedirects = 5
	glance       = 3 * time.Second  // what is silent for so long lets wait
	lateness     = 10 * time.Second // how much later than due an answer is waited for
	echoes       = 8
)

// An examination is one on its way.
type examination struct {
	o Options
	e *Evidence
	u *url.URL // that of e.URL
}

// Examine measures. It takes hardly longer than the longest hold. The error is about
// the options.
func Examine(ctx context.Context, o Options) (*Evidence, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is no URL: write http://host/path or https://host/path", o.URL)
	}
	if o.Probe == "" {
		o.Probe = DefaultProbe
	}
	if u.Path == "" {
		u.Path = "/"
	}
	u.Fragment = ""
	x := &examination{o: o, u: u, e: &Evidence{Asked: o.URL, URL: u.String(), Longest: o.Longest}}
	if !x.look(ctx) {
		return x.e, nil
	}
	x.findProbe(ctx)
	switch x.e.Kind {
	case KindOther:
	case KindSilent:
		x.all(ctx, 0)
	default:
		x.all(ctx, lengths(x.e.Longest)...)
	}
	return x.e, nil
}

// lengths are those of the holds that are tried: so many that what comes through
// and what does not are not far apart.
func lengths(longest time.Duration) (all []time.Duration) {
	for _, part := range []time.Duration{8, 4, 2, 1} {
		d := (longest / part).Truncate(100 * time.Millisecond)
		if d >= 500*time.Millisecond || part == 1 {
			all = append(all, d)
		}
	}
	return all
}

// with is a URL with more in its query.
func with(u *url.URL, pairs ...string) string {
	v := *u
	q := v.Query()
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	v.RawQuery = q.Encode()
	return v.String()
}

// look asks for the URL, goes where it is sent, and finds out what is there. It
// reports whether anything is.
func (x *examination) look(ctx context.Context) bool {
	patience := min(glance, max(time.Second, x.o.Longest/2))
	for range maxRedirects + 1 {
		a, via := once(ctx, &x.o, with(x.u, "wait", "0"), nil, patience)
		if x.e.Failure = x.failure(ctx, &a, via.Address != ""); x.e.Failure != nil {
			return false
		}
		x.e.First, x.e.Connection, x.e.URL = a, via, x.u.String()
		to := x.redirect(&a)
		if to == nil {
			x.e.Kind = kindOf(&a)
			return true
		}
		if x.o.Connect != "" && (to.Scheme != x.u.Scheme || to.Host != x.u.Host) {
			x.e.Failure = &Failure{"redirected", "the URL leads to " + to.String(), "Ask for that one; -connect names another port then."}
			return false
		}
		if to.Host != x.u.Host || x.u.Scheme == "https" && to.Scheme != "https" {
			x.o.Header = nil // may be a secret of the first host, and not for the open
		}
		x.e.Redirects = append(x.e.Redirects, x.u.String())
		x.u = to
	}
	x.e.Failure = &Failure{"redirects", fmt.Sprintf("the URL leads from one redirect to the next, %d times", maxRedirects), "A proxy that speaks https and asks by http, of a server that sends all to https, does that: X-Forwarded-Proto has to be set, and trusted (forward.trusted_proxies)."}
	return false
}

// failure is what is wrong when there is no answer that could be looked at. A server
// that was connected to and is silent is none: it may hold.
func (x *examination) failure(ctx context.Context, a *Answer, connected bool) *Failure {
	switch {
	case a.Err == nil && x.u.Scheme == "http" && wantsTLS(a):
		return speaksTLS(x.u)
	case a.Err == nil, connected && isTimeout(a.Err):
		return nil
	case x.u.Scheme == "http" && connected && speaksTLSAt(ctx, &x.o, at(x.u)):
		return speaksTLS(x.u)
	}
	return Explain(a.Err, x.u, time.Now())
}

// refusedByWord reports that a handshake ended with an alert.
func refusedByWord(err error) bool {
	var alert tls.AlertError
	return errors.As(err, &alert)
}

// redirect is where an answer leads, without what was put into the query; nil: to
// nowhere else.
func (x *examination) redirect(a *Answer) *url.URL {
	switch a.Status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil
	}
	to, err := x.u.Parse(a.Header.Get("Location"))
	if err != nil || to.Host == "" || to.Scheme != "http" && to.Scheme != "https" {
		return nil
	}
	q := to.Query()
	if !x.u.Query().Has("wait") && q.Has("wait") {
		q.Del("wait")
		to.RawQuery = q.Encode()
	}
	to.Fragment = ""
	return to
}

func kindOf(a *Answer) Kind {
	switch {
	case a.Err != nil:
		return KindSilent
	case isProbe(a):
		return KindProbe
	case a.Header.Get("Comet-Cursor") != "" && (a.Status == http.StatusOK || a.Status == http.StatusNoContent):
		return KindPoll
	}
	return KindOther
}

func isProbe(a *Answer) bool { return a.Err == nil && a.Status < 300 && a.Header.Get(probeField) != "" }

// findProbe looks for a probe, and asks it what cometproxy allows.
func (x *examination) findProbe(ctx context.Context) {
	e := x.e
	at := *x.u
	if e.Kind != KindProbe {
		at.Path, at.RawPath, at.RawQuery = "/"+strings.TrimPrefix(x.o.Probe, "/"), "", ""
		a, via := once(ctx, &x.o, with(&at, "wait", "0"), nil, glance)
		if !isProbe(&a) {
			return
		}
		if e.Kind == KindOther {
			e.Kind, e.First, e.Connection, e.Instead = KindProbe, a, via, true
			e.URL, x.u = at.String(), &at
		}
	}
	e.ProbeURL = at.String()
	e.Probe = new(Probing)
	first, _ := once(ctx, &x.o, with(&at, "check", rand.Text()), nil, glance)
	if echo := readEcho(&first); echo != nil && echo.Max > 0 {
		e.Longest = min(e.Longest, time.Duration(echo.Max*float64(time.Second)))
	}
}

// all asks side by side.
func (x *examination) all(ctx context.Context, holds ...time.Duration) {
	var wg sync.WaitGroup
	x.e.Holds = make([]Hold, len(holds))
	for i, asked := range holds {
		wg.Go(func() { x.e.Holds[i] = x.hold(ctx, asked) })
	}
	switch {
	case x.e.Probe != nil:
		probe, _ := url.Parse(x.e.ProbeURL) // it was made from one
		wg.Go(func() {
			c := newCaller(&x.o)
			defer c.close()
			x.e.Probe.Pieces = c.askPieces(ctx, with(probe, "pieces", rand.Text()), lateness)
		})
		wg.Go(func() { x.echo(ctx, probe) })
	case x.e.Kind == KindPoll:
		wg.Go(func() {
			// A cursor that means nothing is answered at once, with a body.
			x.e.Poll = new(Polling)
			x.e.Poll.Coded, _ = once(ctx, &x.o, with(x.u, "cursor", "x", "limit", "1", "wait", "0"), map[string]string{"Accept-Encoding": acceptAll}, glance)
		})
	}
	wg.Wait()
}

func (x *examination) hold(ctx context.Context, asked time.Duration) Hold {
	if asked == 0 {
		a, _ := once(ctx, &x.o, x.u.String(), nil, x.e.Longest)
		return Hold{0, a}
	}
	// Something of its own in each, or caches may let them wait for each other.
	a, _ := once(ctx, &x.o, with(x.u, "wait", strconv.FormatFloat(asked.Seconds(), 'f', -1, 64), "_", rand.Text()), nil, asked+lateness)
	return Hold{asked, a}
}

// echo asks the probe what it sees, several times by one connection.
func (x *examination) echo(ctx context.Context, probe *url.URL) {
	c := newCaller(&x.o)
	defer c.close()
	target := with(probe, "check", rand.Text())
	lines := map[string]string{"Comet-Cursor": "now", "Last-Event-ID": "now", "Prefer": "wait=0"}
	ask := func() Echoed {
		a, _ := c.ask(ctx, target, lines, lateness)
		return Echoed{a, readEcho(&a)}
	}
	for range echoes {
		x.e.Probe.Echoes = append(x.e.Probe.Echoes, ask())
	}
	lines["Accept-Encoding"] = acceptAll
	coded := ask()
	x.e.Probe.Coded = &coded
}

func readEcho(a *Answer) *Echo {
	e := new(Echo)
	if a.Err != nil || a.Status != http.StatusOK || json.Unmarshal(a.Body, e) != nil || e.Probe == 0 {
		return nil
	}
	return e
}
