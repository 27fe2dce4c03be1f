package test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

// roomsRoutes have channels by name: one, or three in one poll.
const roomsRoutes = `
[[route]]
path     = "/room/{a}"
channels = ["room:{a}"]

[[route]]
path     = "/poll/{a}/{b}/{c}"
channels = ["room:{a}", "room:{b}", "room:{c}"]
`

// roomsConfig keeps so much that nobody in a hurry sees a gap.
const roomsConfig = "[history]\nmessages = 2000\n" + roomsRoutes

// A delivery is a test in which clients poll while publishers publish, and
// everybody writes down what he sent or saw.
type delivery struct {
	t        *testing.T
	s        *harness.Server
	channels int
	rounds   int
	sent     [][]string // by channel: the messages' ids, in the order of their publishing
	expect   []int      // by channel: how many there will be

	polls, released, dropped atomic.Int64
}

const publishers = 8

// perRound is how many messages channel ch gets in a round: mostly one to three
// in one piece each, at times a burst in a batch.
func perRound(ch, round int) (single, burst int) {
	if (ch+round)%25 == 0 {
		return 1, 12
	}
	return 1 + (ch+round)%3, 0
}

func newDelivery(t *testing.T, channels, rounds int) *delivery {
	d := &delivery{t: t, s: harness.Start(t, roomsConfig), channels: channels, rounds: rounds,
		sent: make([][]string, channels), expect: make([]int, channels)}
	for ch := range d.expect {
		for r := range rounds {
			single, burst := perRound(ch, r)
			d.expect[ch] += single + burst
		}
	}
	return d
}

// of are the channels of client i: three different ones.
func (d *delivery) of(i int) [3]int {
	n := d.channels
	return [3]int{i % n, (i + n/3) % n, (i + n/2 + i/n + 1) % n}
}

func (d *delivery) publish(k int, pause time.Duration) {
	last := uint64(0)
	note := func(ch int, p harness.Published) {
		n := harness.Number(p.ID)
		if n <= last {
			d.t.Errorf("a message has number %d after %d, which was answered before", n, last)
		}
		last = n
		d.sent[ch] = append(d.sent[ch], p.ID)
		d.released.Add(int64(p.Released))
	}
	for r := range d.rounds {
		for ch := k; ch < d.channels; ch += publishers {
			single, burst := perRound(ch, r)
			for range single {
				p, err := d.s.TryPublish(fmt.Sprintf("room:%d", ch), fmt.Sprintf("%d.%d", ch, len(d.sent[ch])))
				if err != nil {
					d.t.Error(err)
					return
				}
				note(ch, p)
			}
			if burst == 0 {
				continue
			}
			items := make([]harness.Item, burst)
			for i := range items {
				items[i] = harness.Item{Channel: fmt.Sprintf("room:%d", ch), Text: fmt.Sprintf("%d.%d", ch, len(d.sent[ch])+i)}
			}
			all, err := d.s.TryPublishAll(items)
			if err != nil {
				d.t.Error(err)
				return
			}
			for _, p := range all {
				note(ch, p)
			}
		}
		time.Sleep(pause)
	}
}

// seen is a message in a client's log.
type seen struct {
	ch   int
	text string
	id   string
}

// client polls until it has as many messages as there will be, and once more.
// Every tenth goes away now and then in the middle of a poll and comes back with
// the cursor it had.
func (d *delivery) client(i int, ready *sync.WaitGroup) (log []seen, err error) {
	chs := d.of(i)
	want := 0
	for _, ch := range chs {
		want += d.expect[ch]
	}
	p := harness.Poller{Address: d.s.Public[0], Target: fmt.Sprintf("/poll/%d/%d/%d", chs[0], chs[1], chs[2])}
	defer p.Close()
	_, err = p.Poll()
	ready.Done()
	if err != nil {
		return nil, err
	}
	p.Wait = 20
	for len(log) < want {
		if err := p.Ask(); err != nil {
			return log, err
		}
		if i%10 == 0 && rand.IntN(5) == 0 {
			time.Sleep(time.Duration(rand.IntN(30)) * time.Millisecond)
			p.Drop(rand.IntN(2) == 0)
			d.dropped.Add(1)
			continue
		}
		ms, err := p.Take()
		if err != nil {
			return log, err
		}
		if d.polls.Add(1); len(ms) == 0 && d.t.Failed() {
			return log, nil
		}
		log = note(log, ms)
	}
	p.Wait = 0
	ms, err := p.Poll()
	if p.Gaps > 0 {
		return log, fmt.Errorf("%d gaps", p.Gaps)
	}
	return note(log, ms), err
}

func note(log []seen, ms []harness.Message) []seen {
	for _, m := range ms {
		e := seen{ch: -1, text: m.Text(), id: m.ID}
		fmt.Sscanf(m.Channel, "room:%d", &e.ch)
		log = append(log, e)
	}
	return log
}

// faults are what is wrong with a client's log.
type faults struct{ lost, twice, disordered, foreign int }

// check compares a client's log with its channels'.
func (d *delivery) check(chs [3]int, log []seen) (f faults) {
	got := make(map[int]map[string]int)
	for _, ch := range chs {
		got[ch] = make(map[string]int)
	}
	last := uint64(0)
	for _, e := range log {
		ids, mine := got[e.ch]
		if !mine {
			f.foreign++
			continue
		}
		ids[e.id]++
		if n := harness.Number(e.id); n <= last {
			f.disordered++
		} else {
			last = n
		}
		k := 0
		if fmt.Sscanf(e.text, fmt.Sprintf("%d.%%d", e.ch), &k); k >= len(d.sent[e.ch]) || d.sent[e.ch][k] != e.id {
			f.foreign++
		}
	}
	for ch, ids := range got {
		for _, id := range d.sent[ch] {
			switch n := ids[id]; {
			case n == 0:
				f.lost++
			case n > 1:
				f.twice++
			}
		}
	}
	return f
}

// TestDelivery: many clients with three channels each poll again and again,
// some of them going away in between, while publishers publish. Each sees each
// message of its channels exactly once, in the order of the numbers.
func TestDelivery(t *testing.T) {
	clients, channels := harness.Scale(5000, 500), harness.Scale(500, 50)
	d := newDelivery(t, channels, 20)
	logs, errs := make([][]seen, clients), make([]error, clients)
	begin := time.Now()
	var ready, done, publishing sync.WaitGroup
	ready.Add(clients)
	for i := range clients {
		done.Go(func() { logs[i], errs[i] = d.client(i, &ready) })
	}
	ready.Wait()
	connected := time.Since(begin)
	for k := range publishers {
		publishing.Go(func() { d.publish(k, 50*time.Millisecond) })
	}
	publishing.Wait()
	published := time.Since(begin)
	done.Wait()

	var f faults
	messages, delivered := 0, 0
	for _, ids := range d.sent {
		messages += len(ids)
	}
	for i := range clients {
		if errs[i] != nil {
			t.Errorf("client %d: %v", i, errs[i])
		}
		delivered += len(logs[i])
		g := d.check(d.of(i), logs[i])
		f = faults{f.lost + g.lost, f.twice + g.twice, f.disordered + g.disordered, f.foreign + g.foreign}
	}
	t.Logf("%d clients on %d channels: %d messages, %d deliveries in %d answers, %d holds released, %d times a client went away; connected after %.1fs, published after %.1fs, all delivered after %.1fs",
		clients, channels, messages, delivered, d.polls.Load(), d.released.Load(), d.dropped.Load(),
		connected.Seconds(), published.Seconds(), time.Since(begin).Seconds())
	t.Logf("lost %d, twice %d, out of order %d, foreign %d, gaps %d", f.lost, f.twice, f.disordered, f.foreign, d.s.Stats().Channels.Gaps)
	if f != (faults{}) || d.s.Stats().Channels.Gaps != 0 {
		t.Error("deliveries are wrong")
	}
}
