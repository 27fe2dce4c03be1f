package park

import (
	"sync"
	"sync/atomic"
)

// An ID is its slot and the slot's generation. A generation is never 0 and is
// changed when the connection closes, so that from then on the ID matches
// nothing.

func makeID(slot, gen uint32) ID { return ID(gen)<<32 | ID(slot) }

func (id ID) slot() uint32 { return uint32(id) }
func (id ID) gen() uint32  { return uint32(id >> 32) }

func nextGen(gen uint32) uint32 {
	if gen++; gen == 0 {
		gen = 1
	}
	return gen
}

const (
	chunkBits = 8
	chunkLen  = 1 << chunkBits
)

// slots is a growing table of entries that never move, so that a pointer to
// one stays good for ever. It grows by chunks and does not shrink; free slots
// are taken again, the one freed last first, while it is warm.
//
// It only keeps account of which slots are taken. What is in an entry, its
// generation above all, is guarded by whatever the entry's user says, and is
// left as it is when a slot is given back.
type slots[E any] struct {
	chunks atomic.Pointer[[]*[chunkLen]E] // the slice is replaced, never changed

	mu     sync.Mutex
	free   []uint32
	made   uint32 // slots that exist
	closed bool   // no slot is taken any more
}

// take returns a free slot and its entry, false when the table is closed.
func (s *slots[E]) take() (uint32, *E, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, nil, false
	}
	if len(s.free) == 0 {
		s.growLocked()
	}
	last := len(s.free) - 1
	slot := s.free[last]
	s.free = s.free[:last]
	return slot, s.at(slot), true
}

func (s *slots[E]) growLocked() {
	var old []*[chunkLen]E
	if p := s.chunks.Load(); p != nil {
		old = *p
	}
	chunks := make([]*[chunkLen]E, len(old)+1)
	copy(chunks, old)
	chunks[len(old)] = new([chunkLen]E)
	s.chunks.Store(&chunks)
	for i := chunkLen - 1; i >= 0; i-- {
		s.free = append(s.free, s.made+uint32(i))
	}
	s.made += chunkLen
}

// give frees a taken slot. Nobody may use its entry any more.
func (s *slots[E]) give(slot uint32) {
	s.mu.Lock()
	s.free = append(s.free, slot)
	s.mu.Unlock()
}

// at is the entry of a slot, nil when there is no such slot.
func (s *slots[E]) at(slot uint32) *E {
	p := s.chunks.Load()
	if p == nil || slot>>chunkBits >= uint32(len(*p)) {
		return nil
	}
	return &(*p)[slot>>chunkBits][slot&(chunkLen-1)]
}

// size is the number of slots there are, free ones included.
func (s *slots[E]) size() uint32 {
	p := s.chunks.Load()
	if p == nil {
		return 0
	}
	return uint32(len(*p)) * chunkLen
}

// taken is the number of slots in use.
func (s *slots[E]) taken() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int(s.made) - len(s.free)
}

// close makes every later take fail.
func (s *slots[E]) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
}
