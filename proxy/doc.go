// Package proxy is the HTTP side of cometproxy: it routes requests, forwards
// most of them to backends, holds long polls, and releases them when something
// is published on the internal listener.
//
// # The path of a long poll
//
//	park.Lot --Serve--> fasthttp --> handlePublic --route--> native --> poll
//	                                                                     | a look found nothing
//	                                    fasthttp's goroutine and buffers | hijack, no response
//	                                    go back to their pools           v
//	   hub.Park <-- lot.Park <-- hold.takeOver <----------------------- hold
//	      |            |
//	 message,       deadline, end of input, reset
//	 delete, drain     |
//	      v            v
//	 Released -----> ended        exactly one of them claims the waiter
//	      |            |
//	      v            v
//	   releaser --> finish --> lot.Answer --> idle, and so on
//
// While a request is held there is a hold with its waiter, the connection's
// entry in the lot, and nothing else: no buffer of the HTTP server's.
//
// # The path of any other request
//
// forward sends it to its backend. An answer that is complete at once goes back
// through the HTTP server; every other one takes the connection over like a hold
// does (relay, tunnel), because the HTTP server would wait for full buffers.
//
// # Invariants
//
//   - I8 The HTTP server gets a throw-away Conn each turn. Bytes that the client
//     pipelined are carried over; bytes of a request's own body never are: a poll
//     with a body is refused and its connection closed, and a relay carries only
//     what was read after the request had been sent to its end.
//   - I9 A proxy is new, serving, draining, stopped, in this order. Draining is
//     set before the hub is drained, and the hub turns away whoever parks later.
//   - Only the claimant of a hold touches its connection: the release worker that
//     or publisher that has it from the hub, or who won Hub.End, or the parker
//     whom Hub.Park told so. It answers once, and gives the hold's memory back first.
//
// # Panics
//
// The HTTP server recovers none. There are four boundaries on the public side,
// the handler, the hijack function (and the goroutines that successors start),
// the answer to a released hold and the lot's event func, and one on the internal listener.
// A panic costs one client its connection.
package proxy
