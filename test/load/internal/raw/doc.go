// Package raw is sockets without the net package: descriptors, epoll and the
// clocks of processes. A client made of them costs a descriptor and a few bytes,
// so that what is measured is the server. Linux only; elsewhere every call says
// so.
package raw

import "errors"

// ErrAgain means that a socket has nothing to read now.
var ErrAgain = errors.New("nothing to read now")

// MaxEvents is how many ready sockets one Wait returns at most.
const MaxEvents = 512
