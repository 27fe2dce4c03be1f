package channelstest

import (
	"math/rand/v2"
	"runtime"
	"strconv"

	"cometproxy/channels"
)

var totals = []scenario{
	{name: "Total/holds after each publish", options: channels.Options{Total: 64 << 10, Shards: 1}, run: func(s *stage) {
		all := names("c", 300)
		for range 5000 {
			s.Publish(channels.Item{Channel: all[rand.IntN(len(all))], Size: rand.IntN(1000)})
			if st := s.Stats(); st.Bytes > 64<<10 {
				s.Fatalf("%d bytes kept", st.Bytes)
			}
		}
		if st := s.Stats(); st.Evicted == 0 || st.Bytes < 32<<10 || st.Published-st.Evicted != uint64(st.Messages) {
			s.Errorf("stats %+v", st)
		}
	}},

	{name: "Total/least recently published first", options: channels.Options{Total: 16 << 10, Shards: 1}, run: func(s *stage) {
		put := func(name string) uint64 {
			return s.Publish(channels.Item{Channel: name, Size: 1500}).Number
		}
		put("x0000") // 1
		put("x0001") // 2
		put("x0002") // 3
		put("x0000") // 4: x0001 is the oldest now
		s.look(0, "x0001")
		s.end(channels.ByGone, s.park(4, "x0001")) // neither looking nor parking is publishing
		fresh := names("y", 100)
		for s.Stats().Evicted == 0 {
			put(fresh[0])
			fresh = fresh[1:]
		}
		end := s.Position()
		if e := s.look(0, "x0000", "x0001", "x0002"); e.Cursor != end || len(e.Gaps) != 1 || e.Gaps[0] != "x0001" {
			s.Fatalf("gaps %q after the first eviction, want x0001", e.Gaps)
		}
		put(fresh[0])
		s.is(s.look(0, "x0000", "x0002"), end+1, []string{"x0002"}, 1, 4)
		put("x0000") // is the newest now, and the first y goes
		s.is(s.look(0, "y0000"), end+2, []string{"y0000"})
	}},

	{name: "Total/the newest of the one published is kept", options: channels.Options{Total: 16 << 10, Bytes: -1, Shards: 1}, run: func(s *stage) {
		s.publish("a") // 1
		s.publish("b") // 2
		w := s.park(2, "a")
		s.Publish(channels.Item{Channel: "b", Size: 1 << 20}) // 3
		s.is(s.look(2, "b"), 3, nil, 3)
		s.is(s.look(0, "a", "b"), 3, []string{"a", "b"}, 3)
		s.waits("a", 1) // who waits stays
		s.publish("b")  // 4: and the large one goes
		s.is(s.look(2, "b"), 4, []string{"b"}, 4)
		if st := s.Stats(); st.Messages != 1 || st.Evicted != 3 || st.Bytes > 16<<10 {
			s.Errorf("stats %+v", st)
		}
		n := s.publish("a")
		s.released(channels.ByMessage, w)
		s.is(w.Ending(), n, nil, n)
	}},
}

var memory = []scenario{
	// Clients that poll made-up names: with few tombstones, so that one that
	// was pushed out would show.
	{name: "Memory/made-up names leave nothing", options: channels.Options{Tombstones: 4, Shards: 1}, run: func(s *stage) {
		s.publish("real") // 1
		s.Delete("real")  // 2
		before := heap()
		made := func(prefix string, i int) []string { return []string{prefix + strconv.Itoa(i)} }
		q := channels.Query{Cursor: s.Cursor(2)}
		for i := range 1_000_000 {
			q.Channels = made("look", i)
			if e := s.Look(&q); !e.Empty() {
				s.Fatal("found something")
			}
		}
		const together = 1000
		holds := make([]hold, together)
		for i := range 100_000 / together {
			for j := range holds {
				w := &holds[j]
				q.Channels = made("park", i*together+j)
				s.prepareFree(w, &q, 2)
				if !s.Park(&w.Waiter, w.names) {
					s.Fatal("not parked")
				}
			}
			for j := range holds {
				w := &holds[j]
				s.end(channels.ByGone, w)
				s.Free(&w.Waiter)
			}
		}
		if st := s.Stats(); st.Channels != 0 || st.Tombstones != 1 || st.Gaps != 0 {
			s.Errorf("stats %+v", st)
		}
		s.is(s.look(0, "never"), 2, nil) // no watermark
		s.is(s.look(1, "real"), 2, []string{"real"})
		grown := heap() - before
		s.Logf("the heap grew by %d KiB", grown>>10)
		if grown > 3<<20 {
			s.Errorf("%d bytes are not given back", grown)
		}
		runtime.KeepAlive(holds)
	}},

	{name: "Memory/who stays when the crowd leaves is still found", options: channels.Options{Shards: 1}, run: func(s *stage) {
		var stay, crowd []*hold
		for _, name := range names("stay", 50) {
			stay = append(stay, s.park(0, name))
		}
		for _, name := range names("crowd", 5000) {
			crowd = append(crowd, s.park(0, name))
		}
		s.end(channels.ByGone, crowd...)
		if n := s.Stats().Channels; n != len(stay) {
			s.Errorf("%d channels", n)
		}
		for _, name := range names("stay", 50) {
			s.publish(name)
		}
		s.released(channels.ByMessage, stay...)
	}},

	{name: "Memory/what is parked at once comes back", options: channels.Options{Shards: 4}, run: func(s *stage) {
		before := heap()
		q := channels.Query{Cursor: s.Cursor(0)}
		const parked = 40_000
		holds := make([]hold, parked)
		for i := range holds {
			w := &holds[i]
			q.Channels = []string{"one" + strconv.Itoa(i), "all"}
			s.prepareFree(w, &q, 0)
			if !s.Park(&w.Waiter, w.names) {
				s.Fatal("not parked")
			}
		}
		full := heap() - before
		for i := range holds {
			s.end(channels.ByGone, &holds[i])
			s.Free(&holds[i].Waiter)
		}
		holds = nil
		rest := heap() - before
		s.Logf("%d bytes each, %d KiB left when they are gone", full/parked, rest>>10)
		if rest > 512<<10 {
			s.Errorf("%d bytes are not given back", rest)
		}
	}},
}

// heap is what is in use on the heap after a collection.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
