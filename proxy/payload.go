package proxy

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"mime"
	"strings"
	"unicode/utf8"

	"cometproxy/channels"
)

// payload is the content of a published message: channels.Message.Data. It
// never changes.
type payload struct {
	body        []byte
	contentType string // as raw answers give it; not empty
	kind        kind
	plain       bool // JSON or plain text: an item in JSON does not name its type

	grip *publication // how it answers a GRIP hold; nil: with 200 and its type
	hint bool         // it ends GRIP holds with the app's own answer
}

// publication is what an item for GRIP holds says besides its body.
type publication struct {
	status int
	reason string // empty: the standard one
	lines  string // header lines, each ending in CRLF
}

// kind is how a payload stands in a JSON answer.
type kind uint8

const (
	binary  kind = iota // "data_base64": "..."
	jsonish             // "data": the JSON itself
	text                // "data": "..."
)

const (
	textPlain   = "text/plain; charset=utf-8"
	formType    = "application/x-www-form-urlencoded" // what curl -d says
	octetStream = "application/octet-stream"
)

var (
	errNotJSON   = errors.New("the Content-Type says JSON, but the body is not valid JSON in UTF-8; mend it, or send it with another Content-Type")
	errControl   = errors.New("the Content-Type holds a control character or is not UTF-8; send one without")
	errDeep      = errors.New("the JSON is nested more than 1000 levels deep; send something flatter, or text")
	errLongMedia = errors.New("the Content-Type is longer than 255 bytes; send a shorter one")
)

// newPayload checks a message's content and finds out its kind. It keeps body.
func newPayload(contentType string, body []byte) (*payload, error) {
	if !utf8.ValidString(contentType) || strings.ContainsFunc(contentType, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return nil, errControl
	}
	if len(contentType) > 255 {
		return nil, errLongMedia
	}
	p := &payload{body: body, contentType: contentType}
	media := mediaOf(contentType)
	switch {
	case media == "application/json" || strings.HasSuffix(media, "+json"):
		if !utf8.Valid(body) || !json.Valid(body) {
			return nil, errNotJSON
		}
		if depth(body) > maxDepth {
			return nil, errDeep
		}
		p.kind, p.plain = jsonish, media == "application/json"
	case media == "" || media == formType:
		p.contentType, p.plain = textPlain, true
		p.kind = text
		if !utf8.Valid(body) {
			p.contentType, p.plain, p.kind = octetStream, false, binary
		}
	case strings.HasPrefix(media, "text/") && utf8.Valid(body):
		p.kind, p.plain = text, media == "text/plain"
	}
	return p, nil
}

// usualTypes are the Content-Types of most messages, with what they say without
// parameters. So they are neither parsed nor kept once for each message.
var usualTypes = map[string]usualType{}

type usualType struct{ contentType, media string }

func init() {
	for _, media := range []string{"application/json", "text/plain", "text/html", formType, octetStream} {
		for _, parameter := range []string{"", "; charset=utf-8", ";charset=utf-8", "; charset=UTF-8", ";charset=UTF-8"} {
			usualTypes[media+parameter] = usualType{media + parameter, media}
		}
	}
}

// typeOf is a Content-Type as a string.
func typeOf(header []byte) string {
	if usual, ok := usualTypes[string(header)]; ok {
		return usual.contentType
	}
	return string(header)
}

// mediaOf is a Content-Type without parameters, in lower case.
func mediaOf(contentType string) string {
	if usual, ok := usualTypes[contentType]; ok {
		return usual.media
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		media, _, _ = strings.Cut(contentType, ";")
		media = strings.ToLower(strings.TrimSpace(media))
	}
	return media
}

// maxDepth of published JSON. An answer nests it in its own, and readers have
// limits: Go's is 10,000, others' are lower.
const maxDepth = 1000

// depth is how deep valid JSON is nested.
func depth(b []byte) (deepest int) {
	level, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			level++
			deepest = max(deepest, level)
		case c == ']' || c == '}':
			level--
		}
	}
	return deepest
}

// size is what a message counts against the bounds of windows and answers.
func (p *payload) size(channel string) int {
	n := len(p.body) + len(channel) + len(p.contentType) + 64
	if p.grip != nil {
		n += len(p.grip.reason) + len(p.grip.lines) + 64
	}
	if p.kind == binary {
		n += len(p.body) / 3
	}
	return n
}

// appendMessage appends a message as it stands in a JSON answer.
func appendMessage(b []byte, m *channels.Message, id channels.Cursor) []byte {
	p := m.Data.(*payload)
	b = append(b, `{"channel":`...)
	b = appendString(b, m.Channel)
	b = append(b, `,"id":"`...)
	b = id.AppendToken(b)
	b = append(b, '"')
	if !p.plain {
		b = append(b, `,"type":`...)
		b = appendString(b, p.contentType)
	}
	switch p.kind {
	case jsonish:
		b = append(b, `,"data":`...)
		b = append(b, p.body...)
	case text:
		b = append(b, `,"data":`...)
		b = appendString(b, p.body)
	case binary:
		b = append(b, `,"data_base64":"`...)
		b = base64.StdEncoding.AppendEncode(b, p.body)
		b = append(b, '"')
	}
	return append(b, '}')
}

// appendString appends s as a JSON string.
func appendString[text string | []byte](b []byte, s text) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c != 0x7f {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(b, s[start:]...), '"')
}
