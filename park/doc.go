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
// connection whose next request is at hand while its goroutine still reads; a raw
// one has none. In Stats it counts as active.
//
// # Two ways to wait
//
// A connection that waits, idle or parked, is its entry in the slot table, 96
// bytes (lot.go), and waits in one of two ways. Nobody outside can tell which.
//
// Raw, in a lot of NewEpoll and if it is of TCP: a descriptor and nothing else
// (raw.go). The poller (poller_linux.go) has it in an epoll set from accept to
// close, in one registration for edges: bytes, room to write, end of input. A
// net.Conn over it (sock.go) exists only during a turn with the HTTP server, and
// while a finisher writes; who has to wait in its Read or Write waits for the
// poller. What a parked client sends too early is left in the socket.
//
// All others, of a lot of NewGoroutine, of TLS or in memory: one goroutine with a
// stack of 2 KB in a Read of one byte (readon.go). It reads on through parked,
// finishing and idle, keeps what the client sends too early, and ends when it hands
// the connection to a worker, at the end of input, or when it is closed. So a
// round of request, park and answer starts one goroutine.
//
// Both share a lot's table, limits and books. slots.go, clock.go, wheel.go, idle.go,
// workers.go, finisher.go, turn.go, watchinput.go and books.go know nothing of how
// a connection waits.
//
// # Time
//
// One goroutine turns a clock of 100 ms and sleeps while nobody waits for a time. A
// stay's deadline is in the wheel (wheel.go). Idle connections all have the same
// time, so the list of them, which is in the order in which they became idle, is
// enough (idle.go). What an entry needs for either is one place (place.go).
//
// # What is told of a raw connection
//
//	           idle            active            parked         finishing
//	readable   -> active       keep, wake Read   keep           keep
//	hup        -> closed [1]   keep, wake Read   EndOfInput     keep
//	broken     -> closed       keep, wake both   Reset          keep, wake Write
//	writable                   wake Write                       wake Write
//
//	[1] or active, if there are bytes before the end of the input
//
// An edge is told once. So readable stays with the entry until a Read or a look
// (FIONREAD) finds the socket empty, hup and broken for ever; and whoever makes a
// connection idle or parked while one of them is set looks, under the lock that
// the poller takes to set them.
//
// # What the package keeps (I7)
//
//   - A connection's state, generation, and the owner of its stay change under
//     one lock, the entry's. An ID, a fired deadline, a finisher and a turn name a
//     connection by slot and generation and look at both under that lock: what
//     is stale finds nothing.
//     An event of the poller carries both, too.
//   - A slot is not used again before the goroutine that reads for it has ended.
//   - A raw connection's descriptor is used, and closed, only under the entry's lock
//     by who has seen there that it is still the connection's; no call with it waits.
//     So it does not matter when the system gives its number to another connection.
//   - Nothing is set of a raw connection that is idle, and nothing of one that is
//     parked that was not looked at and told.
//   - A stay has at most one terminal event. The owner and generation it
//     carries are read under the same hold of the lock that decides it.
//   - The lot never closes a parked connection; its claimant does. (Shut may.)
//   - Counts, idle list and deadlines change under the same hold of the lock
//     as the state. Check holds all these locks and compares.
//   - Nobody holds two entries' locks, but Check. The order is door, entry, then one
//     of wheel, idle list, slots, workers, finishers, peers. Events are sent without any
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
// looks at the entry's state and present deadline again, under its lock, and finds
// that it is not parked or that its time has not passed. So the wheel need not
// remember generations. In the same way an idle connection that is too old is
// looked at again under its lock before it is closed (endIdle).
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
// An event that is out of date:
//
//  1. poller: fetches "readable" of a connection that is served
//  2. server: reads what that was about, and answers; the connection is idle
//  3. poller: tells it
//
// 3 would begin a turn with nothing to read, and the HTTP server would in the end
// blame the client for that. So the fetches are counted, and what belongs to the
// one that was the last when the connection became idle is not believed but looked
// at (heardIdleRaw).
//
// An answer not yet written: a client whose request is pipelined behind the one being
// answered by a finisher must not see the second answer first. While finishing,
// input is kept, or left in the socket; settleLocked comes after the last byte.
//
// The rest of a body as a request: see turn.Close.
package park
