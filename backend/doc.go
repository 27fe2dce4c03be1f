// Package backend is one web app behind the proxy: the connections to it, and
// one exchange of request and answer over one of them.
//
// # Why not a ready-made client
//
// fasthttp's HostClient writes a request to its end before it reads, cannot be
// cancelled, hides informational answers, may pool a connection after a 101 and
// has one deadline for a whole streamed body. This package keeps fasthttp's
// parser and serialiser of heads and has its own connections, so that early
// answers, echoing apps, endless streams, upgrades and clients that hang up are
// ordinary cases.
//
// # The life of a connection
//
//	          take place, none idle                answer complete,
//	(none) ------------------------> active ---------------------------> idle
//	            dial                  |  ^        both sides keep it       |
//	                                  |  |                                 |
//	        anything else             |  +---------------------------------+
//	   (end of Close, error, Cancel)  |        take place, not stale       |
//	                                  v                                    | IdleTimeout,
//	                               closed <--------------------------------+ stale, CloseIdle
//	                                  ^
//	(none) ------------------------> tunnel   (Upgrade: its own dial, never idle)
//	            dial                           ends by Exchange.Close or, after
//	                                           a 101, by the Close of the conn
//	                                           that Tunnel gave away
//
// closed is terminal. An exchange first needs a place (at most MaxConns, the
// rest waits first come first served), then a connection: the idle one used
// last, or a new one. A connection belongs to exactly one exchange while it is
// active; only then may its reader, buffers and head be touched.
//
// A connection becomes idle again only when everything agrees where the answer
// ended: the request was sent to its last byte, the body of the answer was read
// to its end, no byte is left behind it, the framing was not contradictory, the
// app speaks HTTP/1.1 and neither side asked to close. Anything else closes it.
// A doubt costs a dial; being wrong would give one client's answer to another.
//
// # Goroutines
//
// A small request is written and its answer read in the goroutine that called
// Exchange: no goroutine and no timer is started. Others run only for:
// a dial; the upload of a body that is streamed or larger than 32 KiB; and
// watching Request.Cancel, from the moment an exchange is slow or its answer's
// body has to be waited for. All of them end before or shortly after the
// exchange does, and none touches Request.Body after Exchange failed or Close
// returned. Health checks, from Start to Close or Retire, are a goroutine for each
// address.
//
// # What is sent twice
//
// Only a request with an idempotent method and no body, or one completely in
// memory, and only when its connection ended before a single byte of an answer.
// If that was taken from the pool, the app had closed it while it was idle, and the
// request is sent once more over a new connection, to another address if there is
// one. If it was new, its process may have been killed, or have died of the request:
// it is sent once more to another address, and to the same one never. Nothing else
// is ever sent twice. (An app that cannot be connected to is another matter: then
// nothing was sent, and the next of several URLs is tried.)
package backend
