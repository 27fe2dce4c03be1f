package park

import (
	"io"
	"net"
	"net/netip"
	"time"
)

// ID names one client connection for its whole life: its slot in the lot's
// table (low 32 bits) and the slot's generation (high 32 bits, never 0). An ID
// of a connection that is gone matches nothing, also after its slot is reused.
// The zero ID names no connection.
type ID uint64

// A Lot owns the client connections of a server. It has them while they wait,
// for a first byte (idle) or for an answer (parked), and lends each to the HTTP
// server while one of its requests is worked on (active).
//
// The life of a connection, one state at a time:
//
//	accepted -> idle -> active -> idle               an ordinary request
//	                    active -> parked -> idle     a held one
//	idle, active, parked -> closed                   (terminal)
//
// All methods may be called from several goroutines. Methods that take an ID
// do nothing when the connection is gone.
type Lot interface {
	// Serve accepts connections from ln, whatever it is, and makes them idle,
	// until ln is closed or the lot is. It returns nil then, else what Accept failed with.
	// Running out of descriptors is no failure: it waits and goes on.
	Serve(ln net.Listener) error

	// Park takes an active connection, detached from the HTTP server, and
	// keeps it until its claimant calls Answer or Close. What the client does
	// meanwhile, and the deadline, are reported as at most one terminal event
	// (EndOfInput, Reset or Deadline) that carries stay.Owner and stay.Gen.
	// The event can come before Park returns. The lot never closes a parked
	// connection by itself.
	Park(id ID, stay Stay)

	// Answer ends a stay: it writes b without blocking the caller, and then
	// makes the connection idle or, if end is true, closes it. Only the one
	// claimant of the stay calls it. The lot does not keep b: what the socket
	// does not take at once is copied and written by a finisher with a
	// deadline of its own; there is a bounded number of finishers and, beyond
	// it, the connection is closed. A client whose input has ended is answered
	// too, and closed when the requests it had pipelined are answered.
	Answer(id ID, b []byte, end bool)

	// Idle takes an active connection, detached from the HTTP server, back to
	// wait for its next request. Carried bytes are the beginning of that.
	Idle(id ID, carried []byte)

	// Close closes a connection, whatever its state; the caller must be its
	// owner: the claimant of a stay, or who detached it.
	Close(id ID)

	// Drain closes the idle connections, and from now on every connection
	// that would become idle, if no byte of a next request is at hand. Those
	// that have only just come, whose first request is on its way, stay: a
	// client that has had answers tries again, but a first request that is lost
	// is a failure to it. Parked and active ones are left to their owners.
	Drain()

	// Shut closes every connection, whoever has it, and ends the lot's
	// goroutines and its listeners. It waits for events that are being handled,
	// so it must not be called from one. No event comes after it has returned.
	Shut()

	// Peer is the address of a connection's client, nil if the connection is gone.
	// It is for who looks at a running lot: it may cost a call of the system.
	Peer(id ID) net.Addr

	// Limit changes the bounds of connections. Those that are beyond them stay.
	Limit(Limits)

	Stats() Stats

	// Check compares the lot's books with its connections and returns what
	// does not fit, nil when all does.
	Check() error
}

// Stay describes one parking of a connection.
type Stay struct {
	Owner any       // handed back with the stay's event; a pointer, so that it costs no allocation
	Gen   uint32    // likewise: lets the owner tell an event of an earlier stay
	Until time.Time // deadline; it fires within one tick (100 ms) after, never before; zero for none

	// Carried are bytes that the client pipelined behind the held request
	// and the HTTP server had read already. The lot takes the slice over.
	Carried []byte
}

// Kind says what an Event is about.
type Kind uint8

const (
	// Serve: an idle connection has its first byte. Event.Conn is lent to the
	// receiver until it is closed or detached, also if that is after the event
	// func has returned, as it can be with an HTTP server that calls its hijack
	// function from another goroutine. Runs on a worker goroutine and may
	// take as long as it likes.
	Serve Kind = iota + 1

	// EndOfInput: the client of a parked connection closed it or half-closed
	// it (the two look the same). It may still read the answer.
	EndOfInput

	// Reset: a parked connection is broken, and nobody will read an answer, or
	// its client has sent more ahead than is kept for it (32 KiB).
	Reset

	// Deadline: a stay's time is up.
	Deadline

	// Refused: a connection was turned away at the limit with Options.Refusal.
	Refused

	// Crowded: one was turned away with Options.RefusalPerAddress.
	Crowded

	// Evicted: the connection idle for longest was closed to make room.
	Evicted

	// AcceptFailed: Accept failed for a passing reason, Event.Err; the lot
	// pauses and tries again.
	AcceptFailed
)

// An Event is what the lot tells its owner, through the one func value
// Options.Event. Events other than Serve must be handled without blocking.
type Event struct {
	Kind  Kind
	ID    ID
	Conn  Conn   // Serve only
	Owner any    // EndOfInput, Reset, Deadline: from the stay
	Gen   uint32 // likewise
	Err   error  // AcceptFailed only

	Peer net.Addr // Crowded only: whose connection it was; nil: not known
}

// Conn is a client connection during one turn with the HTTP server: from an
// event Serve to Close or Detach. It is a fresh value for each turn.
//
// When the HTTP server closes it after its keep-alive wait timed out with no
// byte read, the connection is not closed but becomes idle again.
type Conn interface {
	net.Conn

	ID() ID

	// Attach hangs one value on this turn, for the function that takes the
	// connection over; Attached returns it. Not safe for concurrent use.
	Attach(v any)
	Attached() any

	// InputEnded reports that the client is known to send no more than it
	// has sent: requests of such a connection must not be held.
	InputEnded() bool

	// MetEnd reports that a Read has wanted more than there was before the end
	// of the input: what was being read is not whole.
	MetEnd() bool

	// Detach takes the connection away from the HTTP server: from now on its
	// Read fails and its Close does nothing. buffered is the HTTP server's
	// reader over this Conn; bytes that it had read ahead are returned. The
	// caller owns the connection now and ends that with Lot.Park, Lot.Idle or
	// Lot.Close.
	Detach(buffered io.Reader) (carried []byte)

	// Raw is the connection for who detached it: reads, writes and deadlines
	// go to the socket. Its Close is Lot.Close, and it has a CloseWrite. Valid
	// after Detach, until Lot.Park, Lot.Idle or Lot.Close.
	Raw() net.Conn

	// SetReadPace gives every following Read a deadline of its own, d from
	// its beginning, instead of the one deadline set before; 0 ends that.
	SetReadPace(d time.Duration)

	// WatchInput reports, by calling gone once from another goroutine, that
	// the client's input ended or broke while its owner waits for something
	// else and reads nothing. Bytes that arrive are kept for the next Read; a
	// client that sends too many (32 KiB) is given up after 10 s.
	// The watch ends when stop has returned; it must be called before the
	// next Read, and before Detach.
	WatchInput(gone func()) (stop func())
}

// Limits are those of Options with the same names.
type Limits struct {
	MaxConns      int
	MaxPerAddress int
	Exempt        func(netip.Addr) bool
}

func (o *Options) limits() Limits { return Limits{o.MaxConns, o.MaxPerAddress, o.Exempt} }

// Announced is a connection that its listener has learned something of: it read
// how a proxy in front introduces it. Serve uses Bare if the connection can be one
// of those that are kept as descriptors, and else the connection itself.
type Announced interface {
	net.Conn
	// Bare is the connection below, whose client is peer; ahead has been read of it.
	Bare() (conn net.Conn, peer net.Addr, ahead []byte)
}

// Stats are counts of one moment, each exact, not one snapshot together.
type Stats struct {
	Idle, Active, Parked int64  // connections now, by state
	Finishing            int64  // answers being written by a finisher now
	Accepted             uint64 // since the start, as are all below
	Refused              uint64
	Evicted              uint64
	Unwritten            uint64 // answers given up: finisher's deadline, or too many finishers
}

// Options of a lot. The zero value of a field means its documented default.
type Options struct {
	// Event receives every event. Required.
	Event func(Event)

	// MaxConns is how many connections the lot holds at most, 0 for no limit.
	// Beyond it the connection idle for longest is closed to make room or, when
	// none is idle for EvictAfter, the new one is turned away with Refusal.
	MaxConns int

	// MaxPerAddress is how many of them may come from one address, or one /64 of
	// IPv6, 0 for no limit. Beyond it a new one is turned away with
	// RefusalPerAddress. Addresses for which Exempt says so are not counted.
	MaxPerAddress     int
	RefusalPerAddress []byte
	Exempt            func(netip.Addr) bool

	// EvictAfter spares connections that became idle only now: in a flood of
	// new ones each would otherwise make room for the next before its client
	// has sent a byte. Default 1 s, negative: none is spared.
	EvictAfter time.Duration

	// Refusal is written to a connection that is turned away: a complete
	// HTTP answer with "Connection: close".
	Refusal []byte

	// IdleTimeout is how long a connection may wait for a request's first
	// byte; default 75 s, negative for ever.
	IdleTimeout time.Duration

	// FinishTimeout is how long a client may take to read an answer that its
	// socket did not take at once; default 30 s.
	FinishTimeout time.Duration

	// MaxFinishers bounds the answers being finished at one time; default 1024.
	MaxFinishers int
}
