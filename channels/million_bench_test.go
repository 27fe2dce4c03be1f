package channels_test

import (
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"cometproxy/channels"
)

// BenchmarkMillion is a million waiters in one hub, on one channel or each on its
// own: what each takes in memory besides its channel's name, how long a publish to
// all of them takes, and how long others wait meanwhile, for a lock or for the
// collector. (More clients than a machine has descriptors for are tried here.)
func BenchmarkMillion(b *testing.B) {
	const million = 1_000_000
	own := make([]string, million)
	for i := range own {
		own[i] = "room:" + strconv.Itoa(i)
	}
	for _, bc := range []struct {
		name  string
		names []string // of the channels to publish to
	}{{"channels=1", own[:1]}, {"channels=1000000", own}} {
		b.Run(bc.name, func(b *testing.B) {
			var each, lock, pause []float64
			for b.Loop() {
				b.StopTimer()
				h := freeingHub(channels.Options{Messages: -1})
				before := heap()
				ws := parkAll(b, h, million, bc.names)
				each = append(each, float64(heap()-before)/million)
				stop := watchLock(h, bc.names[0])
				b.StartTimer()
				for _, name := range bc.names {
					h.Publish(channels.Item{Channel: name, Size: 100})
				}
				b.StopTimer()
				lock = append(lock, stop().Seconds()*1000)
				pause = append(pause, longestPause().Seconds()*1000)
				if n := h.Stats().Waiting; n != 0 {
					b.Fatalf("%d still wait", n)
				}
				runtime.KeepAlive(ws)
				b.StartTimer()
			}
			b.ReportMetric(slices.Max(each), "B/waiter")
			b.ReportMetric(slices.Max(lock), "ms-waited-for-lock")
			b.ReportMetric(slices.Max(pause), "ms-GC-pause")
		})
	}
}

func parkAll(b *testing.B, h *channels.Hub, n int, names []string) []channels.Waiter {
	b.Helper()
	ws := make([]channels.Waiter, n)
	for i := range ws {
		k := i % len(names)
		q := channels.Query{Channels: names[k : k+1]}
		h.Prepare(&ws[i], &q, h.Position())
		if !h.Park(&ws[i], q.Channels) {
			b.Fatal("not parked")
		}
	}
	return ws
}

// watchLock asks for a channel again and again, which takes its shard's lock,
// until the returned func is called: that tells how long the longest wait was.
func watchLock(h *channels.Hub, name string) (stop func() time.Duration) {
	var longest time.Duration
	ending, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			begin := time.Now()
			h.Info(name)
			longest = max(longest, time.Since(begin))
			select {
			case <-ending:
				return
			case <-time.After(100 * time.Microsecond):
			}
		}
	}()
	return func() time.Duration {
		close(ending)
		<-ended
		return longest
	}
}

// longestPause is the longest of the collector's latest pauses.
func longestPause() time.Duration {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return time.Duration(slices.Max(m.PauseNs[:]))
}
