package channels

// Forms is a set of forms: those a message has, or those a waiter accepts. The
// hub only compares the two.
type Forms uint8

// The forms. A native poll accepts Native; a hold that an application asked for
// accepts HTTPResponse. Nobody accepts HTTPStream and WSMessage yet: a message
// that has only these is kept for its number and its ID, and releases nobody.
const (
	Native Forms = 1 << iota
	HTTPResponse
	HTTPStream
	WSMessage
)

// A Message is one thing that was published. Nothing in it changes after it has
// its number.
type Message struct {
	Number  uint64 // position in the hub; never 0
	Channel string
	ID      string // its publisher's name for it, "" if it has none
	Forms   Forms
	Data    any // the publisher's; the hub does not look at it

	size int   // what it counts against the bounds, without overhead
	at   int64 // hub clock when it was numbered, ns
}

// Size is what the message's publisher said it takes, in bytes.
func (m *Message) Size() int { return m.size }

// Bytes that the hub counts for each kept message and each channel that keeps
// any, besides the publisher's own size: what their structs and map slots take.
const (
	messageOverhead = 160
	entryOverhead   = 320
)

// An Item is a message to be published.
type Item struct {
	Channel string // 1 to 255 bytes; the hub does not check
	ID      string // the publisher's name for it; "" is none; see PositionOf and PublishNew
	Forms   Forms  // 0 means Native
	Data    any
	Size    int // bytes with those of ID, for the bounds of windows and answers
}

// A Result says what became of a publish.
type Result struct {
	Number   uint64
	Released int // waiters that it ended
}
