package admin

import (
	"sync/atomic"
	"time"

	"cometproxy/channels"
)

// A live is how pages wait for what is new: by the proxy's own means. It is a hub of
// its own, on which each second's figures are published and kept for some minutes, so
// that a page that opens, or comes back, has its plots at once and misses nothing, or is
// told of a gap. It is not the proxy's hub: who looks does not change the figures, and
// no publisher is told that it released an operator.
//
// Only the parking differs. Clients by the thousand have a lot for their connections;
// of pages there are a few, and each waits in the goroutine that serves it. So a page
// that has gone is noticed with the next figures, a second later.
type live struct {
	hub     *channels.Hub
	pages   atomic.Int64 // that are waiting or about to
	lastNew atomic.Int64 // when news were told last, Unix ms
}

const (
	figuresChannel = "figures" // each second's
	newsChannel    = "news"    // that something was published, with nothing in it

	keptSamples = 300
	maxPages    = 64
	holdFor     = 25 * time.Second       // a page waits so long at most, though figures come each second
	newsPause   = 250 * time.Millisecond // between two news at least: pages are not asked to keep up with publishers
)

var liveChannels = []string{figuresChannel, newsChannel}

func newLive() *live {
	l := new(live)
	l.hub = channels.New(channels.Options{Receiver: l, Shards: 1, Messages: keptSamples, Age: -1, Bytes: -1, Total: -1, Keys: -1, IDs: -1})
	return l
}

// publish gives a second's figures to who waits.
func (l *live) publish(s *sample) { l.hub.Publish(channels.Item{Channel: figuresChannel, Data: s}) }

// tell tells pages that something was published. Publishers call it, each time: nobody
// looks, mostly, and then it costs them one load.
func (l *live) tell() {
	if l.pages.Load() == 0 {
		return
	}
	now, last := time.Now().UnixMilli(), l.lastNew.Load()
	if now-last >= newsPause.Milliseconds() && l.lastNew.CompareAndSwap(last, now) {
		l.hub.Publish(channels.Item{Channel: newsChannel})
	}
}

// A pageWait is a page's wait, in the goroutine that serves its request.
type pageWait struct {
	waiter channels.Waiter
	ended  chan struct{} // told once, when others than the goroutine have ended the wait
}

// Released implements channels.Receiver.
func (l *live) Released(b channels.Batch) {
	for w := b.First; w != nil; {
		next := w.Next() // before its goroutine frees it
		w.Owner.(*pageWait).ended <- struct{}{}
		w = next
	}
}

// look returns what there is for a page; if there is nothing it waits. cursor "" is a
// page that has seen nothing. full: too many wait.
func (l *live) look(cursor string, wait bool) (e channels.Ending, full bool) {
	q := channels.Query{Channels: liveChannels, Start: channels.Earliest}
	if cursor != "" {
		q.Start = channels.After
		q.Cursor, _ = channels.ParseCursor(cursor) // none: of an epoch that no hub has, so a gap
	}
	e = l.hub.Look(&q)
	if !e.Empty() || !wait {
		return e, false
	}
	if l.pages.Add(1) > maxPages {
		l.pages.Add(-1)
		return e, true
	}
	defer l.pages.Add(-1)
	return l.hold(&q, e.Cursor), false
}

// hold waits. The deadline is the goroutine's own; whoever ends the wait first, the
// waiter is claimed for it, and nobody else's any more.
func (l *live) hold(q *channels.Query, after uint64) channels.Ending {
	w := &pageWait{ended: make(chan struct{}, 1)}
	w.waiter.Owner = w
	gen := l.hub.Prepare(&w.waiter, q, after)
	if l.hub.Park(&w.waiter, q.Channels) {
		deadline := time.NewTimer(holdFor)
		defer deadline.Stop()
		select {
		case <-w.ended:
		case <-deadline.C:
			if !l.hub.End(&w.waiter, gen, channels.ByDeadline) {
				<-w.ended
			}
		}
	}
	e := w.waiter.Ending()
	l.hub.Free(&w.waiter)
	return e
}

// drain answers all that wait, and from now on everybody at once.
func (l *live) drain() { l.hub.Drain() }

// samples are the figures among messages.
func samples(e *channels.Ending) (list []*sample) {
	for _, m := range e.Messages {
		if s, ok := m.Data.(*sample); ok {
			list = append(list, s)
		}
	}
	return list
}
