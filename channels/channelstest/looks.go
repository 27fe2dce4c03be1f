package channelstest

import (
	"math"

	"cometproxy/channels"
)

var looks = []scenario{
	{name: "Look/after, now, earliest", run: func(s *stage) {
		s.is(s.look(0, "a"), 0, nil)
		s.publish("a") // 1
		s.publish("b") // 2
		s.publish("a") // 3
		s.is(s.look(0, "a"), 3, nil, 1, 3)
		s.is(s.look(1, "a"), 3, nil, 3)
		s.is(s.look(2, "a"), 3, nil, 3)
		s.is(s.look(3, "a"), 3, nil)
		s.is(s.look(1, "c"), 3, nil)
		s.is(s.Look(&channels.Query{Channels: []string{"a"}, Start: channels.Now}), 3, nil)
		s.is(s.Look(&channels.Query{Channels: []string{"a", "b"}, Start: channels.Earliest}), 3, nil, 1, 2, 3)
		if s.Position() != 3 {
			s.Errorf("position %d, want 3", s.Position())
		}
	}},

	{name: "Look/earliest is never a gap", options: channels.Options{Messages: 1}, run: func(s *stage) {
		s.publish("a")
		s.publish("a")
		foreign := s.Cursor(99)
		foreign.Epoch++
		q := &channels.Query{Channels: []string{"a", "b"}, Start: channels.Earliest, Cursor: foreign}
		s.is(s.Look(q), 2, nil, 2)
	}},

	{name: "Look/foreign epoch and future", run: func(s *stage) {
		s.publish("a") // 1
		s.publish("b") // 2
		foreign := s.Cursor(1)
		foreign.Epoch++
		for _, c := range []channels.Cursor{foreign, {}, {Number: 1}, s.Cursor(3), s.Cursor(math.MaxUint64), s.Cursor(1 << 63)} {
			e := s.Look(&channels.Query{Channels: []string{"c", "b", "a"}, Cursor: c})
			s.is(e, 2, []string{"a", "b", "c"}, 1, 2)
			s.is(s.look(e.Cursor, "a", "b", "c"), 2, nil) // and all is well from there
		}
		if n := s.Stats().Gaps; n != 6 {
			s.Errorf("%d gaps counted, want 6", n)
		}
	}},

	{name: "Look/in the order of numbers over channels", run: func(s *stage) {
		order := []string{"b", "a", "c", "a", "b", "c", "c", "a"}
		for _, name := range order {
			s.publish(name)
		}
		e := s.look(0, "c", "a", "b")
		s.is(e, 8, nil, 1, 2, 3, 4, 5, 6, 7, 8)
		for i, m := range e.Messages {
			if m.Channel != order[i] {
				s.Errorf("message %d is of %s, want %s", m.Number, m.Channel, order[i])
			}
		}
		s.is(s.look(3, "c", "a"), 8, nil, 4, 6, 7, 8)
	}},

	{name: "Look/message limit, page by page", run: func(s *stage) {
		for range 10 {
			s.publish("a")
			s.publish("b")
			s.publish("elsewhere")
		}
		next := uint64(0)
		for page := range 4 {
			e := s.Look(&channels.Query{Channels: []string{"b", "a"}, Cursor: s.Cursor(next), MaxMessages: 6})
			want := []uint64{}
			for i := range uint64(6) {
				if n := uint64(page)*9 + i/2*3 + i%2 + 1; n <= 29 {
					want = append(want, n)
				}
			}
			if page < 3 {
				s.is(e, want[5], nil, want...)
			} else {
				s.is(e, 30, nil, want...)
			}
			next = e.Cursor
		}
		s.is(s.look(next, "a", "b"), 30, nil)
	}},

	{name: "Look/byte limit, one message at least", run: func(s *stage) {
		for _, size := range []int{500, 40, 60, 1, 0, 100} { // 1 to 6
			s.Publish(channels.Item{Channel: "a", Size: size})
		}
		q := channels.Query{Channels: []string{"a", "b"}, MaxBytes: 100, Cursor: s.Cursor(0)}
		for _, page := range [][]uint64{{1}, {2, 3}, {4, 5}, {6}, {}} {
			e := s.Look(&q)
			cursor := uint64(6)
			if len(page) > 0 {
				cursor = page[len(page)-1]
			}
			s.is(e, cursor, nil, page...)
			q.Cursor.Number = e.Cursor
		}
	}},

	{name: "Look/forms", run: func(s *stage) {
		s.Publish(channels.Item{Channel: "a"})                                                 // 1, native by default
		s.Publish(channels.Item{Channel: "a", Forms: channels.HTTPResponse})                   // 2
		s.Publish(channels.Item{Channel: "a", Forms: channels.HTTPResponse | channels.Native}) // 3
		s.is(s.look(0, "a"), 3, nil, 1, 3)
		for forms, want := range map[channels.Forms][]uint64{
			channels.Native: {1, 3}, channels.HTTPResponse: {2, 3}, channels.Native | channels.HTTPResponse: {1, 2, 3}, 1 << 7: nil,
		} {
			s.is(s.Look(&channels.Query{Channels: []string{"a"}, Cursor: s.Cursor(0), Accepts: forms}), 3, nil, want...)
		}
	}},
}
