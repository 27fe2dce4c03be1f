package grip

import (
	"encoding/json"
	"errors"
)

// An Item is one message as it was published, in one or several formats.
type Item struct {
	Channel, ID, PrevID string
	Response            *ResponseFormat // "http-response"; nil is none
	Stream, Message     bool            // it has "http-stream", "ws-message"
	Meta                []Pair          // sorted by name
	NoSeq               bool
	Size                int
}

// An Action is what a format does with those who hold.
type Action uint8

const (
	Send    Action = iota // deliver it
	Hint                  // ask the app again
	Close                 // end the stream; nothing to a held response
	Refresh               // of WebSockets
)

// A ResponseFormat is how an item answers held requests.
type ResponseFormat struct {
	Action         Action
	Status         int
	Reason         string // "" is the standard text
	Header         []Field
	Body           []byte
	Patch          bool     // there is a body-patch and no Body
	ContentFilters []string // nil is not given
}

// IsItem says whether a message is written as an item of GRIP is: in formats.
func IsItem(fields map[string]json.RawMessage) bool { return false }

// ParseItem reads an item. The error's text is Pushpin's, to be put behind
// "Invalid format: ".
func ParseItem(fields map[string]json.RawMessage) (*Item, error) {
	return nil, errors.New("GRIP is not parsed yet")
}
