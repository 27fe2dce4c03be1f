package proxy

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"cometproxy/channels"
	"cometproxy/grip"
	"cometproxy/proxy/route"
)

// publishItems is POST /publish/: a batch, of which all or nothing is published.
// Status and text of its answers are those that GRIP libraries know.
func (p *Proxy) publishItems(ctx *fasthttp.RequestCtx) {
	if !ctx.IsPost() {
		plain(ctx, fasthttp.StatusMethodNotAllowed, fmt.Sprintf("Method not allowed: %s.", shorten(string(ctx.Method()))))
		ctx.Response.Header.Set("Allow", "POST")
		return
	}
	asJSON, ok := acceptsJSON(string(bytes.Join(ctx.Request.Header.PeekAll("Accept"), []byte{','})))
	if !ok {
		plain(ctx, fasthttp.StatusNotAcceptable, "Not Acceptable. Supported formats are text/plain and application/json.")
		return
	}
	if len(ctx.Request.Body()) == 0 && !bytes.Contains(bytes.ToLower(ctx.Request.Header.RawHeaders()), []byte("content-length:")) {
		plain(ctx, fasthttp.StatusLengthRequired, "Request requires Content-Length.")
		return
	}
	if len(ctx.Request.Header.Peek("Idempotency-Key")) > 0 {
		plain(ctx, fasthttp.StatusBadRequest, "Idempotency-Key is for POST /channels/{channel}, not for batches.")
		return
	}
	items, err := p.parseItems(ctx.Request.Body())
	if err != nil {
		status := fasthttp.StatusBadRequest
		if errors.Is(err, errTooLarge) {
			status = fasthttp.StatusRequestEntityTooLarge
		}
		plain(ctx, status, err.Error())
		return
	}
	results := make([]published, len(items))
	for i, it := range items {
		r, repeated := p.hub.PublishNew(it)
		if !repeated {
			p.heard(it, r)
		}
		results[i] = p.published(it.Channel, r)
	}
	switch {
	case prefersRepresentation(ctx):
		ctx.Response.Header.Set("Preference-Applied", "return=representation")
		writeJSON(ctx, map[string]any{"message": "Published", "items": results})
	case asJSON:
		writeJSON(ctx, map[string]string{"message": "Published"})
	default:
		plain(ctx, fasthttp.StatusOK, "Published")
	}
}

func plain(ctx *fasthttp.RequestCtx, status int, text string) {
	ctx.Response.SetStatusCode(status)
	ctx.Response.Header.SetContentType("text/plain")
	ctx.Response.SetBodyString(text + "\n")
}

// acceptsJSON reads an Accept header as GRIP libraries expect: the last range
// that names one of the two formats decides.
func acceptsJSON(accept string) (asJSON, ok bool) {
	if accept == "" {
		return false, true
	}
	for part := range strings.SplitSeq(accept, ",") {
		media, _, _ := strings.Cut(part, ";")
		switch strings.ToLower(strings.TrimSpace(media)) {
		case "application/json", "application/*":
			asJSON, ok = true, true
		case "text/plain", "text/*", "*/*", "*":
			asJSON, ok = false, true
		}
	}
	return asJSON, ok
}

func prefersRepresentation(ctx *fasthttp.RequestCtx) bool {
	for _, v := range ctx.Request.Header.PeekAll("Prefer") {
		for part := range strings.SplitSeq(string(v), ",") {
			part, _, _ = strings.Cut(part, ";")
			if strings.EqualFold(strings.TrimSpace(part), "return=representation") {
				return true
			}
		}
	}
	return false
}

var errTooLarge = errors.New("message too large")

// parseItems checks a whole batch. It keeps nothing of body.
func (p *Proxy) parseItems(body []byte) ([]channels.Item, error) {
	if !utf8.Valid(body) || !json.Valid(body) {
		return nil, errors.New("Body is not valid JSON.")
	}
	switch bytes.TrimLeft(body, " \t\r\n")[0] { // not empty: it is valid
	case '{':
	case '[':
		return nil, errors.New("Invalid format.")
	default:
		return nil, errors.New("Body is not valid JSON.") // so says Pushpin, for which only objects and lists are
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(body, &object); err != nil {
		return nil, errors.New("Body is not valid JSON.")
	}
	raw, ok := object["items"]
	if !ok {
		return nil, errors.New("Invalid format: object does not contain 'items'")
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil || list == nil {
		return nil, errors.New("Invalid format: object contains 'items' with wrong type")
	}
	var items []channels.Item
	for i, raw := range list {
		some, err := p.parseItem(raw)
		switch {
		case err != nil && len(list) > 1:
			return nil, fmt.Errorf("Invalid format: %w (item %d of %d; none was published)", err, i+1, len(list))
		case err != nil:
			return nil, fmt.Errorf("Invalid format: %w", err)
		}
		items = append(items, some...)
	}
	return items, nil
}

// parseItem reads one item: GRIP's, or a native one, which is a message for one
// channel or for several.
func (p *Proxy) parseItem(raw json.RawMessage) (items []channels.Item, err error) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil || fields == nil {
		return nil, errors.New("publish item object is not an object")
	}
	if isNative(fields) {
		items, err = nativeItems(fields)
	} else {
		items, err = p.gripItems(fields)
	}
	if err != nil {
		return nil, err
	}
	if err := p.checkSize(&items[0]); err != nil {
		return nil, err
	}
	return items, nil
}

// Bounds of what a message has besides its body.
const (
	maxID            = 255
	maxPublishedHead = 16 << 10 // bytes; clients take no more
)

func (p *Proxy) checkSize(it *channels.Item) error {
	load, head := it.Data.(*payload), 0
	if load.grip != nil {
		head = len(load.grip.reason) + len(load.grip.lines)
	}
	switch n := len(load.body) + head; {
	case len(it.ID) > maxID:
		return fmt.Errorf("publish item object contains 'id' of %d bytes, at most %d are allowed", len(it.ID), maxID)
	case n > p.set().Publish.MaxBytes:
		return fmt.Errorf("%w: it has %d bytes, at most %d are allowed (publish.max_bytes)", errTooLarge, n, p.set().Publish.MaxBytes)
	case head > maxPublishedHead:
		return fmt.Errorf("%w: its reason and headers have %d bytes, at most %d are allowed", errTooLarge, head, maxPublishedHead)
	}
	return nil
}

// isNative tells a native item from GRIP's, which has formats.
func isNative(fields map[string]json.RawMessage) bool {
	for _, name := range []string{"channels", "data", "text", "data_base64"} {
		if _, ok := fields[name]; ok {
			return true
		}
	}
	return false
}

func nativeItems(fields map[string]json.RawMessage) ([]channels.Item, error) {
	if grip.IsItem(fields) {
		return nil, errors.New("publish item object contains both GRIP formats and one of 'channels', 'data', 'text' and 'data_base64'")
	}
	names, err := itemChannels(fields)
	if err != nil {
		return nil, err
	}
	id := ""
	if raw, ok := fields["id"]; ok && !isString(raw, &id) {
		return nil, errors.New("publish item object contains 'id' with wrong type")
	}
	load, err := itemPayload(fields)
	if err != nil {
		return nil, err
	}
	items := make([]channels.Item, len(names))
	for i, name := range names {
		items[i] = nativeItem(name, id, load)
	}
	return items, nil
}

func itemChannels(fields map[string]json.RawMessage) (names []string, err error) {
	one, hasOne := fields["channel"]
	many, hasMany := fields["channels"]
	switch {
	case hasOne && hasMany:
		return nil, errors.New("publish item object contains both 'channel' and 'channels'")
	case hasOne:
		names = make([]string, 1)
		if !isString(one, &names[0]) {
			return nil, errors.New("publish item object contains 'channel' with wrong type")
		}
	case hasMany:
		var list []json.RawMessage
		if json.Unmarshal(many, &list) != nil || len(list) == 0 {
			return nil, errors.New("publish item object contains 'channels', but not as a list with a name in it")
		}
		seen := make(map[string]bool, len(list))
		for _, raw := range list {
			var name string
			if !isString(raw, &name) {
				return nil, errors.New("publish item object contains 'channels' with something that is no string")
			}
			if !seen[name] {
				names, seen[name] = append(names, name), true
			}
		}
	default:
		return nil, errors.New("publish item object does not contain 'channel'")
	}
	for _, name := range names {
		if err := route.ValidChannel(name); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// itemPayload reads the content: exactly one of data, text and data_base64.
func itemPayload(fields map[string]json.RawMessage) (*payload, error) {
	data, isData := fields["data"]
	words, isText := fields["text"]
	coded, isBinary := fields["data_base64"]
	switch n := count(isData, isText, isBinary); {
	case n > 1:
		return nil, errors.New("publish item object contains more than one of 'data', 'text' and 'data_base64'")
	case n == 0:
		return nil, errors.New("publish item object contains none of 'data', 'text' and 'data_base64'")
	}
	mediaType := ""
	if raw, ok := fields["type"]; ok && !isString(raw, &mediaType) {
		return nil, errors.New("publish item object contains 'type' with wrong type")
	}
	var s string
	switch {
	case isData:
		if mediaType == "" {
			mediaType = "application/json"
		}
		load, err := newPayload(mediaType, append([]byte(nil), data...))
		if err == nil && load.kind != jsonish {
			err = errors.New("'data' is for JSON types; send 'text' or 'data_base64' with this 'type'")
		}
		return load, err
	case isText:
		if !isString(words, &s) {
			return nil, errors.New("publish item object contains 'text' with wrong type")
		}
		return newPayload(mediaType, []byte(s))
	default:
		if !isString(coded, &s) {
			return nil, errors.New("publish item object contains 'data_base64' with wrong type")
		}
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return nil, errors.New("publish item object contains 'data_base64' that is not base64 (RFC 4648, with padding)")
		}
		if mediaType == "" {
			mediaType = octetStream
		}
		return newPayload(mediaType, b)
	}
}

func count(bs ...bool) (n int) {
	for _, b := range bs {
		if b {
			n++
		}
	}
	return n
}

// isString decodes a JSON string; null is none.
func isString(raw json.RawMessage, s *string) bool {
	return len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, s) == nil
}
