package proxy

import (
	"bytes"
	"crypto/sha256"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"

	"cometproxy/channels"
)

// published is the answer to a publish.
type published struct {
	Channel  string `json:"channel"`
	ID       string `json:"id"`
	Released int    `json:"released"`
}

func (p *Proxy) published(channel string, r channels.Result) published {
	return published{channel, p.hub.Cursor(r.Number).String(), r.Released}
}

// publishOne is POST /channels/{channel}: the body is the message.
func (p *Proxy) publishOne(ctx *fasthttp.RequestCtx, channel string) {
	if enc := ctx.Request.Header.Peek("Content-Encoding"); len(enc) > 0 && !strings.EqualFold(string(enc), "identity") {
		problem(ctx, fasthttp.StatusUnsupportedMediaType, "messages are published as they are; send the body without Content-Encoding")
		return
	}
	body := ctx.Request.Body()
	if len(body) > p.set().Publish.MaxBytes {
		problem(ctx, fasthttp.StatusRequestEntityTooLarge, "the message has %d bytes, at most %d are allowed (publish.max_bytes)", len(body), p.set().Publish.MaxBytes)
		return
	}
	contentType := typeOf(ctx.Request.Header.ContentType())
	load, err := newPayload(contentType, bytes.Clone(body))
	if err != nil {
		problem(ctx, fasthttp.StatusBadRequest, "%s", err)
		return
	}
	it := nativeItem(channel, "", load)
	keys := ctx.Request.Header.PeekAll("Idempotency-Key")
	if len(keys) == 0 {
		p.writePublished(ctx, channel, p.heard(it, p.hub.Publish(it)))
		return
	}
	if len(keys) > 1 || len(keys[0]) == 0 || len(keys[0]) > 255 {
		problem(ctx, fasthttp.StatusBadRequest, "Idempotency-Key is given once and has 1 to 255 bytes")
		return
	}
	r, repeated, err := p.hub.PublishOnce(it, string(keys[0]), digest(contentType, body))
	if err != nil {
		problem(ctx, fasthttp.StatusUnprocessableEntity, "this Idempotency-Key was used on this channel before, with another message; use a new one for each message")
		return
	}
	if !repeated {
		p.heard(it, r)
	}
	p.writePublished(ctx, channel, r)
}

// writePublished is writeJSON for the answer to one message, which is most of what
// the internal listener writes.
func (p *Proxy) writePublished(ctx *fasthttp.RequestCtx, channel string, r channels.Result) {
	scratch := scratches.Get().(*[]byte)
	defer giveScratch(scratch)
	b := append((*scratch)[:0], `{"channel":`...)
	b = appendString(b, channel)
	b = append(b, `,"id":"`...)
	b = p.hub.Cursor(r.Number).AppendToken(b)
	b = append(b, `","released":`...)
	b = strconv.AppendInt(b, int64(r.Released), 10)
	*scratch = append(b, "}\n"...)
	jsonHead(ctx)
	ctx.Response.SetBody(*scratch)
}

// nativeItem is a message for native polls and, as it is, for GRIP holds.
func nativeItem(channel, id string, load *payload) channels.Item {
	return channels.Item{Channel: channel, ID: id, Forms: channels.Native | channels.HTTPResponse, Data: load, Size: load.size(channel) + len(id)}
}

// heard counts a message that ended no hold: nobody who waits by GRIP without a
// position of its own gets to see it.
func (p *Proxy) heard(it channels.Item, r channels.Result) channels.Result {
	if r.Released == 0 && it.Forms&channels.HTTPResponse != 0 {
		p.grip.unheard.Add(1)
	}
	return r
}

// digest stands for a message under an idempotency key.
func digest(contentType string, body []byte) [32]byte {
	h := sha256.New()
	h.Write([]byte(contentType))
	h.Write([]byte{0})
	h.Write(body)
	return [32]byte(h.Sum(nil))
}
