package route

import (
	"bytes"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// UnescapeSegment decodes one path segment, such as the {channel} of
// /channels/{channel}, by the rules of native paths: an empty segment, "." and
// ".." (also encoded), a bad escape, bad UTF-8 and control characters are a
// [BadPath] error. Each %2F becomes a "/" within the segment; "+" is a plus.
func UnescapeSegment(raw []byte) (string, error) {
	decoded, f := raw, faultNone
	if bytes.IndexByte(raw, '%') >= 0 {
		decoded, f = appendUnescaped(nil, raw)
	}
	if f == faultNone {
		f = judge(decoded)
	}
	if f != faultNone {
		return "", f.describe(raw)
	}
	return string(decoded), nil
}

// fault is what makes a segment unfit for a native path.
type fault uint8

const (
	faultNone fault = iota
	faultEmpty
	faultDot
	faultEscape
	faultUTF8
	faultControl
)

// describe makes the error for the raw segment.
func (f fault) describe(raw []byte) *Error {
	shown := quote(raw)
	switch f {
	case faultEmpty:
		return badPath("the path has an empty segment: write each / once and none at the end")
	case faultDot:
		return badPath("the path has the dot segment %s: send the path it stands for", shown)
	case faultEscape:
		return badPath("the path segment %s has a bad percent escape: a literal %% is written %%25", shown)
	case faultUTF8:
		return badPath("the path segment %s is not UTF-8 when decoded", shown)
	default:
		return badPath("the path segment %s contains a control character", shown)
	}
}

// quote shows a segment in an error text, cut to a readable length.
func quote(b []byte) string {
	const most = 60
	if len(b) > most {
		return strconv.QuoteToASCII(string(b[:most]) + "...")
	}
	return strconv.QuoteToASCII(string(b))
}

// judge finds what is wrong with a decoded segment.
func judge(decoded []byte) fault {
	if len(decoded) == 0 {
		return faultEmpty
	}
	if isDot(decoded) || isDotDot(decoded) {
		return faultDot
	}
	for i, c := range decoded {
		if c >= utf8.RuneSelf {
			return judgeUnicode(decoded[i:])
		}
		if c < ' ' || c == 0x7f {
			return faultControl
		}
	}
	return faultNone
}

// judgeUnicode is judge's slow part, for text that is not ASCII only.
func judgeUnicode(text []byte) fault {
	if !utf8.Valid(text) {
		return faultUTF8
	}
	for len(text) > 0 {
		c, n := utf8.DecodeRune(text)
		if unicode.IsControl(c) {
			return faultControl
		}
		text = text[n:]
	}
	return faultNone
}

func isDot(b []byte) bool    { return len(b) == 1 && b[0] == '.' }
func isDotDot(b []byte) bool { return len(b) == 2 && b[0] == '.' && b[1] == '.' }

// appendUnescaped appends raw to dst, each good percent escape decoded once. Bad
// escapes are kept as they are and reported by faultEscape.
func appendUnescaped(dst, raw []byte) ([]byte, fault) {
	f := faultNone
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c == '%' {
			if i+2 < len(raw) && isHex(raw[i+1]) && isHex(raw[i+2]) {
				c = unhex(raw[i+1])<<4 | unhex(raw[i+2])
				i += 2
			} else {
				f = faultEscape
			}
		}
		dst = append(dst, c)
	}
	return dst, f
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// unhex returns the value of a hexadecimal digit.
func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}
