package channelstest

import (
	"math"
	"sync"

	"cometproxy/channels"
)

var parks = []scenario{
	{name: "Park/one message releases all, first come first", run: func(s *stage) {
		var holds []*hold
		for range 100 {
			holds = append(holds, s.park(0, "a"))
		}
		other := s.park(0, "b")
		s.waits("a", 100)
		r := s.Publish(channels.Item{Channel: "a", Data: "x", Size: 1})
		if r.Number != 1 || r.Released != 100 {
			s.Errorf("result %+v", r)
		}
		s.released(channels.ByMessage, holds...)
		for _, w := range holds {
			if m := w.Single(); m == nil || m.Number != 1 || m.Data != "x" || m.Size() != 1 || m.Channel != "a" {
				s.Fatalf("single %+v", m)
			}
			s.is(w.Ending(), 1, nil, 1)
			s.Free(&w.Waiter)
		}
		s.waits("a", 0)
		s.end(channels.ByGone, other)
	}},

	{name: "Park/a batch is one message", run: func(s *stage) {
		w := s.park(0, "a")
		s.publish("a")
		s.publish("a")
		b := s.taken()
		if len(b) != 1 || b[0].Message != w.Single() || b[0].Message.Number != 1 {
			s.Fatalf("batches %+v", b)
		}
		s.is(s.look(w.Ending().Cursor, "a"), 2, nil, 2)
	}},

	{name: "Park/on several channels, released once", run: func(s *stage) {
		w := s.park(0, "a", "b", "c")
		for _, name := range []string{"a", "b", "c"} {
			s.waits(name, 1)
		}
		if r := s.Publish(channels.Item{Channel: "b"}); r.Released != 1 {
			s.Errorf("released %d", r.Released)
		}
		s.released(channels.ByMessage, w)
		if w.Single() == nil {
			s.Error("one message, but not single")
		}
		s.is(w.Ending(), 1, nil, 1)
		for _, name := range []string{"a", "b", "c"} {
			s.waits(name, 0)
			if r := s.Publish(channels.Item{Channel: name}); r.Released != 0 {
				s.Errorf("%s released %d again", name, r.Released)
			}
		}
	}},

	{name: "Park/finds what came between look and park", run: func(s *stage) {
		for i, names := range [][]string{{"a"}, {"a", "b"}, {"b", "a"}, {"b", "a", "c"}} {
			seen := s.look(uint64(i), "a", "b", "c").Cursor
			n := s.publish("a")
			w := s.turnedAway(seen, names...)
			s.is(w.Ending(), n, nil, n)
			if e := w.Ending(); e.Reason != channels.ByMessage {
				s.Errorf("by %v", e.Reason)
			}
			for _, name := range names {
				s.waits(name, 0)
			}
		}
	}},

	{name: "Park/finds a loss between look and park", options: channels.Options{Messages: -1}, run: func(s *stage) {
		n := s.publish("a")
		s.is(s.turnedAway(n-1, "b", "a").Ending(), n, []string{"a"})
		s.end(channels.ByGone, s.park(n, "b", "a"))
	}},

	{name: "Park/an old position looks at limits too", run: func(s *stage) {
		for range 5 {
			s.publish("a")
			s.publish("b")
		}
		w := s.prepare(&channels.Query{Channels: []string{"a", "b"}, MaxMessages: 3}, 2)
		if s.Park(&w.Waiter, w.names) {
			s.Fatal("parked")
		}
		s.is(w.Ending(), 5, nil, 3, 4, 5)
		w = s.prepare(&channels.Query{Channels: []string{"a", "b"}, MaxMessages: math.MaxInt, MaxBytes: math.MaxInt}, 2)
		if s.Park(&w.Waiter, w.names) {
			s.Fatal("parked")
		}
		s.is(w.Ending(), 10, nil, 3, 4, 5, 6, 7, 8, 9, 10)
		large := int64(1<<32 + 1) // where int has 64 bits
		w = s.prepare(&channels.Query{Channels: []string{"a", "b"}, MaxMessages: int(large), MaxBytes: int(large)}, 2)
		if s.Park(&w.Waiter, w.names) {
			s.Fatal("parked")
		}
		s.is(w.Ending(), 10, nil, 3, 4, 5, 6, 7, 8, 9, 10)
	}},

	{name: "Park/forms that do not match", run: func(s *stage) {
		native := s.park(0, "a")
		grip := s.parkQuery(&channels.Query{Channels: []string{"a"}, Accepts: channels.HTTPResponse}, 0)
		if r := s.Publish(channels.Item{Channel: "a", Forms: 1 << 7}); r.Released != 0 {
			s.Errorf("released %d", r.Released)
		}
		s.noneReleased()
		s.Publish(channels.Item{Channel: "a", Forms: channels.HTTPResponse}) // 2
		s.released(channels.ByMessage, grip)
		s.is(grip.Ending(), 2, nil, 2)
		s.waits("a", 1)
		s.park(0, "a").mustEnd(s, 2) // what does not match keeps nobody from parking
		s.publish("a")               // 3
		s.released(channels.ByMessage, native)
		s.is(native.Ending(), 3, nil, 3)
	}},

	{name: "Park/free and use again", run: func(s *stage) {
		w := s.prepare(after(0, s.Engine, "a", "b", "c"), 0)
		gens := map[uint32]bool{}
		for i, names := range [][]string{{"a"}, {"a", "b", "c"}, {"b"}, {"c", "d"}, {"d", "a", "b", "c"}, {"a"}} {
			if i > 0 {
				s.prepareFree(w, after(0, s.Engine, names...), s.Position())
			}
			if gens[w.gen] || w.gen == 0 || w.gen != w.Generation() {
				s.Fatalf("generation %d, had %v", w.gen, gens)
			}
			gens[w.gen] = true
			if !s.Park(&w.Waiter, w.names) {
				s.Fatal("not parked")
			}
			n := s.publish("a")
			if i == 2 || i == 3 {
				s.noneReleased()
				s.end(channels.ByDeadline, w)
				s.is(w.Ending(), n, nil)
			} else {
				s.released(channels.ByMessage, w)
				s.is(w.Ending(), n, nil, n)
			}
			s.Free(&w.Waiter)
		}
	}},

	{name: "Park/used again, turned away", run: func(s *stage) {
		w := s.park(0, "a", "b", "c")
		s.end(channels.ByDeadline, w)
		s.Free(&w.Waiter)
		s.publish("d") // 1
		s.publish("a") // 2: no business of the next wait
		for _, names := range [][]string{{"d", "e", "f"}, {"e", "d", "f"}, {"d"}, {"d", "e"}} {
			s.prepareFree(w, after(0, s.Engine, names...), 0)
			if s.Park(&w.Waiter, w.names) {
				s.Fatal("parked")
			}
			s.is(w.Ending(), 2, nil, 1)
			s.Free(&w.Waiter)
		}
		for _, why := range []channels.Reason{channels.ByGone, channels.ByDeadline} { // ended before any link
			s.prepareFree(w, after(0, s.Engine, "e", "f"), 2)
			s.End(&w.Waiter, w.gen, why)
			if s.Park(&w.Waiter, w.names) {
				s.Fatal("parked")
			}
			s.is(w.Ending(), 2, nil)
			s.Free(&w.Waiter)
		}
	}},

	{name: "Park/what must not be", run: func(s *stage) {
		w := s.park(0, "a")
		s.panics("Free of a parked waiter", func() { s.Free(&w.Waiter) })
		s.panics("Prepare of a parked waiter", func() { s.Prepare(&w.Waiter, after(0, s.Engine, "a"), 0) })
		s.end(channels.ByGone, w)
		s.Free(&w.Waiter)
		s.panics("Free of a free waiter", func() { s.Free(&w.Waiter) })
		s.panics("Prepare without channels", func() { s.Prepare(&w.Waiter, after(0, s.Engine), 0) })
	}},

	{name: "Park/publishers and deadlines race for each waiter", run: func(s *stage) {
		for range 2000 {
			from := s.Position()
			w := s.park(from, "a", "b")
			var publishers sync.WaitGroup
			publishers.Go(func() { s.publish("a") })
			publishers.Go(func() { s.publish("b") })
			ended := s.End(&w.Waiter, w.gen, channels.ByDeadline)
			publishers.Wait()
			if b := s.taken(); ended != (len(b) == 0) || len(b) > 1 {
				s.Fatalf("End says %v, %d batches", ended, len(b))
			}
			// What it was told and what a look finds from there is each message once.
			e := w.Ending()
			rest := s.look(e.Cursor, "a", "b")
			e.Messages, e.Cursor = append(e.Messages, rest.Messages...), rest.Cursor
			s.is(e, from+2, nil, from+1, from+2)
			s.Free(&w.Waiter)
		}
	}},
}

func (w *hold) mustEnd(s *stage, cursor uint64) {
	s.Helper()
	s.end(channels.ByDeadline, w)
	s.is(w.Ending(), cursor, nil)
}

func (s *stage) panics(what string, f func()) {
	s.Helper()
	defer func() {
		if recover() == nil {
			s.Errorf("%s does not panic", what)
		}
	}()
	f()
}
