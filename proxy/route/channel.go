package route

import (
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// MaxChannel is the length of the longest channel name in bytes.
const MaxChannel = 255

// ValidChannel says what is wrong with a channel name, or returns nil. A name is
// 1 to [MaxChannel] bytes of UTF-8 without control characters (Unicode's Cc, so
// also U+007F to U+009F) and does not begin with "$": those are cometproxy's own.
func ValidChannel(name string) error {
	switch {
	case name == "":
		return errors.New("a channel name may not be empty")
	case len(name) > MaxChannel:
		return fmt.Errorf("a channel name is at most %d bytes of UTF-8, this one has %d", MaxChannel, len(name))
	case name[0] == '$':
		return errors.New("channel names that begin with $ are reserved")
	case !utf8.ValidString(name):
		return errors.New("a channel name must be valid UTF-8")
	}
	for _, c := range name {
		if unicode.IsControl(c) {
			return fmt.Errorf("a channel name may not contain the control character U+%04X", c)
		}
	}
	return nil
}
