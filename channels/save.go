package channels

import (
	"cmp"
	"slices"
	"time"
)

// A Saved is what a hub needs of another one to go on in its place: with the same
// epoch, so that cursors stay valid. It goes into Options.
type Saved struct {
	Epoch  uint64
	Number uint64 // the last one drawn
	Lost   uint64 // channels that are not named have lost nothing above it
}

// Kept is what a hub keeps of one channel.
type Kept struct {
	Channel  string
	Dropped  uint64 // see I6
	Messages []*Message
	Ages     []time.Duration // of the messages
}

// Save calls each for every channel of which something is kept or known to be lost.
// Nothing may be published or deleted meanwhile, or the hub that goes on from it
// would be silent about that.
//
// Tombstones have no names, so that they cannot be saved: the highest of their
// numbers is Saved.Lost, and speaks for all channels that are not named. What was
// lost by its age has smaller numbers than what anybody who was here within that age
// has seen; so a false gap is possible only after Delete or when Options.Total made
// the hub forget a channel.
func (h *Hub) Save(each func(Kept) error) (Saved, error) {
	saved := Saved{Epoch: h.epoch, Number: h.counter.Load()}
	for i := range h.shards {
		kept, lost := h.saveShard(&h.shards[i])
		saved.Lost = max(saved.Lost, lost)
		for _, k := range kept {
			if err := each(k); err != nil {
				return saved, err
			}
		}
	}
	return saved, nil
}

func (h *Hub) saveShard(s *shard) (kept []Kept, lost uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := h.clock()
	for _, e := range s.entries {
		h.expireLocked(s, e, now)
		if e.window.count == 0 && e.dropped == 0 {
			continue
		}
		k := Kept{Channel: e.name, Dropped: e.dropped}
		for i := range e.window.count {
			m := e.window.at(i)
			k.Messages, k.Ages = append(k.Messages, m), append(k.Ages, time.Duration(now-m.at))
		}
		kept = append(kept, k)
	}
	lost = s.tombs.watermark
	for _, number := range s.tombs.dropped {
		lost = max(lost, number)
	}
	return kept, lost
}

// Restore puts back what Save told. The hub was made with Options.Saved, and nobody
// uses it yet. Messages are as they were but for their sizes, which are given.
func (h *Hub) Restore(kept []Kept, size func(*Message) int) {
	// The least recently published first, as shard.recent wants it.
	slices.SortStableFunc(kept, func(a, b Kept) int { return cmp.Compare(a.newest(), b.newest()) })
	now := h.clock()
	for _, k := range kept {
		s, hash := h.shardOf(k.Channel)
		s.mu.Lock()
		e := s.entryOf(k.Channel, hash)
		e.dropped = k.Dropped
		for i, m := range k.Messages {
			m.Channel, m.size, m.at = e.name, size(m), now-int64(k.Ages[i])
			s.keep(e, m)
		}
		h.expireLocked(s, e, now)
		h.boundLocked(s, e)
		s.settle(e)
		s.mu.Unlock()
	}
}

func (k *Kept) newest() uint64 {
	if len(k.Messages) == 0 {
		return 0
	}
	return k.Messages[len(k.Messages)-1].Number
}
