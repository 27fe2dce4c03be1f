package channels

// Watch begins or ends noting the channels at which waiters come and go, for
// Changes. It begins with those that somebody waits on now, each time it is called.
func (h *Hub) Watch(on bool) {
	for i := range h.shards {
		h.shards[i].watch(on)
	}
}

func (s *shard) watch(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watched = on
	if !on {
		s.noted = nil
	}
	for _, e := range s.entries {
		if on && e.waiting > 0 {
			s.note(e)
		} else if !on {
			e.noted = false
		}
	}
}

// note remembers that the first waiter came to a channel, or the last one left.
// The shard is watched, and its lock is held.
func (s *shard) note(e *entry) {
	if !e.noted {
		e.noted = true
		s.noted = append(s.noted, e.name)
	}
}

// Touch notes, if the hub is watched, channels that somebody would have waited on,
// had there not been something to tell at once: who is always told at once is never
// parked, and there all the same.
func (h *Hub) Touch(names []string) {
	for _, name := range names {
		s, _ := h.shardOf(name)
		s.mu.Lock()
		if e := s.entries[name]; !s.watched {
			s.mu.Unlock()
			return
		} else if e != nil {
			s.note(e)
		} else {
			s.noted = append(s.noted, name)
		}
		s.mu.Unlock()
	}
}

// Changes calls f, with no lock held, for each channel that a first waiter came to,
// or the last one left, or that was touched, since Changes was called last: with how
// many wait there now. A channel may be told twice, and without any change. One
// goroutine at a time calls it.
func (h *Hub) Changes(f func(name string, waiters int)) {
	for i := range h.shards {
		names, waiting := h.shards[i].changes()
		for k, name := range names {
			f(name, waiting[k])
		}
	}
}

func (s *shard) changes() (names []string, waiting []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names, s.noted = s.noted, nil
	waiting = make([]int, len(names))
	for i, name := range names {
		if e := s.entries[name]; e != nil {
			waiting[i], e.noted = e.waiting, false
		}
	}
	return names, waiting
}
