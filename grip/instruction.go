package grip

import (
	"fmt"
	"maps"
	"slices"
	"strings"
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

// An Instruction is what an app's response tells the proxy to do. With a
// Response, all that is said of the answer is in that, and Status, Reason and
// Expose are not given.
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
	Unknown    []string  // names of header lines that GRIP does not have
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
func IsInstruct(contentType string) bool {
	name, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(trim(name), "application/grip-instruct")
}

// Parse reads the Grip-* header lines among fields and, if instruct is true,
// body as application/grip-instruct, for which status must be 200. The error is
// a sentence for the app's developer.
func Parse(fields []Field, instruct bool, status int, body []byte) (*Instruction, error) {
	r := reader{
		in:    &Instruction{Timeout: DefaultTimeout},
		index: make(map[string]int),
		meta:  make(map[string]string),
	}
	if err := r.header(fields); err != nil {
		return nil, err
	}
	if instruct {
		if err := r.instruct(status, body); err != nil {
			return nil, err
		}
	}
	r.in.Timeout = max(r.in.Timeout, MinTimeout)
	for _, name := range slices.Sorted(maps.Keys(r.meta)) {
		r.in.Meta = append(r.in.Meta, Pair{name, r.meta[name]})
	}
	return r.in, nil
}

// A reader gathers an instruction from its two sources.
type reader struct {
	in    *Instruction
	index map[string]int    // of a channel in in.Channels
	meta  map[string]string // becomes in.Meta
}

// hold reads a mode; where says where it stands.
func (r *reader) hold(where, mode string) error {
	switch mode {
	case "response":
		r.in.Hold = ResponseHold
	case "stream":
		r.in.Hold = StreamHold
	default:
		return fmt.Errorf("%s is %q: it must be response or stream", where, mode)
	}
	return nil
}

// channel adds a channel, or what is said of it, to the channels.
func (r *reader) channel(c Channel) error {
	if len(c.Filters) > MaxFilters {
		return tooManyFilters(c.Name)
	}
	if c.Name == "" {
		return nil // Pushpin holds on a channel without a name; nobody can mean it
	}
	i, known := r.index[c.Name]
	if !known {
		i = len(r.in.Channels)
		r.index[c.Name] = i
		r.in.Channels = append(r.in.Channels, Channel{Name: c.Name})
	}
	have := &r.in.Channels[i]
	if c.PrevID != "" {
		have.PrevID = c.PrevID
	}
	for _, f := range c.Filters {
		if !slices.Contains(have.Filters, f) {
			have.Filters = append(have.Filters, f)
		}
	}
	if len(have.Filters) > MaxFilters {
		return tooManyFilters(c.Name)
	}
	return nil
}

func tooManyFilters(channel string) error {
	return fmt.Errorf("channel %q has more than %d filters", channel, MaxFilters)
}

// An informational status ends no exchange: a client that gets one as the answer
// waits for another, and takes the next answer on the connection for it. So
// Pushpin's 0 to 199 are refused.
func finalStatus(code int) bool { return code >= 200 && code <= 999 }
