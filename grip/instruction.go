package grip

import (
	"errors"
	"time"
)

// A Mode is what a Grip-Hold asks for.
type Mode uint8

const (
	NoHold       Mode = iota // the response goes out at once
	ResponseHold             // the request is answered by the first message or by the timeout
	StreamHold               // the response goes out, and its body stays open
)

const (
	// DefaultTimeout ends a hold whose app said nothing else.
	DefaultTimeout = 55 * time.Second
	// MinTimeout is the least that an app gets, whatever it says.
	MinTimeout = 5 * time.Second
	// MaxFilters is how many filters a channel may have.
	MaxFilters = 5
)

// A Channel is one that a held request listens to.
type Channel struct {
	Name    string // never empty
	PrevID  string // the message that the app saw last; "" is none
	Filters []string
}

// A Link is a part of Grip-Link.
type Link struct {
	URL, Rel string
	Timeout  time.Duration // of rel=next
}

// An Instruction is what an app's response tells the proxy to do.
type Instruction struct {
	Hold       Mode
	Channels   []Channel     // each name once
	Timeout    time.Duration // at least MinTimeout; the proxy caps it
	Meta       []Pair        // sorted by name, each name once
	Status     int           // replaces the response's; 0 is not given
	Reason     string        // "" is the standard text
	Expose     []string      // the only header lines that stay, if ExposeOnly
	ExposeOnly bool          // Expose was given, though perhaps empty
	Links      []Link
	Response   *Response // takes the place of the app's; nil leaves that as it is
}

// A Response is one that an application/grip-instruct body brings along.
type Response struct {
	Status int
	Reason string // "" is the standard text
	Header []Field
	Body   []byte
}

// IsInstruct says whether a body of this Content-Type is an instruction.
func IsInstruct(contentType string) bool { return false }

// Parse reads the Grip-* header lines among fields and, if instruct is true,
// body as application/grip-instruct, for which status must be 200. The error is
// a sentence for the app's developer.
func Parse(fields []Field, instruct bool, status int, body []byte) (*Instruction, error) {
	return nil, errors.New("GRIP is not parsed yet")
}
