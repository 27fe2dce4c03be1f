package grip

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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

var formats = []string{"http-response", "http-stream", "ws-message"}

// IsItem says whether a message is written as an item of GRIP is: in formats.
func IsItem(fields map[string]json.RawMessage) bool {
	o := object{fields: fields}
	return o.has("formats") || slices.ContainsFunc(formats, o.has)
}

// ParseItem reads an item, whose formats are in "formats" or, as some libraries
// write them, beside its channel. The error's text is Pushpin's where Pushpin
// has one, to be put behind "Invalid format: ", and so is the order in which
// errors are looked for.
func ParseItem(fields map[string]json.RawMessage) (*Item, error) {
	o := object{"publish item object", fields}
	if !o.has("channel") {
		return nil, errors.New("publish item object does not contain 'channel'")
	}
	it := &Item{}
	var err error
	if it.Channel, err = o.str("channel"); err != nil {
		return nil, err
	}
	if it.ID, err = o.str("id"); err != nil {
		return nil, err
	}
	if it.PrevID, err = o.str("prev-id"); err != nil {
		return nil, err
	}
	if err := it.readFormats(o); err != nil {
		return nil, err
	}
	if it.Meta, err = o.pairs("meta"); err != nil {
		return nil, err
	}
	if it.Size, err = o.loose("size"); err != nil {
		return nil, err
	}
	if it.NoSeq, err = o.bool("no-seq"); err != nil {
		return nil, err
	}
	return it, nil
}

// readFormats reads the formats. One of a name that is not known counts only in "formats".
func (it *Item) readFormats(o object) error {
	if o.has("formats") {
		inner, err := o.object("formats")
		if err != nil {
			return err
		}
		o = object{"formats", inner}
	} else if !IsItem(o.fields) {
		o.fields = nil
	}
	if len(o.fields) == 0 {
		return errors.New("no formats specified")
	}
	for _, name := range formats {
		raw, given := o.fields[name]
		if !given {
			continue
		}
		fields, ok := asObject(raw)
		if !ok {
			return fmt.Errorf("'%s' is not an object", name)
		}
		if err := it.readFormat(name, object{"'" + name + "'", fields}); err != nil {
			return err
		}
	}
	return nil
}

func (it *Item) readFormat(name string, o object) error {
	action, err := o.action()
	if err != nil {
		return err
	}
	switch name {
	case "http-response":
		it.Response, err = readResponse(o, action)
	case "http-stream":
		it.Stream, err = true, checkStream(o, action)
	case "ws-message":
		it.Message, err = true, checkMessage(o, action)
	}
	return err
}
