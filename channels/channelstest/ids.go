package channelstest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"cometproxy/channels"
)

// news publishes what may be a repetition and checks what becomes of it: that it
// was published as the message numbered want, or repeats that one.
func (s *stage) news(name, id string, want uint64, repeated bool) {
	s.Helper()
	r, rep := s.PublishNew(channels.Item{Channel: name, ID: id, Size: 10})
	if r.Number != want || rep != repeated {
		s.Errorf("%s %s: number %d, repeated %v; want %d, %v", name, id, r.Number, rep, want, repeated)
	}
}

var ids = []scenario{
	{name: "PublishNew/repeat, per channel, without id", run: func(s *stage) {
		w := s.park(0, "a")
		s.news("a", "x", 1, false)
		s.released(channels.ByMessage, w)
		s.publish("b") // 2
		s.news("a", "x", 1, true)
		w = s.park(2, "a", "b")
		r, repeated := s.PublishNew(channels.Item{Channel: "a", ID: "x", Forms: channels.HTTPResponse, Data: "other", Size: 1000})
		if r != (channels.Result{Number: 1, Released: 1}) || !repeated {
			s.Errorf("repeat %+v, %v, want the first result", r, repeated)
		}
		s.noneReleased()
		s.news("b", "x", 3, false)
		s.released(channels.ByMessage, w)
		s.news("a", "y", 4, false)
		s.news("a", "", 5, false)
		s.news("a", "", 6, false)
		s.is(s.look(0, "a", "b"), 6, nil, 1, 2, 3, 4, 5, 6)
		s.at("a", "x", 1)
		if st := s.Stats(); st.IDs != 3 || st.IDsEvicted != 0 || st.Repeated != 2 || st.Published != 6 || st.Keys != 0 {
			s.Errorf("stats %+v", st)
		}
	}},

	{name: "PublishNew/ids are neither keys nor what is kept", options: channels.Options{Messages: 1}, run: func(s *stage) {
		s.once("a", "x", 1, 1, false)
		s.publishAs("a", "x") // 2
		s.news("a", "x", 3, false)
		s.news("a", "y", 4, false)
		s.at("a", "x", 0) // lost
		s.news("a", "x", 3, true)
		s.Delete("a") // 5
		s.news("a", "x", 3, true)
		s.once("a", "x", 1, 1, true)
		s.publishAs("a", "y") // 6: asks nobody
		if st := s.Stats(); st.IDs != 2 || st.Keys != 1 || st.Repeated != 2 || st.Published != 5 {
			s.Errorf("stats %+v", st)
		}
	}},

	{name: "PublishNew/expiry", virtual: true, run: func(s *stage) {
		s.news("a", "x", 1, false)
		time.Sleep(time.Minute - tick)
		s.news("a", "x", 1, true) // a repeat does not make it younger
		time.Sleep(2 * tick)
		s.news("a", "x", 2, false)
		s.news("a", "x", 2, true)
		s.at("a", "x", 2)
		time.Sleep(time.Minute + tick)
		if n := s.Stats().IDs; n != 1 {
			s.Errorf("%d ids before the sweep", n)
		}
		s.Sweep()
		if st := s.Stats(); st.IDs != 0 || st.IDsEvicted != 0 {
			s.Errorf("stats %+v", st)
		}
	}},

	{name: "PublishNew/its age is its own", virtual: true, options: channels.Options{KeyAge: time.Hour, IDAge: time.Second}, run: func(s *stage) {
		s.once("a", "x", 1, 1, false)
		s.news("a", "x", 2, false)
		time.Sleep(time.Second + tick)
		s.Sweep()
		if st := s.Stats(); st.IDs != 0 || st.Keys != 1 {
			s.Errorf("stats %+v", st)
		}
	}},

	{name: "PublishNew/age off", virtual: true, options: channels.Options{IDAge: -1, Age: -1}, run: func(s *stage) {
		s.news("a", "x", 1, false)
		time.Sleep(1000 * time.Hour)
		s.Sweep()
		s.news("a", "x", 1, true)
	}},

	{name: "PublishNew/too many ids", options: channels.Options{IDs: 3}, run: func(s *stage) {
		for i := range 4 {
			s.news("a", fmt.Sprint(i), uint64(i)+1, false)
		}
		s.news("a", "1", 2, true)
		s.news("a", "3", 4, true)
		s.news("a", "0", 5, false) // forgotten, and now the newest
		s.news("a", "1", 6, false)
		s.news("a", "0", 5, true)
		for i := range 1000 {
			s.news("a", fmt.Sprint("x", i), uint64(i)+7, false)
		}
		if st := s.Stats(); st.IDs != 3 || st.IDsEvicted != 1003 || st.KeysEvicted != 0 {
			s.Errorf("stats %+v", st)
		}
	}},

	{name: "PublishNew/ids off", options: channels.Options{IDs: -1}, run: func(s *stage) {
		s.news("a", "x", 1, false)
		s.news("a", "x", 2, false)
		if st := s.Stats(); st.IDs != 0 || st.Repeated != 0 {
			s.Errorf("stats %+v", st)
		}
		s.at("a", "x", 2)
	}},

	{name: "PublishNew/who repeats waits for the first", virtual: true, run: func(s *stage) {
		s.slow = time.Second // and virtual time goes on only when all others wait
		w := s.park(0, "a")
		start := time.Now()
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				s.news("a", "x", 1, i > 0)
				if d := time.Since(start); d != s.slow {
					s.Errorf("returned after %v", d)
				}
			})
		}
		wg.Wait()
		s.released(channels.ByMessage, w)
	}},

	{name: "PublishNew/100 at one time", run: func(s *stage) {
		for round := range uint64(20) {
			w := s.park(round, "a")
			var wg sync.WaitGroup
			var published atomic.Int32
			id := fmt.Sprint(round)
			for range 100 {
				wg.Go(func() {
					r, repeated := s.PublishNew(channels.Item{Channel: "a", ID: id})
					if r.Number != round+1 || r.Released != 1 {
						s.Errorf("result %+v", r)
					}
					if !repeated {
						published.Add(1)
					}
				})
			}
			wg.Wait()
			if published.Load() != 1 || s.Position() != round+1 {
				s.Fatalf("%d say they published", published.Load())
			}
			s.released(channels.ByMessage, w)
		}
	}},
}
