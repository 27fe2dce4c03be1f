package channelstest

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"cometproxy/channels"
)

var drains = []scenario{
	{name: "Drain/ends every wait once, now and from now on", run: func(s *stage) {
		s.publish("kept") // 1
		all := names("c", 200)
		var holds []*hold
		for i := range all {
			holds = append(holds, s.park(1, all[i:min(i+3, len(all))]...))
		}
		holds = append(holds, s.parkQuery(&channels.Query{Channels: []string{"kept"}, Accepts: channels.HTTPResponse}, 1))
		under := s.prepare(after(1, s.Engine, "c0001", "x"), 1)
		s.Drain()
		got := s.taken()
		seen := map[*hold]bool{}
		for _, b := range got {
			if b.Reason != channels.ByDrain || b.Len != len(b.holds) {
				s.Fatalf("batch %+v", b)
			}
			for _, w := range b.holds {
				if e := w.Ending(); seen[w] || e.Reason != channels.ByDrain {
					s.Fatalf("ended twice, or by %v", e.Reason)
				}
				seen[w] = true
				s.is(w.Ending(), 1, nil)
			}
		}
		if len(seen) != len(holds) {
			s.Errorf("%d ended, want %d", len(seen), len(holds))
		}
		if s.Park(&under.Waiter, under.names) {
			s.Fatal("parked after the drain")
		}
		for _, w := range []*hold{under, s.turnedAway(1, "c0001"), s.turnedAway(1, "new", "kept")} {
			s.is(w.Ending(), 1, nil)
			if e := w.Ending(); e.Reason != channels.ByDrain {
				s.Errorf("by %v", e.Reason)
			}
		}
		if st := s.Stats(); st.Channels != 1 || st.Ended[channels.ByDrain] != uint64(len(holds)+3) {
			s.Errorf("stats %+v", st)
		}
		s.is(s.look(0, "kept"), 1, nil, 1) // publishing and looking go on
		s.publish("kept")                  // 2
		s.is(s.look(1, "kept"), 2, nil, 2)
		w := s.turnedAway(1, "kept") // and whoever is turned away is told
		s.is(w.Ending(), 2, nil, 2)
		s.Drain() // twice is not too much
		s.noneReleased()
	}},

	{name: "Drain/while many park", run: func(s *stage) {
		var wg sync.WaitGroup
		var parked, away atomic.Int64
		started := make(chan bool, 8)
		for i := range 8 {
			wg.Go(func() {
				all := names("c", 16)
				for j := range 400 {
					if j == 50 {
						started <- true
					}
					w := s.prepare(after(0, s.Engine, all[(i+j)%16], all[(i+j+5)%16], all[(i+j+11)%16]), 0)
					if s.Park(&w.Waiter, w.names) {
						parked.Add(1)
					} else if e := w.Ending(); e.Reason == channels.ByDrain {
						away.Add(1)
					}
				}
			})
		}
		<-started
		s.Drain()
		wg.Wait()
		n := 0
		for _, b := range s.taken() {
			n += len(b.holds)
		}
		if int64(n) != parked.Load() || n+int(away.Load()) != 8*400 {
			s.Errorf("%d parked, %d released, %d turned away", parked.Load(), n, away.Load())
		}
		s.Logf("%d of %d were parked", n, 8*400)
	}},
}

var lists = []scenario{
	{name: "List/pages in order", run: func(s *stage) {
		for _, name := range names("b/", 500) {
			s.publish(name)
		}
		all := slices.Concat(names("a/", 450), []string{"a/x", "a0", "z"})
		for _, name := range all {
			s.park(0, name)
		}
		whole, more := s.List("", "", 10_000)
		if len(whole) != 953 || more {
			s.Fatalf("%d channels, more %v", len(whole), more)
		}
		byName := func(a, b channels.Info) int { return cmp.Compare(a.Name, b.Name) }
		if !slices.IsSortedFunc(whole, byName) {
			s.Error("not sorted")
		}
		for _, limit := range []int{1, 7, 100, 450, 451, 500} {
			for _, prefix := range []string{"", "a/", "b/", "b/049", "q"} {
				var want, got []string
				for _, i := range whole {
					if len(i.Name) >= len(prefix) && i.Name[:len(prefix)] == prefix {
						want = append(want, i.Name)
					}
				}
				for more, last := true, ""; more; {
					var page []channels.Info
					page, more = s.List(prefix, last, limit)
					if len(page) > limit || more && len(page) < limit {
						s.Fatalf("a page of %d, limit %d, more %v", len(page), limit, more)
					}
					for _, i := range page {
						got = append(got, i.Name)
						last = i.Name
					}
				}
				if !slices.Equal(got, want) {
					s.Errorf("prefix %q, limit %d: %d channels, want %d", prefix, limit, len(got), len(want))
				}
			}
		}
		if page, more := s.List("", "", math.MaxInt); len(page) != 953 || more {
			s.Errorf("%d channels, more %v", len(page), more)
		}
		for _, limit := range []int{0, -1, math.MinInt} { // senseless, but no harm
			if page, more := s.List("", "", limit); len(page) > 1 || !more {
				s.Errorf("limit %d: %d channels, more %v", limit, len(page), more)
			}
		}
		s.Drain()
		s.taken()
	}},

	{name: "List/describes", virtual: true, options: channels.Options{Age: time.Minute}, run: func(s *stage) {
		if _, ok := s.Info("a"); ok {
			s.Error("info of nothing")
		}
		s.publish("a")
		s.publish("a") // 2
		first := s.park(2, "a", "b")
		time.Sleep(3 * time.Second)
		second := s.park(2, "a")
		time.Sleep(2 * time.Second)
		want := func(infos ...channels.Info) {
			s.Helper()
			page, _ := s.List("", "", 10)
			if !slices.Equal(page, infos) {
				s.Errorf("list %+v, want %+v", page, infos)
			}
			for _, w := range infos {
				if i, ok := s.Info(w.Name); !ok || i != w {
					s.Errorf("info %+v, want %+v", i, w)
				}
			}
		}
		want(channels.Info{Name: "a", Waiters: 2, Messages: 2, Last: 2, OldestWaiter: 5 * time.Second},
			channels.Info{Name: "b", Waiters: 1, OldestWaiter: 5 * time.Second})
		s.end(channels.ByGone, first)
		want(channels.Info{Name: "a", Waiters: 1, Messages: 2, Last: 2, OldestWaiter: 2 * time.Second})
		s.end(channels.ByGone, second)
		want(channels.Info{Name: "a", Messages: 2, Last: 2})
		time.Sleep(time.Minute + tick)
		if i, ok := s.Info("a"); ok {
			s.Errorf("what is over its age shows: %+v", i)
		}
		want()
	}},
}
