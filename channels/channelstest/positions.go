package channelstest

import (
	"math"
	"time"

	"cometproxy/channels"
)

// publishAs publishes a small native message that has an id.
func (s *stage) publishAs(name, id string) uint64 {
	return s.Publish(channels.Item{Channel: name, ID: id, Size: 10}).Number
}

// at checks where the newest message of that id is; 0 is nowhere.
func (s *stage) at(name, id string, want uint64) {
	s.Helper()
	if n, ok := s.PositionOf(name, id); n != want || ok != (want > 0) {
		s.Errorf("%s of %s is at %d, %v; want %d", id, name, n, ok, want)
	}
}

// from asks for what each channel has after a position of its own.
func from(positions []uint64, names ...string) *channels.Query {
	return &channels.Query{Channels: names, From: positions}
}

var positions = []scenario{
	{name: "Number/this hub's past only", run: func(s *stage) {
		s.publish("a")
		s.publish("a")
		other := s.Cursor(1)
		other.Epoch++
		for c, want := range map[channels.Cursor]uint64{s.Cursor(1): 1, s.Cursor(2): 2, s.Cursor(3): 0, s.Cursor(math.MaxUint64): 0, other: 0, {Number: 1}: 0} {
			if n, ok := s.Number(c); n != want || ok != (want > 0) {
				s.Errorf("%v is %d, %v; want %d", c, n, ok, want)
			}
		}
		if n, ok := s.Number(s.Cursor(0)); n != 0 || !ok {
			s.Errorf("the beginning is %d, %v", n, ok)
		}
	}},

	{name: "PositionOf/the newest of its channel", run: func(s *stage) {
		s.publishAs("a", "x") // 1
		s.publishAs("b", "x") // 2
		s.publishAs("a", "y") // 3
		s.publish("a")        // 4
		s.at("a", "x", 1)
		s.at("b", "x", 2)
		s.at("a", "y", 3)
		s.publishAs("a", "x") // 5
		s.at("a", "x", 5)
		s.at("b", "x", 2)
		for _, name := range []string{"a", "b", "never"} {
			s.at(name, "z", 0)
			s.at(name, "", 0) // although 4 has none
		}
		if m := s.look(4, "a").Messages[0]; m.ID != "x" {
			s.Errorf("id %q, want x", m.ID)
		}
		if n := s.Stats().Channels; n != 2 {
			s.Errorf("%d channels, want those published to", n)
		}
	}},

	{name: "PositionOf/whatever its forms", run: func(s *stage) {
		w := s.parkQuery(&channels.Query{Channels: []string{"a"}, Accepts: channels.Native | channels.HTTPResponse}, 0)
		s.Publish(channels.Item{Channel: "a", ID: "x", Forms: channels.HTTPStream}) // 1
		s.Publish(channels.Item{Channel: "a", ID: "y", Forms: channels.WSMessage})  // 2
		s.noneReleased()
		s.at("a", "x", 1)
		s.at("a", "y", 2)
		s.is(s.look(0, "a"), 2, nil)
		s.end(channels.ByDeadline, w)
		s.is(w.Ending(), 2, nil)
	}},

	{name: "PositionOf/lost", options: channels.Options{Messages: 2}, run: func(s *stage) {
		s.publishAs("a", "x") // 1
		s.publishAs("a", "y") // 2
		s.at("a", "x", 1)
		s.publishAs("a", "z") // 3
		s.at("a", "x", 0)
		s.at("a", "y", 2)
		s.Delete("a") // 4
		s.at("a", "y", 0)
		s.at("a", "z", 0)
	}},

	{name: "PositionOf/over its age", virtual: true, options: channels.Options{Age: time.Minute}, run: func(s *stage) {
		s.publishAs("a", "x") // 1
		s.publishAs("b", "x") // 2
		w := s.park(2, "b")
		time.Sleep(30 * time.Second)
		s.publishAs("a", "y") // 3
		time.Sleep(30 * time.Second)
		s.at("a", "x", 1)
		time.Sleep(tick)
		s.at("a", "x", 0)
		s.at("a", "y", 3)
		s.at("b", "x", 0)
		s.waits("b", 1)
		s.is(s.Look(from([]uint64{1, 2}, "a", "b")), 3, nil, 3)
		time.Sleep(time.Minute)
		s.at("a", "y", 0)
		if n := s.Stats().Channels; n != 1 {
			s.Errorf("%d channels, want the one that is waited on", n)
		}
		s.is(s.Look(from([]uint64{2, 1}, "a", "b")), 3, []string{"a", "b"})
		s.end(channels.ByGone, w)
	}},

	{name: "From/each channel from its own", run: func(s *stage) {
		for _, name := range []string{"b", "a", "c", "a", "b", "c", "c", "a"} { // 1 to 8
			s.publish(name)
		}
		s.is(s.Look(from([]uint64{4, 0, 6}, "a", "b", "c")), 8, nil, 1, 5, 7, 8)
		s.is(s.Look(from([]uint64{6, 4, 0}, "c", "a", "b")), 8, nil, 1, 5, 7, 8)
		s.is(s.Look(from([]uint64{8, 8, 0}, "a", "b", "c")), 8, nil, 3, 6, 7)
		s.is(s.Look(from([]uint64{8, 5, 7, 0}, "a", "b", "c", "d")), 8, nil)
	}},

	{name: "From/takes the cursor's place", run: func(s *stage) {
		s.publish("a") // 1
		s.publish("a") // 2
		q := from([]uint64{1}, "a")
		for _, c := range []channels.Cursor{{}, s.Cursor(0), s.Cursor(2), s.Cursor(99)} {
			q.Cursor = c
			s.is(s.Look(q), 2, nil, 2)
		}
		q.Start = channels.Earliest // has no use for it
		s.is(s.Look(q), 2, nil, 1, 2)
		q.Start = channels.Now
		s.is(s.Look(q), 2, nil)
	}},

	{name: "From/a gap per channel", options: channels.Options{Messages: 2}, run: func(s *stage) {
		for range 3 {
			s.publish("a") // 1, 3, 5
			s.publish("b") // 2, 4, 6
		}
		s.is(s.Look(from([]uint64{0, 2}, "a", "b")), 6, []string{"a"}, 3, 4, 5, 6)
		s.is(s.Look(from([]uint64{1, 1}, "a", "b")), 6, []string{"b"}, 3, 4, 5, 6)
		s.is(s.Look(from([]uint64{1, 2}, "a", "b")), 6, nil, 3, 4, 5, 6)
		s.Delete("c") // 7, and c has no entry
		s.is(s.Look(from([]uint64{5, 7, 6}, "a", "b", "c")), 7, []string{"c"})
		s.is(s.Look(from([]uint64{5, 6, 7}, "a", "b", "c")), 7, nil)
		if n := s.Stats().Gaps; n != 3 {
			s.Errorf("%d gaps counted, want 3", n)
		}
	}},

	{name: "From/the future is a gap, on its channel", run: func(s *stage) {
		s.publish("a") // 1
		s.publish("b") // 2
		for _, n := range []uint64{3, 1 << 63, math.MaxUint64} {
			s.is(s.Look(from([]uint64{0, n, 2}, "a", "b", "c")), 2, []string{"b"}, 1, 2)
			s.is(s.Look(from([]uint64{n, 1, n}, "a", "b", "c")), 2, []string{"a", "c"}, 1, 2)
		}
	}},

	{name: "From/cut at a limit", run: func(s *stage) {
		for _, name := range []string{"a", "b", "a", "a", "b", "b"} { // 1 to 6
			s.publish(name)
		}
		q := from([]uint64{0, 5}, "a", "b")
		q.MaxMessages = 2
		s.is(s.Look(q), 3, nil, 1, 3)
		s.is(s.look(3, "a", "b"), 6, nil, 4, 5, 6) // 5 comes again
		q.From = []uint64{3, 5}                    // the larger of the two
		s.is(s.Look(q), 6, nil, 4, 6)
	}},

	{name: "From/and then parked after the look", run: func(s *stage) {
		s.publishAs("a", "x") // 1
		s.publishAs("b", "y") // 2
		q := from([]uint64{1, 2}, "a", "b")
		e := s.Look(q)
		s.is(e, 2, nil)
		w := s.parkQuery(q, e.Cursor)
		s.publish("b")
		s.released(channels.ByMessage, w)
		s.is(w.Ending(), 3, nil, 3)
	}},
}
