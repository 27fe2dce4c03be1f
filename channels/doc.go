// Package channels knows who waits on which channel, keeps the recent messages
// of each, and decides whom a publish releases. It knows nothing of HTTP, of
// connections or of time-outs: those who do call it.
//
// # Words
//
// A message is immutable and numbered; the numbers of all channels of a hub are
// drawn from one counter. A cursor is a hub's epoch and a number: the position
// up to which a client has seen all its channels, whatever they are. An id is
// what a message's publisher calls it, within its channel: [Hub.PublishNew]
// publishes each once, and [Hub.PositionOf] finds where it stands, so that who
// knows ids instead of a cursor looks after a position of its own for each
// channel ([Query.From]). A waiter is one parked claim on 1..n channels, released
// once. The window is what is kept of a channel. A gap says that it cannot be
// proved that nothing was missed.
//
// # The one primitive
//
// Give me what comes after this position, or release me once when there is
// something. [Hub.Look] is the first half, [Hub.Park] the second, and every
// ending of a wait is a look again, so that no answer ever carries a position
// older than what it was decided on. There is no queue per subscriber: who falls
// behind the window is told of a gap.
//
// # A waiter's states
//
//	         Prepare            all links made
//	free ----------> parking ------------------> parked
//	  ^                 |  another finds it         | one claimant: the publisher
//	  |                 v  (message, End, Drain)    v of a message, End, Drain
//	  |               woken --------------------> claimed
//	  |                        the parker              |
//	  +------------------------------------------------+
//	                         Free
//
// The state and the generation of the waiter are one atomic word. A waiter in
// state parking belongs to its parker: others only turn it into woken, the
// parker's own step to parked then fails, and it unlinks, looks again and
// answers. A waiter in state claimed belongs to its claimant, who unlinks it
// from every list under that list's lock before anybody is told. Memory is used
// again only after that ([Hub.Free]); who holds a waiter for later (a deadline,
// a poller) names it with its generation, and a late claim fails.
//
// # Invariants
//
// Checked by [Hub.Check] as far as a look from outside can.
//
//   - I1 A waiter is claimed at most once.
//   - I2 Nobody holds two shard locks, and nothing outside the package (the
//     Receiver) is called under one.
//   - I3 Numbering, appending, detaching and claiming for one message happen in
//     one critical section of its shard.
//   - I4 From parked until claimed, no channel a waiter is linked to holds a
//     message above the waiter's cursor in a form that the waiter accepts.
//   - I5 A link is removed under its shard's lock by the parker before parked,
//     the publisher of that channel, or the claimant.
//   - I6 Messages never change. Every number that a channel has lost is at or
//     below its entry's dropped or, without an entry, its tombstone's number or
//     its shard's watermark.
//   - I9 (here) Draining is set under each shard's lock before the shard's
//     waiters are collected, and read in the critical section of each link.
//   - I10 Two messages never share a position; a cursor of another epoch, and
//     any position from the future or below dropped, is a gap.
//
// # Why a look is complete
//
// Numbers are drawn under the lock of the channel's shard. A look takes the
// counter's value G and then each shard's lock in turn. A message numbered at or
// below G was either appended already, or its publisher still holds the lock
// that the look waits for: so nothing at or below G can turn up later, and G is
// the answer's cursor.
//
// # Why a release looks at the other channels
//
// A waiter on a and b; P publishes 7 on a, Q publishes 6 on b:
//
//	Q: lock b, number 6, append               P: lock a, number 7, append, claim W
//	Q: walks b, finds W claimed, unlinks it   P: unlock a
//	                                          P: lock b: finds 6 in (cursor, 7]
//
// Without P's last step the answer would be 7 alone with cursor 7, and 6 lost.
//
// # What is conservative
//
// dropped is one number per channel, whatever the form of what was lost. A
// channel of which only messages in a form that a client does not accept were
// lost tells that client of a gap too. There is never a missing message without
// a gap.
package channels
