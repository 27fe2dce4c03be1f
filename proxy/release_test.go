package proxy

import (
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"

	"go.uber.org/zap"

	"cometproxy/channels"
	"cometproxy/park"
)

// fakeLot records who is answered, in order, and does nothing else.
type fakeLot struct {
	mu       sync.Mutex
	record   bool
	answered []park.ID
	answers  []string
	closed   []park.ID
	count    int
}

func (l *fakeLot) Serve(net.Listener) error { return nil }
func (l *fakeLot) Park(park.ID, park.Stay)  {}
func (l *fakeLot) Idle(park.ID, []byte)     {}
func (l *fakeLot) Drain()                   {}
func (l *fakeLot) Shut()                    {}
func (l *fakeLot) Stats() park.Stats        { return park.Stats{} }
func (l *fakeLot) Check() error             { return nil }

func (l *fakeLot) Close(id park.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = append(l.closed, id)
}

func (l *fakeLot) Answer(id park.ID, b []byte, end bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count++
	if l.record {
		l.answered = append(l.answered, id)
		l.answers = append(l.answers, string(b))
	}
}

func (l *fakeLot) Peer(park.ID) net.Addr { return nil }
func (l *fakeLot) Limit(park.Limits)     {}

// releasing makes a proxy without servers whose releaser is run by hand.
func releasing() (*Proxy, *fakeLot) {
	lot := &fakeLot{}
	p := &Proxy{log: zap.NewNop(), lot: lot}
	p.now.Store(&settings{Options: Options{NoDate: true}.resolved()})
	p.hub = channels.New(channels.Options{Receiver: p, Epoch: 1})
	p.releaser.proxy = p
	p.releaser.start(0)
	return p, lot
}

// release answers all that is queued, with so many workers.
func (p *Proxy) release(workers int) {
	p.releaser.mu.Lock()
	p.releaser.ending = true
	p.releaser.mu.Unlock()
	if workers == 1 {
		p.releaser.work()
	} else {
		var all sync.WaitGroup
		for range workers {
			all.Go(p.releaser.work)
		}
		all.Wait()
	}
	p.releaser.mu.Lock()
	p.releaser.ending = false
	p.releaser.mu.Unlock()
}

// park parks holds on a channel; their connections are first and so on.
func (p *Proxy) parkHolds(t testing.TB, q *channels.Query, first park.ID, n int, own *lines) {
	for i := range n {
		h := holds.Get().(*hold)
		h.waiter.Tag, h.own = uint64(first)+uint64(i), own
		p.hub.Prepare(&h.waiter, q, p.hub.Position())
		if !p.hub.Park(&h.waiter, q.Channels) {
			t.Fatal("not parked")
		}
	}
}

func testMessage(channel string) channels.Item {
	load, err := newPayload("application/json", []byte(`{"n":1}`))
	if err != nil {
		panic(err)
	}
	return channels.Item{Channel: channel, Data: load, Size: load.size(channel)}
}

// TestReleaseInTurn: a few holds are answered at once, whatever is queued. A
// release of some more is not behind one of very many, and within each those who
// came first are answered first.
func TestReleaseInTurn(t *testing.T) {
	p, lot := releasing()
	lot.record = true
	for _, c := range []struct {
		name  string
		first park.ID
		n     int
	}{{"big", 10_000, 1000}, {"small", 20_000, 3}, {"middle", 30_000, 100}, {"big too", 40_000, 500}} {
		p.parkHolds(t, &channels.Query{Channels: []string{c.name}}, c.first, c.n, nil)
	}
	for _, name := range []string{"big", "big too", "middle", "small", "nobody"} {
		p.hub.Publish(testMessage(name))
	}
	if want := []park.ID{20_000, 20_001, 20_002}; !slices.Equal(lot.answered, want) {
		t.Errorf("answered at once: %d", lot.answered)
	}
	if n := p.releaser.pending.count(); n != 1600 {
		t.Errorf("%d pending", n)
	}
	p.release(1)
	if n := p.releaser.pending.count(); n != 0 {
		t.Errorf("%d pending", n)
	}
	if at := slices.Index(lot.answered, 30_099); at != 3+2*slice+slice+2*slice+100-slice-1 {
		t.Errorf("the middle release ended at %d", at)
	}
	if len(lot.answered) != 1603 || lot.answered[1602] != 10_999 {
		t.Errorf("%d answered, the last %d", len(lot.answered), lot.answered[len(lot.answered)-1])
	}
	for _, first := range []park.ID{10_000, 20_000, 30_000, 40_000} {
		if own := slices.DeleteFunc(slices.Clone(lot.answered), func(id park.ID) bool { return id < first || id >= first+10_000 }); !slices.IsSorted(own) {
			t.Errorf("those of %d are not answered in their order", first)
		}
	}
	if err := p.Check(); err != nil {
		t.Error(err)
	}
}

// TestReleaseWorkers: many releases by many workers at one time; each hold is
// answered once, with its own message.
func TestReleaseWorkers(t *testing.T) {
	p, lot := releasing()
	lot.record = true
	p.releaser.start(4)
	const publishers, rounds, each = 4, 20, 70
	var all sync.WaitGroup
	for i := range publishers {
		all.Go(func() {
			name := fmt.Sprint("c", i)
			for round := range rounds {
				p.parkHolds(t, &channels.Query{Channels: []string{name}}, park.ID(1+each*(rounds*i+round)), each, nil)
				if r := p.hub.Publish(testMessage(name)); r.Released != each {
					t.Errorf("%d released", r.Released)
				}
			}
		})
	}
	all.Wait()
	p.releaser.flush()
	seen := make(map[park.ID]bool)
	for _, id := range lot.answered {
		if seen[id] {
			t.Errorf("%d is answered twice", id)
		}
		seen[id] = true
	}
	if len(seen) != publishers*rounds*each {
		t.Errorf("%d answered", len(seen))
	}
	p.releaser.stop()
	if len(p.releaser.queue) != 0 || p.releaser.pending.count() != 0 {
		t.Errorf("%d in the queue, %d pending", len(p.releaser.queue), p.releaser.pending.count())
	}
	if err := p.Check(); err != nil {
		t.Error(err)
	}
}

// TestSharedAnswer: holds of one message and shape get the same bytes, those with
// own lines the same with these lines in the head.
func TestSharedAnswer(t *testing.T) {
	p, lot := releasing()
	lot.record = true
	q := &channels.Query{Channels: []string{"a"}}
	own := &lines{[]byte("X-Own: 1\r\n")}
	p.parkHolds(t, q, 1, 2, nil)
	p.parkHolds(t, q, 3, 1, own)
	p.parkHolds(t, q, 4, 1, nil)
	p.hub.Publish(testMessage("a"))
	p.release(1)
	if lot.answers[0] != lot.answers[1] || lot.answers[0] != lot.answers[3] {
		t.Errorf("%q", lot.answers)
	}
	const marker = "Content-Length: "
	i := len(lot.answers[0])
	for j := range lot.answers[0] {
		if lot.answers[0][j:min(len(lot.answers[0]), j+len(marker))] == marker {
			i = j
			break
		}
	}
	if want := lot.answers[0][:i] + string(own.text) + lot.answers[0][i:]; lot.answers[2] != want {
		t.Errorf("%q, want %q", lot.answers[2], want)
	}
}

func BenchmarkRelease(b *testing.B) {
	const waiters = 1000
	for _, bench := range []struct {
		name     string
		channels []string
		own      *lines
	}{
		{"native", []string{"a"}, nil},
		{"cors", []string{"a"}, newCORS(&CORS{Origins: []string{"https://a.example"}}).answer([]byte("https://a.example"))},
		{"three channels", []string{"a", "b", "c"}, nil},
	} {
		b.Run(bench.name, func(b *testing.B) {
			p, lot := releasing()
			q := &channels.Query{Channels: bench.channels}
			m := testMessage("a")
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				p.parkHolds(b, q, 1, waiters, bench.own)
				b.StartTimer()
				p.hub.Publish(m)
				p.release(1)
			}
			if lot.count != b.N*waiters {
				b.Fatalf("%d answered", lot.count)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*waiters), "ns/waiter")
		})
	}
}

func BenchmarkAppendAnswer(b *testing.B) {
	p, _ := releasing()
	for _, size := range []int{100, 10_000} {
		for _, n := range []int{1, 100} {
			b.Run(fmt.Sprintf("messages=%d/bytes=%d", n, size), func(b *testing.B) {
				load, _ := newPayload("text/plain", make([]byte, size))
				for i := range load.body {
					load.body[i] = 'a'
				}
				e := channels.Ending{Cursor: 7}
				for i := range n {
					e.Messages = append(e.Messages, &channels.Message{Channel: "room:1", Number: uint64(i + 1), Data: load})
				}
				var room []byte
				b.ReportAllocs()
				for b.Loop() {
					room = p.appendAnswer(room[:0], &e, 0).bytes
				}
			})
		}
	}
}
