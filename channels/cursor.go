package channels

import (
	"encoding/base64"
	"encoding/binary"
)

// A Cursor is a position in one hub: the client has seen, of all its channels,
// every message up to Number. The epoch changes whenever a hub starts anew, so
// that a number is never taken for another hub's.
type Cursor struct {
	Epoch  uint64
	Number uint64
}

// A token is a cursor as clients see it: base64url without padding of
//
//	byte  0      form, 1
//	bytes 1..8   epoch, big endian
//	bytes 9..16  number, big endian
const (
	tokenForm  = 1
	tokenBytes = 17
)

// TokenLen is the length of a token in bytes.
const TokenLen = (tokenBytes*8 + 5) / 6

// AppendToken appends the cursor's token to dst.
func (c Cursor) AppendToken(dst []byte) []byte {
	var b [tokenBytes]byte
	b[0] = tokenForm
	binary.BigEndian.PutUint64(b[1:], c.Epoch)
	binary.BigEndian.PutUint64(b[9:], c.Number)
	return base64.RawURLEncoding.AppendEncode(dst, b[:])
}

// String is the cursor's token.
func (c Cursor) String() string {
	var b [TokenLen]byte
	return string(c.AppendToken(b[:0]))
}

// ParseCursor reads a token. A token that is not of the form above, with no bit
// to spare, is not ok; the caller tells such a client of a gap.
func ParseCursor(token string) (c Cursor, ok bool) {
	if len(token) != TokenLen {
		return Cursor{}, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) != tokenBytes || b[0] != tokenForm {
		return Cursor{}, false
	}
	return Cursor{
		Epoch:  binary.BigEndian.Uint64(b[1:]),
		Number: binary.BigEndian.Uint64(b[9:]),
	}, true
}
