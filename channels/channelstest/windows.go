package channelstest

import (
	"math"
	"time"

	"cometproxy/channels"
)

var windows = []scenario{
	{name: "Window/by count", options: channels.Options{Messages: 3, Shards: 1}, run: func(s *stage) {
		for n := range uint64(3) {
			s.publish("a")
			s.is(s.look(0, "a"), n+1, nil, []uint64{1, 2, 3}[:n+1]...)
		}
		s.publish("b") // 4: a's window is its own
		s.publish("a") // 5: 1 is lost
		s.is(s.look(0, "a", "b"), 5, []string{"a"}, 2, 3, 4, 5)
		s.is(s.look(1, "a", "b"), 5, nil, 2, 3, 4, 5)
		for range 20 {
			s.publish("a")
		}
		s.is(s.look(21, "a"), 25, []string{"a"}, 23, 24, 25)
		s.is(s.look(22, "a"), 25, nil, 23, 24, 25)
		if i, _ := s.Info("a"); i.Messages != 3 || i.Last != 25 {
			s.Errorf("info %+v", i)
		}
	}},

	{name: "Window/of one", options: channels.Options{Messages: 1}, run: func(s *stage) {
		s.publish("a")
		s.publish("a")
		s.is(s.look(0, "a"), 2, []string{"a"}, 2)
		s.is(s.look(1, "a"), 2, nil, 2)
	}},

	{name: "Window/off", options: channels.Options{Messages: -1}, run: func(s *stage) {
		w := s.park(0, "a")
		s.publish("a")
		s.released(channels.ByMessage, w)
		s.is(w.Ending(), 1, nil, 1)
		s.is(s.look(0, "a"), 1, []string{"a"})
		s.is(s.look(1, "a"), 1, nil)
		s.is(s.look(0, "b"), 1, nil)
		if st := s.Stats(); st.Messages != 0 || st.Bytes != 0 || st.Channels != 0 {
			s.Errorf("stats %+v", st)
		}
	}},

	{name: "Window/by bytes", options: channels.Options{Bytes: 10_000}, run: func(s *stage) {
		put := func(size int) { s.Publish(channels.Item{Channel: "a", Size: size}) }
		put(4000)
		put(4000)
		s.is(s.look(0, "a"), 2, nil, 1, 2)
		put(4000)
		s.is(s.look(0, "a"), 3, []string{"a"}, 2, 3)
		s.is(s.look(1, "a"), 3, nil, 2, 3)
		put(50_000) // larger than the bound, but the newest
		s.is(s.look(3, "a"), 4, nil, 4)
		s.is(s.look(2, "a"), 4, []string{"a"}, 4)
		put(10)
		s.is(s.look(3, "a"), 5, []string{"a"}, 5)
		s.is(s.look(4, "a"), 5, nil, 5)
	}},

	{name: "Window/bytes off, much in it", options: channels.Options{Bytes: -1, Total: -1, Messages: math.MaxInt, Age: math.MaxInt64}, run: func(s *stage) {
		for range 10_000 {
			s.Publish(channels.Item{Channel: "a", Size: 1 << 30})
		}
		if st := s.Stats(); st.Messages != 10_000 || st.Bytes < 10_000<<30 || st.Evicted != 0 {
			s.Errorf("stats %+v", st)
		}
		s.is(s.look(9_998, "a"), 10_000, nil, 9_999, 10_000)
		s.Delete("a")
		if st := s.Stats(); st.Messages != 0 || st.Bytes != 0 {
			s.Errorf("stats %+v", st)
		}
	}},

	{name: "Window/by age", virtual: true, options: channels.Options{Age: time.Minute}, run: func(s *stage) {
		s.publish("a") // 1
		time.Sleep(30 * time.Second)
		s.publish("a") // 2
		s.publish("b") // 3
		time.Sleep(30 * time.Second)
		s.is(s.look(0, "a", "b"), 3, nil, 1, 2, 3) // as old as it may be
		time.Sleep(tick)
		s.is(s.look(0, "a", "b"), 3, []string{"a"}, 2, 3)
		s.is(s.look(1, "a", "b"), 3, nil, 2, 3)
		time.Sleep(time.Minute)
		s.is(s.look(1, "a"), 3, []string{"a"}) // nobody swept, and yet
		s.is(s.look(2, "a"), 3, nil)
		if st := s.Stats(); st.Channels != 1 || st.Messages != 1 {
			s.Errorf("before the sweep: %+v", st)
		}
		s.Sweep()
		if st := s.Stats(); st.Channels != 0 || st.Messages != 0 || st.Bytes != 0 {
			s.Errorf("after the sweep: %+v", st)
		}
		s.is(s.look(2, "b"), 3, []string{"b"})
	}},

	{name: "Window/publishing drops what is over its age", virtual: true, options: channels.Options{Age: time.Minute}, run: func(s *stage) {
		for range 10 {
			s.publish("a")
		}
		time.Sleep(time.Minute + tick)
		s.publish("a") // 11
		if n := s.Stats().Messages; n != 1 {
			s.Errorf("%d messages", n)
		}
		s.is(s.look(9, "a"), 11, []string{"a"}, 11)
		s.is(s.look(10, "a"), 11, nil, 11)
	}},

	{name: "Window/age off and endless", virtual: true, options: channels.Options{Age: -1}, run: func(s *stage) {
		s.publish("a")
		time.Sleep(100 * 365 * 24 * time.Hour)
		s.Sweep()
		s.is(s.look(0, "a"), 1, nil, 1)
	}},

	{name: "Window/the longest age is no age", virtual: true, options: channels.Options{Age: math.MaxInt64, KeyAge: math.MaxInt64}, run: func(s *stage) {
		time.Sleep(time.Second)
		_, _, _ = s.PublishOnce(channels.Item{Channel: "a"}, "k", [32]byte{})
		time.Sleep(time.Hour)
		s.Sweep()
		s.is(s.look(0, "a"), 1, nil, 1)
		if n := s.Stats().Keys; n != 1 {
			s.Errorf("%d keys", n)
		}
	}},

	{name: "Window/sweep takes the old only", virtual: true, options: channels.Options{Age: time.Minute, Shards: 2}, run: func(s *stage) {
		for _, name := range names("old", 2000) {
			s.publish(name)
		}
		w := s.park(s.Position(), "old0007")
		time.Sleep(time.Minute)
		s.publish("old0005")
		fresh := s.publish("new")
		time.Sleep(tick)
		s.Sweep()
		if st := s.Stats(); st.Channels != 3 || st.Messages != 2+1 { // old0005 has its old message still
			s.Errorf("stats %+v", st)
		}
		s.is(s.look(fresh-1, "new", "old0005"), fresh, nil, fresh)
		s.is(s.look(5, "old0005"), fresh, []string{"old0005"}, fresh-1)
		s.is(s.look(7, "old0007"), fresh, []string{"old0007"})
		s.is(s.look(8, "old0007"), fresh, nil)
		s.waits("old0007", 1)
		s.end(channels.ByDeadline, w)
		s.is(w.Ending(), fresh, nil)
	}},

	{name: "Window/coming back to an idle channel is no gap", virtual: true, options: channels.Options{Age: time.Minute}, run: func(s *stage) {
		s.publish("a")
		s.publish("b")
		seen := s.look(0, "a", "b").Cursor
		for range 5 {
			time.Sleep(2 * time.Minute)
			s.Sweep()
			s.is(s.look(seen, "a", "b"), s.Position(), nil)
			w := s.park(seen, "a", "b")
			s.publish("elsewhere")
			time.Sleep(2 * time.Minute)
			s.end(channels.ByDeadline, w)
			s.is(w.Ending(), s.Position(), nil)
		}
		time.Sleep(time.Minute)
		n := s.publish("b")
		s.is(s.look(seen, "a", "b"), n, nil, n)
	}},
}

var tombstones = []scenario{
	{name: "Tombstone/a channel made again takes over its number", virtual: true, options: channels.Options{Age: time.Minute}, run: func(s *stage) {
		s.publish("a") // 1
		s.publish("b") // 2
		time.Sleep(time.Minute + tick)
		s.Sweep()
		if st := s.Stats(); st.Channels != 0 || st.Tombstones != 2 {
			s.Errorf("stats %+v", st)
		}
		s.is(s.look(0, "a", "b", "c"), 2, []string{"a", "b"})
		s.is(s.look(1, "a", "b", "c"), 2, []string{"b"})
		s.is(s.look(2, "a", "b", "c"), 2, nil)
		s.publish("b") // 3
		s.is(s.look(1, "b"), 3, []string{"b"}, 3)
		s.is(s.look(2, "b"), 3, nil, 3)
		s.end(channels.ByGone, s.park(3, "a")) // made and gone again
		s.is(s.look(0, "a"), 3, []string{"a"})
		s.is(s.look(1, "a"), 3, nil)
		time.Sleep(time.Minute + tick)
		s.Sweep()
		s.is(s.look(2, "b"), 3, []string{"b"})
		s.is(s.look(3, "b"), 3, nil)
		if st := s.Stats(); st.Tombstones != 2 {
			s.Errorf("stats %+v", st)
		}
	}},

	{name: "Tombstone/overflow raises the watermark", options: channels.Options{Messages: -1, Tombstones: 4, Shards: 1}, run: func(s *stage) {
		quiet := s.park(0, "quiet")
		for _, name := range names("c", 10) { // numbers 1 to 10
			s.publish(name)
		}
		if st := s.Stats(); st.Tombstones != 4 {
			s.Errorf("%d tombstones", st.Tombstones)
		}
		s.is(s.look(5, "never", "c0004"), 10, []string{"c0004", "never"}) // 6 is the watermark
		s.is(s.look(6, "never", "c0004"), 10, nil)
		for i, name := range names("c", 10)[6:] {
			n := uint64(7 + i) // has its tombstone still
			s.is(s.look(n-1, name), 10, []string{name})
			s.is(s.look(n, name), 10, nil)
		}
		s.is(s.turnedAway(5, "new").Ending(), 10, []string{"new"})
		s.end(channels.ByGone, s.park(6, "new"))
		s.waits("quiet", 1)
		s.publish("quiet") // 11: whoever waited the whole time has no gap
		s.released(channels.ByMessage, quiet)
		s.is(quiet.Ending(), 11, nil, 11)
	}},

	{name: "Tombstone/a channel used again and again has one", options: channels.Options{Messages: -1, Tombstones: 4, Shards: 1}, run: func(s *stage) {
		s.publish("real") // 1
		for range 1000 {
			s.publish("busy")
		}
		if st := s.Stats(); st.Tombstones != 2 {
			s.Errorf("%d tombstones", st.Tombstones)
		}
		s.is(s.look(0, "never", "real"), 1001, []string{"real"}) // the watermark is 0 still
		s.is(s.look(1, "never", "real"), 1001, nil)
		s.is(s.look(1000, "busy"), 1001, []string{"busy"})
	}},

	{name: "Tombstone/off", options: channels.Options{Messages: -1, Tombstones: -1, Shards: 1}, run: func(s *stage) {
		s.publish("a")
		s.is(s.look(0, "a"), 1, []string{"a"})
		s.is(s.look(0, "b"), 1, []string{"b"})
		s.is(s.look(1, "a", "b"), 1, nil)
		if st := s.Stats(); st.Tombstones != 0 {
			s.Errorf("stats %+v", st)
		}
	}},
}
