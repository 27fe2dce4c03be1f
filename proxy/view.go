package proxy

import (
	"net"
	"strings"
	"time"
	"unicode/utf8"

	"cometproxy/channels"
	"cometproxy/park"
)

// What the page for operators is told of the running proxy. All of it is bounded by
// who asks.

// ReadOnly reports InternalOptions.ReadOnly.
func (p *Proxy) ReadOnly() bool { return p.set().Internal.ReadOnly }

// Survey is the hub's, without the proxy's own channel.
func (p *Proxy) Survey(q channels.Survey) (rows []channels.Row, all int) {
	q.Except = nowhere
	return p.hub.Survey(q)
}

// A Waiting is a request that was parked on a channel when it was looked at.
type Waiting struct {
	Address   string        // of who is connected; empty: has gone meanwhile
	Forwarded string        // what a trusted proxy says of the client, if requests are logged
	Route     string        // host and path of it, as configured; empty: unknown
	GRIP      bool          // the app holds it
	Channels  int           // on how many it waits
	Waited    time.Duration //
}

// WaitersOn tells who waits on a channel, those who wait longest first, at most limit
// of them, and how many do in all.
func (p *Proxy) WaitersOn(channel string, limit int) (list []Waiting, all int) {
	seen, all := p.hub.Sightings(channel, limit)
	for _, s := range seen {
		id := park.ID(s.Tag)
		list = append(list, Waiting{Address: addressText(p.lot.Peer(id)), Forwarded: p.access.forwarded(id),
			Route: p.labels.text(s.Label), GRIP: s.Accepts&channels.HTTPResponse != 0, Channels: s.Channels, Waited: s.Waited})
	}
	return list, all
}

func addressText(a net.Addr) string {
	if a == nil {
		return ""
	}
	return a.String()
}

// forwarded is what a trusted proxy says of the client that is parked on conn, if its
// request will be logged.
func (a *accessLog) forwarded(conn park.ID) string {
	if !a.waits() {
		return ""
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if v := a.held[conn]; v != nil {
		return strings.Clone(v.from)
	}
	return ""
}

// A Published is a message that is kept.
type Published struct {
	Cursor string // its id
	ID     string // its publisher's
	Age    time.Duration
	Type   string // of its content; empty: it has none for polls
	Size   int    // bytes of that
	Text   string // its beginning; empty if it is binary
	Binary bool
}

// NewestOf are the messages that are kept of a channel, the newest first, at most limit
// of them and of each at most cut bytes of text, and how many are kept in all.
func (p *Proxy) NewestOf(channel string, limit, cut int) (list []Published, all int) {
	recent, all := p.hub.Newest(channel, limit)
	for _, m := range recent {
		load := m.Data.(*payload)
		out := Published{Cursor: p.hub.Cursor(m.Number).String(), ID: m.ID, Age: m.Age,
			Type: load.contentType, Size: len(load.body), Binary: load.kind == binary && len(load.body) > 0}
		if !out.Binary {
			out.Text = beginning(load.body, cut)
		}
		list = append(list, out)
	}
	return list, all
}

// beginning is at most cut bytes of text, to the end of a character.
func beginning(text []byte, cut int) string {
	if len(text) <= cut {
		return string(text)
	}
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return string(text[:cut])
}
