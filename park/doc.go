// Package park owns the client connections of a long-poll server: it accepts
// them, keeps the idle and the parked ones as cheaply as the system allows,
// hands those with something to read to the HTTP server, and reports hang-ups
// and deadlines of parked ones. It knows nothing of HTTP and nothing of
// channels.
//
// # States
//
//	             first byte               Conn.Detach, Lot.Park
//	accepted -> idle -----------> active ----------------------> parked
//	             ^ ^               | ^ |                           |
//	             | |  Lot.Idle, or | | |                           | Lot.Answer
//	             | +---------------+ | | more requests at hand     v
//	             |  the keep-alive   | +--------------+     (the write)
//	             |  wait is over     |                |            |
//	             |                   +---- waking <---+------------+
//	             |                          ^         |            | did not fit
//	             |                          |         |            v
//	             +--------------------------+---------+------- finishing
//
// Every state leads to closed, which is terminal. waking is passed only by a
// connection whose next request is at hand while its goroutine still reads.
// In Stats it counts as active.
//
// # The goroutine lot
//
// A connection that waits, idle or parked, is one goroutine with a stack of 2 KB
// in a Read of one byte (readon.go). It reads on through parked, finishing and
// idle, and ends when it hands the connection to a worker, at the end of input,
// or when it is closed. So a
// round of request, park and answer starts one goroutine. An entry of the slot
// table, 144 bytes, has the rest (goroutine.go).
//
// The files slots.go, wheel.go, idle.go, workers.go, finisher.go, turn.go,
// watchinput.go and books.go know nothing of how a connection waits.
//
// # What the package keeps (I7)
//
//   - A connection's state, generation, and the owner of its stay change under
//     one lock, the entry's. An ID, a fired deadline, a finisher and a turn name a
//     connection by slot and generation and look at both under that lock: what
//     is stale finds nothing.
//   - A slot is not used again before the goroutine that reads for it has ended.
//   - A stay has at most one terminal event. The owner and generation it
//     carries are read under the same hold of the lock that decides it.
//   - The lot never closes a parked connection; its claimant does. (Shut may.)
//   - Counts, idle list and deadlines change under the same hold of the lock
//     as the state. Check holds all these locks and compares.
//   - Nobody holds two entries' locks, but Check. The order is door, entry, then one
//     of wheel, idle list, slots, workers, finishers. Events are sent without any
//     lock, so the event func may call the lot.
//
// # Interleavings that would break
//
// A late Close. The HTTP server's hijack goroutine closes its Conn after the hijack
// function returns:
//
//  1. hijack: Detach, Park
//  2. publisher: Answer; the connection is idle, gets its next byte, is served
//  3. hijack: Close
//
// 3 would close the connection under its second turn. Every turn has a Conn of
// its own, and a detached one's Close does nothing.
//
// A deadline of the stay before:
//
//  1. wheel: takes the slot out, its deadline has passed; lets go of its lock
//  2. publisher: Answer; the client polls again; Park with a new deadline
//  3. wheel: calls fire
//
// 3 would end the new stay early, or with the slot reused somebody else's. fire
// looks at the entry's present deadline again, under its lock, and finds that it
// has not passed. So the wheel need not remember generations.
//
// Bytes between the answer and the next turn:
//
//  1. the client pipelined; its goroutine is in a Read into the room behind the kept bytes
//  2. publisher: Answer, and wants the kept bytes served
//  3. the Read returns more
//
// If 2 handed the kept bytes to a worker, those of 3 would be lost or served out of
// order. So 2 leaves the connection waking, with a read deadline in the past, and the
// goroutine hands it on when its Read has returned, whatever with.
//
// An answer not yet written: a client whose request is pipelined behind the one being
// answered by a finisher must not see the second answer first. While finishing,
// input is kept; settleLocked comes after the last byte.
//
// The rest of a body as a request: see turn.Close.
package park
