package proxy

import (
	"bytes"

	"github.com/valyala/fasthttp"
)

// What makes a head one that two readers could understand in two ways. The
// parser is lenient where old clients were; but in front of this proxy there may
// be another and behind it there are apps, and who sees the end of a request in
// another place than its neighbour takes a part of it for the next one (request
// smuggling). So what is ambiguous is refused, and the connection ends.
const (
	badLineEnd   = "a line of the head ends without CR, or has one inside"
	badFold      = "a header line begins with a space or a tab: long values cannot be folded any more (RFC 9112, section 5.2)"
	badName      = "the name of a header field has a character that is not allowed there (RFC 9110, section 5.6.2); no space may stand before the colon"
	badValue     = "the value of a header field has a control character"
	badLength    = "Content-Length has to be one whole number"
	twoLengths   = "Content-Length and Transfer-Encoding say in two ways where the body ends; send one of them"
	badCoding    = "Transfer-Encoding can only be chunked, once, and only with HTTP/1.1"
	noHost       = "a request of HTTP/1.1 needs one Host header"
	badHost      = "the Host header is no host and port"
	badVersion   = "only HTTP/1.0 and HTTP/1.1 are spoken here"
	badTarget    = "the request's target has a space, a control character or the wrong form"
	tooManyLines = "the request has too many header lines (limits.header_lines)"
)

// strict says what is wrong with a request's head, or "". It looks at each byte
// once and allocates nothing.
func strict(h *fasthttp.RequestHeader, maxLines int) string {
	http11 := string(h.Protocol()) == "HTTP/1.1"
	if !http11 && string(h.Protocol()) != "HTTP/1.0" {
		return badVersion
	}
	if !sensible(h.Method(), h.RequestURI()) {
		return badTarget
	}
	var lengths, codings, hosts, lines int
	for rest := h.RawHeaders(); len(rest) > 0; {
		end := bytes.IndexByte(rest, '\n')
		if end < 1 || rest[end-1] != '\r' {
			return badLineEnd
		}
		line := rest[:end-1]
		rest = rest[end+1:]
		if len(line) == 0 {
			break
		}
		if lines++; maxLines > 0 && lines > maxLines {
			return tooManyLines
		}
		name, value, why := splitLine(line)
		if why != "" {
			return why
		}
		switch {
		case len(name) == 4 && equalFold(name, "Host"):
			if hosts++; !validHost(value) {
				return badHost
			}
		case len(name) == 14 && equalFold(name, "Content-Length"):
			if lengths++; lengths > 1 || !isNumber(value) {
				return badLength
			}
		case len(name) == 17 && equalFold(name, "Transfer-Encoding"):
			if codings++; codings > 1 || !http11 || !equalFold(value, "chunked") {
				return badCoding
			}
		}
	}
	switch {
	case lengths > 0 && codings > 0:
		return twoLengths
	case hosts > 1 || http11 && hosts == 0:
		return noHost
	}
	return ""
}

// splitLine takes a header line apart, without the blanks around its value.
func splitLine(line []byte) (name, value []byte, why string) {
	if line[0] == ' ' || line[0] == '\t' {
		return nil, nil, badFold
	}
	colon := 0
	for colon < len(line) && tokenChars[line[colon]] {
		colon++
	}
	if colon == 0 || colon == len(line) || line[colon] != ':' {
		return nil, nil, badName
	}
	value = line[colon+1:]
	for _, c := range value {
		switch {
		case c == '\r':
			return nil, nil, badLineEnd
		case c < ' ' && c != '\t', c == 0x7f:
			return nil, nil, badValue
		}
	}
	return line[:colon], bytes.Trim(value, " \t"), ""
}

// sensible reports that a target has one of the forms that a proxy may get: a path,
// a URL, or * with OPTIONS.
func sensible(method, target []byte) bool {
	for _, c := range target {
		if c <= ' ' || c == 0x7f {
			return false
		}
	}
	switch {
	case len(target) == 0:
		return false
	case target[0] == '/':
		return true
	case string(target) == "*":
		return string(method) == "OPTIONS"
	}
	return bytes.Contains(target, []byte("://"))
}

// isNumber is true for digits that fit into 63 bits.
func isNumber(v []byte) bool {
	for _, c := range v {
		if c < '0' || '9' < c {
			return false
		}
	}
	return 0 < len(v) && len(v) <= 18
}

func validHost(v []byte) bool {
	for _, c := range v {
		if !hostChars[c] {
			return false
		}
	}
	return true
}

var (
	tokenChars = charSet("!#$%&'*+-.^_`|~")
	hostChars  = charSet("-._~%!$&'()*+,;=:[]") // RFC 3986, section 3.2.2, without user and password
)

// charSet has letters, digits and more.
func charSet(more string) (set [256]bool) {
	for c := range 256 {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		set[c] = letter || '0' <= c && c <= '9'
	}
	for _, c := range []byte(more) {
		set[c] = true
	}
	return set
}
