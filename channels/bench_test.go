package channels_test

import (
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"

	"cometproxy/channels"
)

type ignore struct{}

func (ignore) Released(channels.Batch) {}

// freeing gives each waiter back at once, as a release worker does later.
type freeing struct{ hub *channels.Hub }

func (f *freeing) Released(b channels.Batch) {
	for w := b.First; w != nil; {
		next := w.Next()
		f.hub.Free(w)
		w = next
	}
}

func freeingHub(o channels.Options) *channels.Hub {
	f := &freeing{}
	o.Receiver = f
	f.hub = channels.New(o)
	return f.hub
}

func BenchmarkPublishToNobody(b *testing.B) {
	for _, n := range []int{1, 10_000} {
		b.Run(fmt.Sprintf("channels=%d", n), func(b *testing.B) {
			h := channels.New(channels.Options{Receiver: ignore{}})
			names := make([]string, n)
			for i := range names {
				names[i] = "channel-" + strconv.Itoa(i)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				h.Publish(channels.Item{Channel: names[i%n], Size: 100})
			}
		})
	}
}

// BenchmarkPublishNew shows what an id costs, in time and, while it is
// remembered, in memory besides the strings.
func BenchmarkPublishNew(b *testing.B) {
	const kept = 250_000
	ids := make([]string, 2*kept)
	for i := range ids {
		ids[i] = "id-" + strconv.Itoa(i)
	}
	h := channels.New(channels.Options{IDs: kept})
	before := heap()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		h.PublishNew(channels.Item{Channel: "a", ID: ids[i%len(ids)], Size: 100})
	}
	b.ReportMetric(float64(heap()-before)/float64(h.Stats().IDs), "B/id")
	runtime.KeepAlive(ids)
}

// BenchmarkPositionOf looks for an id as far back as an ordinary window goes.
func BenchmarkPositionOf(b *testing.B) {
	h := channels.New(channels.Options{})
	for i := range 100 {
		h.Publish(channels.Item{Channel: "a", ID: "id-" + strconv.Itoa(i)})
	}
	b.ReportAllocs()
	for b.Loop() {
		if n, ok := h.PositionOf("a", "id-0"); n != 1 || !ok {
			b.Fatal(n, ok)
		}
	}
}

// heap is what is in use on the heap after a collection.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkParkAndPublish(b *testing.B) {
	for _, n := range []int{1, 3} {
		b.Run(fmt.Sprintf("channels=%d", n), func(b *testing.B) {
			h := freeingHub(channels.Options{})
			var w channels.Waiter
			q := channels.Query{Channels: []string{"a", "b", "c"}[:n]}
			b.ReportAllocs()
			for b.Loop() {
				h.Prepare(&w, &q, h.Position())
				if !h.Park(&w, q.Channels) {
					b.Fatal("not parked")
				}
				h.Publish(channels.Item{Channel: "a", Size: 100})
			}
		})
	}
}

// BenchmarkFanOut is one publish to 18,000 waiters, without what parks them
// again: the figure is from the call to the last waiter handed over.
func BenchmarkFanOut(b *testing.B) {
	const waiters = 18_000
	for _, n := range []int{1, 3} {
		b.Run(fmt.Sprintf("channels=%d", n), func(b *testing.B) {
			h := freeingHub(channels.Options{})
			ws := make([]channels.Waiter, waiters)
			q := channels.Query{Channels: []string{"a", "b", "c"}[:n]}
			var took time.Duration
			var allocs uint64
			for b.Loop() {
				b.StopTimer()
				at := h.Position()
				for i := range ws {
					h.Prepare(&ws[i], &q, at)
					if !h.Park(&ws[i], q.Channels) {
						b.Fatal("not parked")
					}
				}
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				b.StartTimer()
				start := time.Now()
				h.Publish(channels.Item{Channel: "a", Size: 100})
				took += time.Since(start)
				b.StopTimer()
				runtime.ReadMemStats(&after)
				allocs += after.Mallocs - before.Mallocs
				b.StartTimer()
			}
			all := float64(b.N * waiters)
			b.ReportMetric(float64(took.Nanoseconds())/all, "ns/waiter")
			b.ReportMetric(float64(allocs)/all, "allocs/waiter")
		})
	}
}

// BenchmarkLook comes back to a channel with a recent cursor, ten messages
// behind: the cost is that of the ten, however much is kept.
func BenchmarkLook(b *testing.B) {
	for _, kept := range []int{10, 1_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("kept=%d", kept), func(b *testing.B) {
			h := channels.New(channels.Options{Messages: kept, Bytes: -1, Total: -1, Age: -1})
			for range kept {
				h.Publish(channels.Item{Channel: "a"})
			}
			q := channels.Query{Channels: []string{"a"}, Cursor: h.Cursor(h.Position() - 10)}
			b.ReportAllocs()
			for b.Loop() {
				if e := h.Look(&q); len(e.Messages) != 10 {
					b.Fatal(len(e.Messages))
				}
			}
		})
	}
}

func BenchmarkLookAtNothing(b *testing.B) {
	h := channels.New(channels.Options{})
	h.Publish(channels.Item{Channel: "a"})
	for _, names := range [][]string{{"a"}, {"never"}, {"a", "b", "c"}} {
		b.Run(fmt.Sprint(names), func(b *testing.B) {
			q := channels.Query{Channels: names, Cursor: h.Cursor(h.Position())}
			b.ReportAllocs()
			for b.Loop() {
				if e := h.Look(&q); !e.Empty() {
					b.Fatal("found something")
				}
			}
		})
	}
}

func BenchmarkParallel(b *testing.B) {
	h := freeingHub(channels.Options{})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		var w channels.Waiter
		name := fmt.Sprintf("c%p", &w)
		q := channels.Query{Channels: []string{name}}
		for pb.Next() {
			h.Prepare(&w, &q, h.Position())
			if !h.Park(&w, q.Channels) {
				b.Error("not parked")
			}
			h.Publish(channels.Item{Channel: name, Size: 100})
		}
	})
}

// BenchmarkOneLock shows for how long those who go through every channel of a
// shard keep its lock: List and Check divide their time by the shards.
func BenchmarkOneLock(b *testing.B) {
	const n = 200_000
	h := channels.New(channels.Options{Receiver: ignore{}, Total: -1})
	for i := range n {
		h.Publish(channels.Item{Channel: "channel-" + strconv.Itoa(i)})
	}
	perShard := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/64, "µs/shard")
	}
	b.Run("List", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			h.List("", "", 100)
		}
		perShard(b)
	})
	b.Run("Check", func(b *testing.B) {
		for b.Loop() {
			if err := h.Check(); err != nil {
				b.Fatal(err)
			}
		}
		perShard(b)
	})
	b.Run("Stats", func(b *testing.B) {
		for b.Loop() {
			h.Stats()
		}
	})
}

// BenchmarkSurvey looks through a hundred thousand channels, as a page does.
func BenchmarkSurvey(b *testing.B) {
	h := channels.New(channels.Options{Tombstones: -1})
	for i := range 100_000 {
		h.Publish(channels.Item{Channel: fmt.Sprintf("room:%d", i)})
	}
	for _, q := range []channels.Survey{{Order: channels.ByWaiters, Limit: 50}, {Order: channels.ByRate, Limit: 50}, {Contains: "99", Limit: 50}} {
		b.Run(fmt.Sprintf("%d%s", q.Order, q.Contains), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				h.Survey(q)
			}
		})
	}
}
