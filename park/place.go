package park

// A place is where an entry stands in a list: an idle connection in the list of
// those, a parked one that has a deadline in the wheel. It is in one of them at
// most, for the state is changed under the entry's lock, and who changes it takes
// the entry out of the one before it comes into the other. So the two share the
// memory, though each list has a lock of its own.
type place struct {
	// at is the deadline, or when the connection became idle, in ns from the lot's
	// beginning. It is written under the entry's lock and the list's; either is
	// enough to read it. In a wheel 0 is none.
	at int64

	// Guarded by the list's lock. next is a slot + 1, 0 at the end. prev is a slot + 1,
	// or below 0 in the first one of a list, or 0 when in none.
	next, prev int32
}
