package channelstest

import "cometproxy/channels"

var endings = []scenario{
	{name: "End/with nothing to tell", run: func(s *stage) {
		for _, why := range []channels.Reason{channels.ByDeadline, channels.ByGone} {
			w := s.park(s.Position(), "a", "b")
			n := s.publish("elsewhere")
			s.end(why, w)
			s.is(w.Ending(), n, nil)
			if w.Single() != nil {
				s.Error("single of nothing")
			}
			s.waits("a", 0)
			s.waits("b", 0)
			if s.End(&w.Waiter, w.gen, why) {
				s.Error("ended twice")
			}
		}
		if st := s.Stats(); st.Ended[channels.ByDeadline] != 1 || st.Ended[channels.ByGone] != 1 || st.Accepted != 2 {
			s.Errorf("stats %+v", st)
		}
	}},

	{name: "End/finds the news of another form in its cursor", run: func(s *stage) {
		w := s.park(0, "a")
		n := s.Publish(channels.Item{Channel: "a", Forms: channels.HTTPResponse}).Number
		s.end(channels.ByDeadline, w)
		s.is(w.Ending(), n, nil)
	}},

	{name: "End/before Park", run: func(s *stage) {
		for _, why := range []channels.Reason{channels.ByDeadline, channels.ByGone} {
			w := s.prepare(after(0, s.Engine, "a", "b"), s.Position())
			if s.End(&w.Waiter, w.gen, why) {
				s.Fatal("End of a waiter that its parker has")
			}
			n := s.publish("elsewhere")
			if s.Park(&w.Waiter, w.names) {
				s.Fatal("parked after its end")
			}
			s.is(w.Ending(), n, nil)
			if e := w.Ending(); e.Reason != why {
				s.Errorf("by %v, want %v", e.Reason, why)
			}
			s.waits("a", 0)
			s.Free(&w.Waiter)
		}
	}},

	{name: "End/before Park, with news", run: func(s *stage) {
		w := s.prepare(after(0, s.Engine, "a", "b"), 0)
		s.End(&w.Waiter, w.gen, channels.ByDeadline)
		s.End(&w.Waiter, w.gen, channels.ByGone) // too late
		s.publish("b")
		if s.Park(&w.Waiter, w.names) {
			s.Fatal("parked after its end")
		}
		s.is(w.Ending(), 1, nil, 1)
		if e := w.Ending(); e.Reason != channels.ByDeadline {
			s.Errorf("by %v, want the first reason", e.Reason)
		}
	}},

	{name: "End/of another generation", run: func(s *stage) {
		w := s.park(0, "a")
		for _, gen := range []uint32{0, w.gen - 1, w.gen + 1, w.gen + 1<<31} {
			if s.End(&w.Waiter, gen, channels.ByDeadline) {
				s.Fatalf("generation %d ended %d", gen, w.gen)
			}
		}
		old := w.gen
		s.end(channels.ByDeadline, w)
		s.Free(&w.Waiter)
		if s.End(&w.Waiter, old, channels.ByDeadline) {
			s.Fatal("a free waiter was ended")
		}
		s.prepareFree(w, after(0, s.Engine, "b"), 0)
		s.End(&w.Waiter, old, channels.ByGone)
		if !s.Park(&w.Waiter, w.names) {
			s.Fatal("a stale End woke the parker")
		}
		if s.End(&w.Waiter, old, channels.ByGone) {
			s.Fatal("a stale End ended the next wait")
		}
		s.waits("b", 1)
		s.publish("b")
		s.released(channels.ByMessage, w)
	}},
}

var deletes = []scenario{
	{name: "Delete/ends waits with a gap", run: func(s *stage) {
		s.publish("a")        // 1
		one := s.park(1, "a") // knows 1
		two := s.park(1, "b", "a")
		r := s.Delete("a")
		if r.Number != 2 || r.Released != 2 {
			s.Errorf("result %+v", r)
		}
		s.released(channels.ByDelete, one, two)
		s.is(one.Ending(), 2, []string{"a"})
		s.is(two.Ending(), 2, []string{"a"})
		if one.Single() != nil {
			s.Error("single of nothing")
		}
		s.waits("b", 0)
		s.end(channels.ByGone, s.park(one.Ending().Cursor, "a"))
	}},

	{name: "Delete/older cursors are gaps, newer are not", run: func(s *stage) {
		s.publish("a") // 1
		s.publish("b") // 2
		s.Delete("a")  // 3
		for n := range uint64(3) {
			s.is(s.look(n, "a"), 3, []string{"a"})
		}
		s.is(s.look(3, "a"), 3, nil)
		s.is(s.look(0, "b"), 3, nil, 2)
		s.publish("a") // 4
		s.is(s.look(2, "a"), 4, []string{"a"}, 4)
		s.is(s.look(3, "a"), 4, nil, 4)
		s.is(s.Look(&channels.Query{Channels: []string{"a"}, Start: channels.Earliest}), 4, nil, 4)
		if i, ok := s.Info("a"); !ok || i.Messages != 1 || i.Last != 4 {
			s.Errorf("info %+v", i)
		}
	}},

	{name: "Delete/of nothing", run: func(s *stage) {
		if r := s.Delete("a"); r.Number != 1 || r.Released != 0 {
			s.Errorf("result %+v", r)
		}
		if _, ok := s.Info("a"); ok || s.Stats().Channels != 0 {
			s.Error("it left a channel")
		}
		s.is(s.look(0, "a"), 1, []string{"a"})
		s.is(s.look(1, "a"), 1, nil)
		s.is(s.look(0, "b"), 1, nil)
	}},

	{name: "Delete/between look and park", run: func(s *stage) {
		s.Delete("a")
		s.is(s.turnedAway(0, "b", "a").Ending(), 1, []string{"a"})
		s.end(channels.ByGone, s.park(1, "b", "a"))
	}},
}
