package poll

import (
	"bytes"
	"fmt"
)

// key is one of the query keys this package knows.
type key int

const (
	keyCursor key = iota
	keyWait
	keyLimit
	keyFormat
	keys // how many there are
)

var keyNames = [keys]string{"cursor", "wait", "limit", "format"}

// values are the values of the known keys.
type values [keys]value

type value struct {
	text  []byte // decoded
	given bool
}

// parseQuery finds the known keys. Pairs are split at "&" only; keys and values
// are percent-decoded, "+" is a space; a key without "=" has an empty value.
// Pairs whose key is unknown are skipped, whatever they hold, but no raw control
// character may be anywhere.
func parseQuery(query []byte) (values, *Error) {
	var q values
	if hasControl(query) {
		return q, &Error{"query", "the query contains a control character: percent-encode it, or leave it out"}
	}
	for len(query) > 0 {
		var pair []byte
		pair, query, _ = bytes.Cut(query, ampersand)
		rawKey, rawText, _ := bytes.Cut(pair, equalsSign)
		k, ok := knownKey(rawKey)
		if !ok {
			continue
		}
		if q[k].given {
			return q, &Error{keyNames[k], keyNames[k] + " is given twice: send it once"}
		}
		text, ok := unescape(rawText)
		if !ok {
			return q, &Error{keyNames[k], fmt.Sprintf("%s has a bad percent escape: a literal %% is written %%25", keyNames[k])}
		}
		if hasControl(text) {
			return q, &Error{keyNames[k], keyNames[k] + " contains a control character: leave it out"}
		}
		q[k] = value{text: text, given: true}
	}
	return q, nil
}

var ampersand, equalsSign = []byte("&"), []byte("=")

// knownKey decodes a key and looks it up. Case matters, as in every query.
func knownKey(raw []byte) (key, bool) {
	name, ok := unescape(raw)
	if !ok {
		return 0, false
	}
	for k, known := range keyNames {
		if string(name) == known {
			return key(k), true
		}
	}
	return 0, false
}

// unescape decodes percent escapes and "+". Without any it returns raw itself;
// on a bad escape, false.
func unescape(raw []byte) ([]byte, bool) {
	if bytes.IndexByte(raw, '%') < 0 && bytes.IndexByte(raw, '+') < 0 {
		return raw, true
	}
	text := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch c {
		case '+':
			c = ' '
		case '%':
			if i+2 >= len(raw) {
				return nil, false
			}
			high, ok := unhex(raw[i+1])
			low, ok2 := unhex(raw[i+2])
			if !ok || !ok2 {
				return nil, false
			}
			c = high<<4 | low
			i += 2
		}
		text = append(text, c)
	}
	return text, true
}

// unhex returns the value of a hexadecimal digit.
func unhex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// hasControl looks for ASCII's control characters; nothing that may be part of
// a good value is outside ASCII.
func hasControl(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c == 0x7f {
			return true
		}
	}
	return false
}
