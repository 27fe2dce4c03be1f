package proxy

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	"go.uber.org/zap"

	"cometproxy/channels"
	"cometproxy/grip"
	"cometproxy/proxy/route"
)

// gripItems reads an item with GRIP formats: one message, with a form for GRIP
// holds and native polls if it is for them.
func (p *Proxy) gripItems(fields map[string]json.RawMessage) ([]channels.Item, error) {
	in, err := grip.ParseItem(fields)
	if err != nil {
		return nil, err
	}
	if err := route.ValidChannel(in.Channel); err != nil {
		return nil, err
	}
	it := channels.Item{Channel: in.Channel, ID: in.ID}
	if in.Stream {
		it.Forms |= channels.HTTPStream
	}
	if in.Message {
		it.Forms |= channels.WSMessage
	}
	load := &payload{}
	switch r := in.Response; {
	case r == nil || r.Action != grip.Send && r.Action != grip.Hint:
	case r.Action == grip.Hint || r.Patch || len(r.ContentFilters) > 0:
		// What the last two would make of the body is for a later version; as
		// it is, it is not meant for anybody.
		it.Forms |= channels.HTTPResponse
		load.hint = true
	default:
		it.Forms |= channels.HTTPResponse | channels.Native
		load = newPublication(r)
	}
	if it.Forms == 0 {
		it.Forms = channels.HTTPStream // for nobody here; its id and its position count all the same
		if in.Response == nil {
			p.unknownFormat.note(zap.String("channel", in.Channel))
		}
	}
	it.Data, it.Size = load, load.size(it.Channel)+len(it.ID)
	return []channels.Item{it}, nil
}

// newPublication is an item's answer to GRIP holds, which native polls get as the
// body with its type.
func newPublication(r *grip.ResponseFormat) *payload {
	contentType := ""
	var lines []byte
	for _, f := range r.Header {
		if ownLine(f.Name) {
			continue
		}
		if strings.EqualFold(f.Name, "Content-Type") {
			contentType = f.Value
		}
		lines = appendLine(lines, f.Name, f.Value)
	}
	p, err := newPayload(contentType, r.Body)
	if err != nil { // GRIP takes any type, also JSON of a body that is none
		p = &payload{body: r.Body, contentType: octetStream}
		if errors.Is(err, errNotJSON) || errors.Is(err, errDeep) {
			p.contentType = contentType
		}
		if utf8.Valid(r.Body) {
			p.kind = text
		}
	}
	p.grip = &publication{status: r.Status, reason: r.Reason, lines: string(lines)}
	return p
}
