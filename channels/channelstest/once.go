package channelstest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"cometproxy/channels"
)

// once publishes under a key and checks what it says: that it published as the
// message numbered want, or repeated it.
func (s *stage) once(name, key string, digest byte, want uint64, repeated bool) {
	s.Helper()
	r, rep, err := s.PublishOnce(channels.Item{Channel: name, Size: 10}, key, [32]byte{digest})
	if err != nil || r.Number != want || rep != repeated {
		s.Errorf("%s %s: number %d, repeated %v, error %v; want %d, %v", name, key, r.Number, rep, err, want, repeated)
	}
}

var once = []scenario{
	{name: "PublishOnce/repeat, other digest, per channel", run: func(s *stage) {
		w := s.park(0, "a")
		s.once("a", "k", 1, 1, false)
		s.released(channels.ByMessage, w)
		s.publish("b") // 2
		s.once("a", "k", 1, 1, true)
		r, _, err := s.PublishOnce(channels.Item{Channel: "a"}, "k", [32]byte{2})
		if !errors.Is(err, channels.ErrKeyReused) || r != (channels.Result{}) {
			s.Errorf("other digest: %+v, %v", r, err)
		}
		if r, rep, _ := s.PublishOnce(channels.Item{Channel: "a"}, "k", [32]byte{1}); r.Released != 1 || !rep {
			s.Errorf("repeat %+v, want the first result", r)
		}
		s.once("b", "k", 2, 3, false)
		s.once("a", "l", 2, 4, false)
		s.is(s.look(0, "a", "b"), 4, nil, 1, 2, 3, 4)
		if st := s.Stats(); st.Keys != 3 || st.Published != 4 || st.KeysEvicted != 0 {
			s.Errorf("stats %+v", st)
		}
	}},

	{name: "PublishOnce/expiry", virtual: true, options: channels.Options{KeyAge: time.Minute}, run: func(s *stage) {
		s.once("a", "k", 1, 1, false)
		time.Sleep(time.Minute)
		s.once("a", "k", 1, 1, true) // a repeat does not make it younger
		time.Sleep(tick)
		s.once("a", "k", 2, 2, false)
		s.once("a", "k", 2, 2, true)
		time.Sleep(time.Minute + tick)
		if n := s.Stats().Keys; n != 1 {
			s.Errorf("%d keys before the sweep", n)
		}
		s.Sweep()
		if st := s.Stats(); st.Keys != 0 || st.KeysEvicted != 0 {
			s.Errorf("stats %+v", st)
		}
	}},

	{name: "PublishOnce/many expire", virtual: true, options: channels.Options{KeyAge: time.Minute, Keys: 5000}, run: func(s *stage) {
		for i := range 3000 {
			s.once("a", fmt.Sprint(i), 0, uint64(i)+1, false)
		}
		time.Sleep(time.Minute)
		for i := range 700 {
			s.once("b", fmt.Sprint(i), 0, uint64(i)+3001, false)
		}
		time.Sleep(tick)
		s.Sweep()
		if st := s.Stats(); st.Keys != 700 || st.KeysEvicted != 0 {
			s.Errorf("stats %+v", st)
		}
		s.once("b", "699", 0, 3700, true)
		s.once("a", "2999", 0, 3701, false)
	}},

	{name: "PublishOnce/age off", virtual: true, options: channels.Options{KeyAge: -1, Age: -1}, run: func(s *stage) {
		s.once("a", "k", 1, 1, false)
		time.Sleep(1000 * time.Hour)
		s.Sweep()
		s.once("a", "k", 1, 1, true)
	}},

	{name: "PublishOnce/too many keys", options: channels.Options{Keys: 3}, run: func(s *stage) {
		for i := range byte(4) {
			s.once("a", fmt.Sprint(i), i, uint64(i)+1, false)
		}
		s.once("a", "1", 1, 2, true)
		s.once("a", "3", 3, 4, true)
		s.once("a", "0", 0, 5, false) // forgotten, and now the newest
		s.once("a", "1", 1, 6, false)
		s.once("a", "0", 0, 5, true)
		for i := range 1000 {
			s.once("a", fmt.Sprint("x", i), 0, uint64(i)+7, false)
		}
		if st := s.Stats(); st.Keys != 3 || st.KeysEvicted != 1003 {
			s.Errorf("stats %+v", st)
		}
	}},

	{name: "PublishOnce/keys off", options: channels.Options{Keys: -1}, run: func(s *stage) {
		s.once("a", "k", 1, 1, false)
		s.once("a", "k", 1, 2, false)
		s.once("a", "k", 2, 3, false)
		if n := s.Stats().Keys; n != 0 {
			s.Errorf("%d keys", n)
		}
	}},

	{name: "PublishOnce/who repeats waits for the first", virtual: true, run: func(s *stage) {
		s.slow = time.Second // and virtual time goes on only when all others wait
		w := s.park(0, "a")
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				s.once("a", "k", 1, 1, i > 0)
			})
		}
		wg.Wait()
		s.released(channels.ByMessage, w)
	}},

	{name: "PublishOnce/100 at one time", run: func(s *stage) {
		for round := range uint64(20) {
			w := s.park(round, "a")
			var wg sync.WaitGroup
			var published atomic.Int32
			key := fmt.Sprint(round)
			for range 100 {
				wg.Go(func() {
					r, repeated, err := s.PublishOnce(channels.Item{Channel: "a"}, key, [32]byte{})
					if err != nil || r.Number != round+1 || r.Released != 1 {
						s.Errorf("result %+v, error %v", r, err)
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
