package admin

import (
	"cmp"
	"maps"
	"math"
	"runtime/metrics"
	"slices"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"cometproxy/channels"
	"cometproxy/proxy"
)

// Bounds of one answer.
const (
	rowsDefault = 50
	rowsMost    = 500
	waitersMost = 50
	keptMost    = 20
	textMost    = 2048 // bytes of a message
	argMost     = 255  // bytes of a channel's name, and of what is looked for in it
)

// liveAnswer is what the page shows, all of it, so that it shows one moment. It is for
// the page that comes with this very binary, and may be another with the next one.
type liveAnswer struct {
	Cursor   string        `json:"cursor"`
	Reset    bool          `json:"reset"` // Samples are all there are: what the page had is not continued
	Samples  []*sample     `json:"samples"`
	Version  string        `json:"version"`
	Uptime   int64         `json:"uptime"` // seconds
	Serving  bool          `json:"serving"`
	ReadOnly bool          `json:"read_only"`
	Figures  figures       `json:"figures"`
	Backends []backendInfo `json:"backends"`
	Channels tableInfo     `json:"channels"`
	Channel  *channelInfo  `json:"channel,omitempty"` // that is looked at
}

// figures are of this moment or, where it says so, since the start.
type figures struct {
	Parked      int64             `json:"parked"`
	Active      int               `json:"active"`
	Connections int64             `json:"connections"`
	Channels    int               `json:"channels"`
	Messages    int               `json:"messages"`
	Bytes       int64             `json:"bytes"`
	Memory      uint64            `json:"memory"` // of the process, as Go has it from the system
	Pages       int64             `json:"pages"`  // that watch
	Accepted    uint64            `json:"accepted_total"`
	Ended       map[string]uint64 `json:"ended_total"` // by reason
	Published   uint64            `json:"published_total"`
	Gaps        uint64            `json:"gaps_total"`
	Refused     map[string]uint64 `json:"refused_total"` // by bound
}

type backendInfo struct {
	Name    string       `json:"name"`
	Active  int          `json:"active"`
	Waiting int          `json:"waiting"`
	Tunnels int          `json:"tunnels"`
	Servers []serverInfo `json:"servers"`
}

type serverInfo struct {
	Address string `json:"address"`
	In      bool   `json:"in"` // it is used
	Used    int    `json:"used"`
}

// tableInfo are the channels that come first in the order asked for.
type tableInfo struct {
	Rows []rowInfo `json:"rows"`
	All  int       `json:"all"` // that there are, of those looked for
}

type rowInfo struct {
	Name     string  `json:"name"`
	Waiters  int     `json:"waiters"`
	Oldest   float64 `json:"oldest"` // seconds
	Rate     float64 `json:"rate"`   // messages a second
	Messages int     `json:"messages"`
}

type channelInfo struct {
	Name     string        `json:"name"`
	Waiters  int           `json:"waiters"`
	Waiting  []waiterInfo  `json:"waiting"`
	Messages int           `json:"messages"`
	Kept     []messageInfo `json:"kept"`
}

type waiterInfo struct {
	Address   string  `json:"address"`
	Forwarded string  `json:"forwarded,omitempty"`
	Route     string  `json:"route"`
	GRIP      bool    `json:"grip,omitempty"`
	Channels  int     `json:"channels"`
	Age       float64 `json:"age"` // seconds
}

type messageInfo struct {
	ID     string  `json:"id"`
	Name   string  `json:"name,omitempty"` // its publisher's for it
	Age    float64 `json:"age"`            // seconds
	Type   string  `json:"type"`
	Size   int     `json:"size"`
	Text   string  `json:"text"`
	Binary bool    `json:"binary,omitempty"`
	Cut    bool    `json:"cut,omitempty"`
}

// A view is what a page looks at.
type view struct {
	cursor  string
	wait    bool
	channel string
	table   channels.Survey
}

var orders = map[string]channels.Order{"name": channels.ByName, "waiters": channels.ByWaiters, "oldest": channels.ByOldestWaiter,
	"rate": channels.ByRate, "messages": channels.ByMessages}

// readView reads a request's arguments, or says what is wrong with them.
func readView(args *fasthttp.Args) (v view, why string) {
	v = view{cursor: string(args.Peek("cursor")), wait: string(args.Peek("wait")) != "0", channel: string(args.Peek("channel"))}
	v.table = channels.Survey{Contains: string(args.Peek("search")), Limit: rowsDefault}
	if len(v.channel) > argMost || len(v.table.Contains) > argMost {
		return v, "channel and search have at most 255 bytes, as names of channels do"
	}
	known := false
	if v.table.Order, known = orders[cmp.Or(string(args.Peek("sort")), "waiters")]; !known {
		return v, "sort is name, waiters, oldest, rate or messages"
	}
	if limit := args.Peek("limit"); len(limit) > 0 {
		n, err := strconv.Atoi(string(limit))
		if err != nil || n < 1 || n > rowsMost {
			return v, "limit is a whole number from 1 to 500"
		}
		v.table.Limit = n
	}
	return v, ""
}

// answerLive is GET /admin/live: what is new since the cursor, when there is something,
// and with it what the page looks at.
func (p *Page) answerLive(ctx *fasthttp.RequestCtx) {
	v, why := readView(ctx.QueryArgs())
	if why != "" {
		proxy.Problem(ctx, fasthttp.StatusBadRequest, "%s", why)
		return
	}
	e, full := p.live.look(v.cursor, v.wait)
	if full {
		proxy.Problem(ctx, fasthttp.StatusServiceUnavailable, "as many pages watch as can, %d: close one", maxPages)
		ctx.Response.Header.Set("Retry-After", "5")
		return
	}
	st := p.proxy.Stats()
	a := liveAnswer{Cursor: p.live.hub.Cursor(e.Cursor).String(), Reset: v.cursor == "" || len(e.Gaps) > 0, Samples: samples(&e),
		Version: p.version, Uptime: int64(time.Since(p.began).Seconds()), Serving: st.Serving, ReadOnly: p.proxy.ReadOnly(),
		Figures: p.figures(&st), Backends: backendInfos(&st), Channels: p.table(v.table)}
	if v.channel != "" {
		a.Channel = p.channel(v.channel)
	}
	writeJSON(ctx, &a)
}

func (p *Page) figures(s *proxy.Stats) figures {
	f := figures{Parked: s.Hub.Waiting, Active: s.Active, Channels: s.Hub.Channels, Messages: s.Hub.Messages, Bytes: s.Hub.Bytes,
		Connections: s.Lot.Idle + s.Lot.Active + s.Lot.Parked + s.Lot.Finishing, Memory: memory(), Pages: p.live.pages.Load(),
		Accepted: s.Hub.Accepted, Ended: make(map[string]uint64), Published: s.Hub.Published, Gaps: s.Hub.Gaps, Refused: s.Refused}
	for _, why := range reasons {
		f.Ended[why.String()] = s.Hub.Ended[why]
	}
	return f
}

// memory is what Go has from the system and has not given back. To ask for it stops
// nobody.
func memory() uint64 {
	m := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(m)
	if m[0].Value.Kind() != metrics.KindUint64 || m[1].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return m[0].Value.Uint64() - m[1].Value.Uint64()
}

func backendInfos(s *proxy.Stats) []backendInfo {
	list := make([]backendInfo, 0, len(s.Backends))
	for _, name := range slices.Sorted(maps.Keys(s.Backends)) {
		b := s.Backends[name]
		info := backendInfo{Name: name, Active: b.Active, Waiting: b.Waiting, Tunnels: b.Tunnels}
		for _, t := range b.Targets {
			info.Servers = append(info.Servers, serverInfo(t))
		}
		list = append(list, info)
	}
	return list
}

func (p *Page) table(q channels.Survey) tableInfo {
	s := p.surveys.of(q, p.proxy.Survey)
	t := tableInfo{Rows: make([]rowInfo, 0, len(s.rows)), All: s.all}
	for _, r := range s.rows {
		t.Rows = append(t.Rows, rowInfo{r.Name, r.Waiters, seconds(r.OldestWaiter), math.Round(r.Rate*1000) / 1000, r.Messages})
	}
	return t
}

func (p *Page) channel(name string) *channelInfo {
	c := &channelInfo{Name: name}
	waiting, waiters := p.proxy.WaitersOn(name, waitersMost)
	c.Waiters, c.Waiting = waiters, make([]waiterInfo, 0, len(waiting))
	for _, w := range waiting {
		c.Waiting = append(c.Waiting, waiterInfo{w.Address, w.Forwarded, w.Route, w.GRIP, w.Channels, seconds(w.Waited)})
	}
	kept, messages := p.proxy.NewestOf(name, keptMost, textMost)
	c.Messages, c.Kept = messages, make([]messageInfo, 0, len(kept))
	for _, m := range kept {
		c.Kept = append(c.Kept, messageInfo{ID: m.Cursor, Name: m.ID, Age: seconds(m.Age), Type: m.Type, Size: m.Size,
			Text: m.Text, Binary: m.Binary, Cut: !m.Binary && m.Size > len(m.Text)})
	}
	return c
}

func seconds(d time.Duration) float64 { return math.Round(d.Seconds()*1000) / 1000 }
