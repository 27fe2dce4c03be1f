package park

import (
	"errors"
	"fmt"
)

// Check implements Lot. It holds every lock there is for a moment, so that
// what it sees is one moment. Nobody else holds two entries' locks, so there is no
// order among them to be broken; the order is door, entries, wheel or list.
func (l *lot) Check() error {
	l.door.mu.Lock()
	defer l.door.mu.Unlock()
	size := l.table.size()
	for slot := range size {
		l.table.at(slot).mu.Lock()
	}
	defer func() {
		for slot := range size {
			l.table.at(slot).mu.Unlock()
		}
	}()

	var problems []error
	wrong := func(format string, args ...any) {
		if len(problems) < 20 {
			problems = append(problems, fmt.Errorf("park: "+format, args...))
		}
	}
	var count [states]int64
	busy := 0 // slots that cannot be taken
	for slot := range size {
		e := l.table.at(slot)
		count[e.state]++
		if e.state != closed || e.far.reads() {
			busy++
		}
		if why := e.wrongLocked(); why != "" {
			wrong("slot %d, %s: %s", slot, e.state, why)
		}
	}
	for s := idle; s < states; s++ {
		if n := l.books.now[s].Load(); n != count[s] {
			wrong("%d connections %s, counted as %d", count[s], s, n)
		}
	}
	if n := l.table.taken(); n != busy {
		wrong("%d slots in use, %d taken", busy, n)
	}
	l.idle.check(count[idle], func(slot uint32) bool { return l.table.at(slot).state == idle }, wrong)
	l.wheel.check(func(slot uint32) bool { return l.table.at(slot).state == parked }, wrong)
	if err := l.peers.check(func(slot uint32) bool { return l.table.at(slot).state != closed }); err != nil {
		problems = append(problems, err)
	}
	if n := l.books.connections(); l.door.max > 0 && n > l.door.most {
		wrong("%d connections, at most %d allowed", n, l.door.most)
	}
	return errors.Join(problems...)
}

// wrongLocked says what of an entry does not fit its state.
func (e *entry) wrongLocked() string {
	open := e.state != closed
	raw := e.far == nil
	switch {
	case open && raw && e.fd < 0, !open && e.lot != nil && e.fd >= 0, !raw && e.fd >= 0, !open && !raw && !e.far.on:
		return "connection kept or lost"
	case !open && (e.kept != nil || e.owner != nil || e.sock != nil || e.place.at != 0):
		return "something kept of a closed connection"
	case open && e.gen == 0:
		return "generation 0"
	case e.state != parked && e.owner != nil:
		return "has an owner"
	case e.kept != nil && len(*e.kept) == 0:
		return "nothing is kept, in a slice of its own"
	case e.state == idle && e.kept != nil:
		return "has a request at hand"
	case e.state != idle && e.state != parked && e.place != (place{}):
		return "is in a list"
	case raw:
		return e.wrongRawLocked()
	case e.state == idle && !e.far.on:
		return "not read from"
	case e.state == active && e.far.on:
		return "read from"
	case e.state == parked && !e.far.on && !e.ended && !e.broken:
		return "not read from"
	case e.state == waking && !e.far.on:
		return "waits for a reading that has ended"
	}
	return ""
}

func (e *entry) wrongRawLocked() string {
	switch {
	case e.state == waking:
		return "raw, and waits for a reading"
	case e.state == idle && (e.readable || e.hup || e.broken):
		return "left although something was heard"
	case e.state == parked && (e.hup || e.broken) && !e.told:
		return "the end of the input was not told"
	case (e.state == idle || e.state == parked) && e.sock != nil:
		return "can be read from"
	}
	return ""
}

// check is for a list whose every member's state cannot change meanwhile.
func (l *idleList) check(want int64, belongs func(uint32) bool, wrong func(string, ...any)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, prev := int64(0), int32(atHead)
	for at := l.head; at != 0 && n <= want; n++ {
		p := l.place(uint32(at - 1))
		if p.prev != prev {
			wrong("idle list: slot %d is linked badly", at-1)
			return
		}
		if !belongs(uint32(at - 1)) {
			wrong("idle list: slot %d is not idle", at-1)
		}
		prev, at = at, p.next
	}
	if n != want || int64(l.n) != want || l.tail != max(prev, 0) {
		wrong("idle list: %d idle, %d linked, %d counted", want, n, l.n)
	}
}

// check is for a wheel none of whose deadlines can change meanwhile.
func (w *wheel) check(belongs func(uint32) bool, wrong func(string, ...any)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for b := range w.heads {
		prev := -int32(b + 1)
		for at := w.heads[b]; at != 0 && n <= w.n; n++ {
			slot := uint32(at - 1)
			p := w.place(slot)
			if p.prev != prev {
				wrong("wheel: slot %d is linked badly", slot)
				return
			}
			if !belongs(slot) || p.at == 0 {
				wrong("wheel: slot %d has a deadline that it should not have", slot)
			}
			if t := tickOf(p.at); b != working && t > w.hand && int(t%wheelLen) != b {
				wrong("wheel: slot %d, due at tick %d, is in bucket %d", slot, t, b)
			}
			prev, at = at, p.next
		}
	}
	if n != w.n {
		wrong("wheel: %d linked, %d counted", n, w.n)
	}
}
