package park

import (
	"math/rand/v2"
	"testing"
)

// TestSlots compares the table with a naive model.
func TestSlots(t *testing.T) {
	var s slots[int]
	if s.at(0) != nil || s.at(1<<31) != nil {
		t.Error("an empty table has entries")
	}
	model := map[uint32]*int{} // taken ones
	all := map[uint32]*int{}   // ever seen
	var order []uint32
	for step := range 20000 {
		if rand.IntN(5) < 3 || len(order) == 0 {
			slot, e, ok := s.take()
			if !ok || e == nil || model[slot] != nil {
				t.Fatalf("step %d: took %d, %p, %v", step, slot, e, ok)
			}
			if old := all[slot]; old != nil && old != e {
				t.Fatalf("step %d: slot %d has moved", step, slot)
			}
			model[slot], all[slot] = e, e
			order = append(order, slot)
			*e = int(slot)
		} else {
			i := rand.IntN(len(order))
			slot := order[i]
			order[i] = order[len(order)-1]
			order = order[:len(order)-1]
			delete(model, slot)
			s.give(slot)
		}
		if s.taken() != len(model) {
			t.Fatalf("step %d: %d taken, want %d", step, s.taken(), len(model))
		}
	}
	for slot, e := range model {
		if s.at(slot) != e || *e != int(slot) {
			t.Fatalf("slot %d is %p, want %p", slot, s.at(slot), e)
		}
	}
	if size := s.size(); s.at(size-1) == nil || s.at(size) != nil {
		t.Errorf("size %d is not the size", size)
	}
	s.close()
	if _, _, ok := s.take(); ok {
		t.Error("took a slot of a closed table")
	}
}

func TestID(t *testing.T) {
	id := makeID(7, 9)
	if id.slot() != 7 || id.gen() != 9 || id == makeID(7, 10) {
		t.Errorf("ID %x", id)
	}
	if nextGen(1) != 2 || nextGen(1<<32-1) != 1 {
		t.Error("a generation must not be 0")
	}
}

// TestIdleList compares the list with a slice.
func TestIdleList(t *testing.T) {
	places := make([]place, 50)
	l := idleList{place: func(slot uint32) *place { return &places[slot] }, first: func() {}}
	var model []uint32
	find := func(slot uint32) int {
		for i, s := range model {
			if s == slot {
				return i
			}
		}
		return -1
	}
	for step := range 20000 {
		slot := uint32(rand.IntN(len(places)))
		switch i := find(slot); {
		case i < 0:
			l.push(slot)
			model = append(model, slot)
		default:
			l.remove(slot)
			model = append(model[:i], model[i+1:]...)
		}
		got, ok := l.oldest(0)
		if ok != (len(model) > 0) || ok && got != model[0] {
			t.Fatalf("step %d: oldest %d, %v; want of %v", step, got, ok, model)
		}
		l.check(int64(len(model)), func(slot uint32) bool { return find(slot) >= 0 }, t.Fatalf)
	}
}
