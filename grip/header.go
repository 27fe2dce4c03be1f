package grip

import (
	"fmt"
	"strings"
)

// A Field is one header line.
type Field struct{ Name, Value string }

// A Pair is a name with its value.
type Pair struct{ Name, Value string }

// Reserved says whether a header line of this name belongs to the proxy and
// never passes it: whether the name begins with "Grip-", in any case. Apps behind CGI see
// "_" and "-" as one, with some servers also every other sign, so each of them
// counts as "-".
func Reserved(name []byte) bool {
	const prefix = "grip"
	if len(name) <= len(prefix) || isAlphanumeric(name[len(prefix)]) {
		return false
	}
	for i := range prefix {
		if name[i]|0x20 != prefix[i] {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// lines returns the values of all header lines of a name.
func lines(fields []Field, name string) (values []string) {
	for _, f := range fields {
		if strings.EqualFold(f.Name, name) {
			values = append(values, trim(f.Value))
		}
	}
	return values
}

// first returns the value of the first header line of a name.
func first(fields []Field, name string) (value string, given bool) {
	for _, f := range fields {
		if strings.EqualFold(f.Name, name) {
			return trim(f.Value), true
		}
	}
	return "", false
}

// check refuses what would be more, or other, than one header line. Pushpin
// writes it, and whoever controls a value controls the response.
func (f *Field) check() error {
	switch {
	case !isToken(f.Name):
		return fmt.Errorf("headers contains %q, which is not a header name", f.Name)
	case !isLine(f.Value):
		return fmt.Errorf("headers contains '%s' with a line break or NUL in its value", f.Name)
	}
	return nil
}

// framing says whether a header line is the proxy's own to write, because it says
// how the message is framed or connected, or because it is reserved.
func (f *Field) framing() bool {
	switch strings.ToLower(f.Name) {
	case "content-length", "transfer-encoding", "connection", "keep-alive":
		return true
	}
	return Reserved([]byte(f.Name))
}

// isToken is RFC 9110's token, of which header names are made.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

// isLine says whether s can stand in one line of a head.
func isLine(s string) bool { return !strings.ContainsAny(s, "\r\n\x00") }
