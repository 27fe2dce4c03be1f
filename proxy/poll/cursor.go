package poll

import (
	"bytes"
	"fmt"
)

const (
	inputHeader = "Last-Event-ID"

	wordNow      = "now"
	wordEarliest = "earliest"
)

// readCursor sets where to begin: by the query, else by the header.
func (r *Request) readCursor(query value, header [][]byte) *Error {
	if len(header) > 1 {
		return &Error{inputHeader, "Last-Event-ID is given twice: send it once"}
	}
	input, token := keyNames[keyCursor], query.text
	if !query.given && len(header) == 1 {
		input, token = inputHeader, bytes.Trim(header[0], " \t")
	}
	switch string(token) {
	case "", wordNow:
		r.Now = true
		return nil
	case wordEarliest:
		r.Earliest = true
		return nil
	}
	if len(token) > MaxCursor {
		return &Error{input, fmt.Sprintf("%s is longer than %d bytes: send the cursor of the last answer unchanged", input, MaxCursor)}
	}
	for _, c := range token {
		if !isBase64URL(c) {
			return &Error{input, input + " is no cursor (base64url without padding): send the cursor of the last answer unchanged, or now, or earliest"}
		}
	}
	r.Cursor, r.HasCursor = string(token), true
	return nil
}

// isBase64URL: the alphabet of RFC 4648, section 5. Only the characters are judged;
// what the token means is the hub's business, and what the hub does not understand
// is a gap and no error.
func isBase64URL(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}
