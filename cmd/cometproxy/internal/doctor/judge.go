package doctor

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const probeField = "Comet-Probe"

// Judge makes a report of what was measured.
func Judge(e *Evidence) *Report {
	r := &Report{URL: e.URL, Through: between(e), Checks: []Check{}, Advice: []Advice{}, Holds: []Held{}}
	if r.Through == nil {
		r.Through = []Between{}
	}
	if e.ProbeURL != e.URL {
		r.Probe = e.ProbeURL
	}
	if e.Failure != nil {
		r.add(Check{"reached", e.Failure.Kind, LevelBad, e.Failure.Text})
		r.Advice = append(r.Advice, Advice{"", []string{e.Failure.Do}})
		return r
	}
	r.add(judgeReached(e))
	if a := stranger(e); a != nil {
		r.add(judgeStranger(a))
		r.Advice = append(r.Advice, switchOn(e))
		return r
	}
	s := sumUp(e)
	for i := range e.Holds {
		r.Holds = append(r.Holds, held(&e.Holds[i], e.Kind))
	}
	r.add(judgeHolds(e, &s))
	if e.Probe == nil {
		judgeWithout(r, e)
	} else {
		judgeProbe(r, e)
	}
	r.Advice = append(r.Advice, advise(r, e, &s)...)
	if e.Probe == nil {
		r.Advice = append(r.Advice, switchOn(e))
	}
	return r
}

func held(h *Hold, kind Kind) Held {
	x := Held{Asked: h.Asked.Seconds(), Took: float64(h.Answer.Took.Milliseconds()) / 1000, Outcome: outcome(h, kind), Status: h.Answer.Status}
	if h.Answer.Err != nil {
		x.Error = clean(reason(h.Answer.Err))
	}
	return x
}

func judgeReached(e *Evidence) Check {
	c := Check{Name: "reached", Verdict: "fine", Level: LevelFine}
	c.Text = fmt.Sprintf("%s in %d ms", e.Connection.Address, e.Connection.Connected.Milliseconds())
	if e.Connection.Protocol != "" {
		c.Text += ", " + e.Connection.Protocol
	}
	if e.Connection.TLS != "" {
		c.Text += fmt.Sprintf(", %s, certificate until %s", e.Connection.TLS, e.Connection.Certificate.UTC().Format("2006-01-02"))
	}
	if n := len(e.Redirects); n > 0 {
		c.Verdict, c.Level = "redirected", LevelNote
		c.Text += "; redirected from " + whole(e.Asked)
	}
	if e.Instead {
		c.Text += "; " + whole(e.Asked) + " itself holds nothing, so the probe was asked in its place"
	}
	return c
}

// stranger is the answer of somebody who does not know of holds; nil: there is none. Who
// tries several times to reach cometproxy takes a while to say that it is not there.
func stranger(e *Evidence) *Answer {
	if e.Kind == KindOther {
		return &e.First
	}
	if e.Kind == KindSilent && len(e.Holds) > 0 {
		if a := &e.Holds[0].Answer; a.Status == http.StatusBadGateway || a.Status == http.StatusServiceUnavailable {
			return a
		}
	}
	return nil
}

// judgeStranger: what answers at once is no hold, and whether cometproxy is behind
// it cannot be seen.
func judgeStranger(a *Answer) Check {
	c := Check{"holds", "nothing holds", LevelBad, ""}
	by := ""
	if all := inAnswer(a); len(all) > 0 {
		by = " by " + all[0].Name
	}
	status := strings.TrimSpace(fmt.Sprintf("%d %s", a.Status, http.StatusText(a.Status)))
	switch {
	case isProblem(a):
		c.Text = fmt.Sprintf("cometproxy answers with %s: %s", status, clean(detail(a)))
	case a.Status == http.StatusBadGateway || a.Status == http.StatusServiceUnavailable || a.Status == http.StatusGatewayTimeout || a.Status >= 520:
		c.Verdict = "no answer"
		c.Text = fmt.Sprintf("answered with %s%s: is cometproxy running where that one looks for it?", status, by)
	case a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden:
		c.Text = fmt.Sprintf("answered with %s%s: give what is missing with -header, or allow this path", status, by)
	default:
		c.Text = fmt.Sprintf("answered at once with %s%s; nothing shows that cometproxy is behind it", status, by)
	}
	return c
}

// judgeWithout says of a route that holds what can be said without a probe.
func judgeWithout(r *Report, e *Evidence) {
	unknown := func(name string) { r.add(Check{name, "unknown", LevelUnknown, "only the probe can tell"}) }
	unknown("buffering")
	switch {
	case e.Poll == nil || e.Poll.Coded.Err != nil || e.Poll.Coded.Status != http.StatusOK:
		unknown("compression")
	case e.Poll.Coded.Coded != "":
		r.add(compressed(e.Poll.Coded.Coded))
	default:
		r.add(Check{"compression", "fine", LevelFine, fmt.Sprintf("an answer of %d bytes came as it is; of larger ones only the probe can tell", len(e.Poll.Coded.Body))})
	}
	if kept := keptBy(&e.First); kept != "" {
		r.add(Check{"caching", "cached", LevelBad, kept})
	} else {
		unknown("caching")
	}
	unknown("headers")
	unknown("protocol")
}

// judgeProbe says what the probe found out.
func judgeProbe(r *Report, e *Evidence) {
	p := e.Probe
	r.add(judgeBuffering(p.Pieces))
	r.add(judgeCompression(p))
	r.add(judgeCaching(p.Echoes))
	r.add(judgeHeaders(e, len(r.Through) > 0))
	r.add(judgeProtocol(p.Echoes))
}

// judgeBuffering compares the pauses between pieces with those they were sent with.
func judgeBuffering(p *Pieces) Check {
	n := 0
	if p != nil {
		n = min(len(p.Sent), len(p.Arrived))
	}
	if n < 2 {
		why := "the answer in pieces did not come"
		if p != nil && p.Answer.Err != nil {
			why += ": " + clean(reason(p.Answer.Err))
		} else if p != nil {
			why += fmt.Sprintf(": %d %s", p.Answer.Status, http.StatusText(p.Answer.Status))
		}
		return Check{"buffering", "unknown", LevelUnknown, why}
	}
	sent, arrived := p.Sent[n-1]-p.Sent[0], p.Arrived[n-1]-p.Arrived[0]
	if arrived < sent/2 {
		when := "within " + seconds(arrived)
		if arrived < 100*time.Millisecond {
			when = "all at once"
		}
		return Check{"buffering", "buffered", LevelBad, fmt.Sprintf("pieces sent within %s came %s: polls work, what an app streams comes late", seconds(sent), when)}
	}
	return Check{"buffering", "fine", LevelFine, "pieces come as they are sent"}
}

func compressed(coding string) Check {
	return Check{"compression", "compressed", LevelBad, fmt.Sprintf("somebody in between compresses (%s): work for nothing on small answers, and streams wait for it", clean(coding))}
}

func judgeCompression(p *Probing) Check {
	for _, x := range append(slices.Clone(p.Echoes), deref(p.Coded)...) {
		if x.Answer.Coded != "" {
			return compressed(x.Answer.Coded)
		}
	}
	if p.Coded == nil || p.Coded.Echo == nil {
		return Check{"compression", "unknown", LevelUnknown, "the probe did not answer"}
	}
	c := Check{"compression", "fine", LevelFine, "answers come as they are"}
	if seen := p.Coded.Echo.Values["Accept-Encoding"]; seen != acceptAll {
		c.Text += fmt.Sprintf("; Accept-Encoding is changed on the way, to %q", clean(seen))
	}
	return c
}

// acceptAll is the Accept-Encoding of who takes compressed answers.
const acceptAll = "gzip, deflate, br, zstd"

func deref(x *Echoed) []Echoed {
	if x == nil {
		return nil
	}
	return []Echoed{*x}
}

func judgeCaching(echoes []Echoed) Check {
	seen := make(map[string]bool)
	known := 0
	for _, x := range echoes {
		if x.Echo == nil {
			continue
		}
		if seen[x.Echo.Nonce] {
			return Check{"caching", "cached", LevelBad, "two requests got the same answer, in spite of Cache-Control: no-store"}
		}
		seen[x.Echo.Nonce] = true
		known++
	}
	if known < 2 {
		return Check{"caching", "unknown", LevelUnknown, "the probe did not answer twice"}
	}
	return Check{"caching", "fine", LevelFine, "each request got an answer of its own"}
}

// keptBy says by what an answer shows that it was kept, empty if nothing does.
func keptBy(a *Answer) string {
	if age := a.Header.Get("Age"); age != "" && age != "0" {
		return fmt.Sprintf("an answer came with Age: %s, in spite of Cache-Control: no-store", clean(age))
	}
	for _, name := range []string{"X-Cache", "Cf-Cache-Status", "X-Cache-Status", "X-Proxy-Cache"} {
		if v := a.Header.Get(name); strings.HasPrefix(strings.ToUpper(v), "HIT") {
			return fmt.Sprintf("an answer came with %s: %s, in spite of Cache-Control: no-store", name, clean(v))
		}
	}
	return ""
}

// sentLines are header lines of the requests to the probe that have to arrive.
var sentLines = []string{"Comet-Cursor", "Last-Event-ID", "Prefer"}

// judgeHeaders looks for header lines that got lost.
func judgeHeaders(e *Evidence, between bool) Check {
	i := slices.IndexFunc(e.Probe.Echoes, func(x Echoed) bool { return x.Echo != nil })
	if i < 0 {
		return Check{"headers", "unknown", LevelUnknown, "the probe did not answer"}
	}
	a, echo := &e.Probe.Echoes[i].Answer, e.Probe.Echoes[i].Echo
	var lost []string
	for _, name := range sentLines {
		if !slices.ContainsFunc(echo.Names, func(n string) bool { return strings.EqualFold(n, name) }) {
			lost = append(lost, name+" of requests")
		}
	}
	for name, want := range map[string]string{"Comet-Cursor": "", "Cache-Control": "no-store", "Vary": "Origin", "X-Content-Type-Options": "nosniff"} {
		if v := strings.Join(a.Header.Values(name), ", "); v == "" || !strings.Contains(strings.ToLower(v), strings.ToLower(want)) {
			lost = append(lost, name+" of answers")
		}
	}
	if len(lost) > 0 {
		slices.Sort(lost)
		return Check{"headers", "changed", LevelBad, "lost on the way: " + strings.Join(lost, ", ")}
	}
	switch {
	case strings.HasPrefix(e.ProbeURL, "https:") && between && echo.Values["X-Forwarded-Proto"] != "https":
		return Check{"headers", "incomplete", LevelNote, "X-Forwarded-Proto does not say https, so the app cannot know, and redirect_to_https would never end"}
	case between && echo.Values["X-Forwarded-For"] == "":
		return Check{"headers", "incomplete", LevelNote, "X-Forwarded-For is missing, so all clients look like one"}
	}
	return Check{"headers", "fine", LevelFine, "all that polls need come through"}
}

// judgeProtocol is about the connections between the last one in between and
// cometproxy.
func judgeProtocol(echoes []Echoed) Check {
	names := make(map[string]bool)
	known, reused := 0, 0
	var last *Echo
	for _, x := range echoes {
		if x.Echo != nil {
			names[x.Echo.Connection] = true
			known, last = known+1, x.Echo
			if x.Answer.Reused {
				reused++
			}
		}
	}
	switch {
	case last == nil:
		return Check{"protocol", "unknown", LevelUnknown, "the probe did not answer"}
	case last.HTTP == "1.0":
		return Check{"protocol", "HTTP/1.0", LevelNote, "cometproxy is asked by HTTP/1.0: each poll costs a connection, and streams have no end that can be told from a break"}
	case len(names) == known && strings.EqualFold(last.Values["Connection"], "close"):
		return Check{"protocol", "no keep-alive", LevelNote, "each request reaches cometproxy by a connection of its own: that costs both sides"}
	case known > 1 && len(names) == known:
		return Check{"protocol", "unknown", LevelUnknown, fmt.Sprintf("HTTP/%s to cometproxy; %d requests reached it by as many connections: none is kept, or many take turns", last.HTTP, known)}
	}
	c := Check{"protocol", "fine", LevelFine, "HTTP/" + last.HTTP + " to cometproxy, connections are kept"}
	if known > 1 && reused == 0 {
		c.Level, c.Text = LevelNote, c.Text+"; that of the client is not: each poll costs it a handshake"
	}
	return c
}

// switchOn says how more can be found out.
func switchOn(e *Evidence) Advice {
	return Advice{"To find out more, in cometproxy.toml (then cometproxy reload; take it out afterwards)", []string{"[public]", fmt.Sprintf("probe = %q", DefaultProbe),
		"and ask again for the same URL. A path below that of your polls goes the same way as they do: name it with -probe."}}
}

// DefaultProbe is where a probe is looked for.
const DefaultProbe = "/.well-known/cometproxy"

// roundUp is the next multiple of five seconds.
func roundUp(d time.Duration) time.Duration {
	const step = 5 * time.Second
	return (d + step - 1) / step * step
}
