package proxy

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"cometproxy/backend"
	"cometproxy/grip"
	"cometproxy/park"
	"cometproxy/proxy/route"
)

// gripFeatures is the Grip-Feature of every request on a GRIP route: what of the
// protocol's optional parts is implemented here, and nothing more.
const gripFeatures = "status"

// maxInstructed bounds the answer that asks for a hold, and the body of the
// request that it holds.
const maxInstructed = 100_000

// gripCounts count, since the start, what became of answers with instructions.
type gripCounts struct {
	held          atomic.Uint64 // requests that were held
	found         atomic.Uint64 // not held: a message had come while the app decided, or since the client's position
	behind        atomic.Uint64 // answered with a gap: their position was older than the window
	atCursor      atomic.Uint64 // position from the client's Comet-Cursor
	atPrevID      atomic.Uint64 // ... from a prev-id among the kept ids
	atForward     atomic.Uint64 // ... from when the request was forwarded
	atAnswer      atomic.Uint64 // ... from when the app answered
	unknownPrevID atomic.Uint64 // prev-ids that are not among the kept ids
	refused       atomic.Uint64 // 502: instructions that cannot be followed
	full          atomic.Uint64 // 503: no room for one more hold or for its answer
	unheard       atomic.Uint64 // messages in a form for holds that ended none when they were published
}

// stats are the counts by name, with what is kept now.
func (p *Proxy) gripStats() map[string]uint64 {
	c := &p.grip
	answers, bytes := p.held.counts()
	return map[string]uint64{
		"held": c.held.Load(), "found": c.found.Load(), "behind": c.behind.Load(),
		"at_cursor": c.atCursor.Load(), "at_prev_id": c.atPrevID.Load(), "at_forward": c.atForward.Load(), "at_answer": c.atAnswer.Load(),
		"unknown_prev_id": c.unknownPrevID.Load(), "refused": c.refused.Load(), "full": c.full.Load(), "unheard": c.unheard.Load(),
		"answers": uint64(answers), "answer_bytes": uint64(bytes),
	}
}

// sign adds what tells the app that it is asked through this proxy.
func (p *Proxy) sign(h *forwardedHead) {
	if token := p.set().signer.Sign(time.Now()); token != "" {
		h.add([]byte("Grip-Sig"), []byte(token))
	}
	h.add([]byte("Grip-Feature"), []byte(gripFeatures))
}

// hasInstructions reports that an answer is for this proxy to act on.
func hasInstructions(h *fasthttp.ResponseHeader) bool {
	for name := range h.All() {
		if grip.Reserved(name) {
			return true
		}
	}
	return grip.IsInstruct(string(h.ContentType()))
}

// instructed acts on an answer that carries instructions: it passes the answer
// on, or holds the request with it.
func (p *Proxy) instructed(ctx *fasthttp.RequestCtx, conn park.Conn, f *forwarding, x *backend.Exchange) {
	now := p.hub.Position()
	in, held, err := p.readInstruction(f, x)
	if err == nil && held == nil {
		f.endWatch(conn)
		p.passOn(ctx, conn, f, x, "", in)
		return
	}
	if err == nil && in.Hold != grip.NoHold {
		err = f.readOn(conn, x)
	}
	f.endWatch(conn)
	x.Close() // then nobody else reads the request's body
	unread := !f.body.ended
	begin := f.position
	if f.target.fromAnswer {
		begin = now
	}
	switch {
	case err != nil:
		p.notInstructed(ctx, f.head.id, err)
		unread = true
	case in.Hold == grip.NoHold:
		(&gripAnswer{held: held}).write(ctx)
	default:
		p.gripHold(ctx, conn, in, held, begin, f.target)
	}
	forwardings.Put(f)
	if unread {
		p.refuse(ctx)
	}
}

// readInstruction reads what an answer says, and what a hold by it would be
// answered with: nil if the answer is to be passed on.
func (p *Proxy) readInstruction(f *forwarding, x *backend.Exchange) (in *grip.Instruction, held *heldAnswer, err error) {
	var fields []grip.Field
	for name, value := range x.Header.All() {
		if grip.Reserved(name) {
			fields = append(fields, grip.Field{Name: string(name), Value: string(value)})
		}
	}
	status := x.Header.StatusCode()
	inBody := grip.IsInstruct(string(x.Header.ContentType()))
	if !inBody {
		if in, err = grip.Parse(fields, false, status, nil); err != nil || in.Hold == grip.NoHold {
			return in, nil, badInstruction(err, p.checkInstruction(in))
		}
	}
	head := newTimeoutHead(x.Header, &f.target.answer) // before the body, whose trailers come into the head
	body, err := readInstructed(f, x)
	if err != nil {
		return nil, nil, err
	}
	if inBody {
		in, err = grip.Parse(fields, true, status, body)
	}
	if err := badInstruction(err, p.checkInstruction(in)); err != nil {
		return nil, nil, err
	}
	return in, head.answer(in, body), nil
}

// An instructionError is an answer that cannot be followed. What it says is for
// the app's developer.
type instructionError struct{ error }

func badInstruction(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return instructionError{err}
		}
	}
	return nil
}

// checkInstruction refuses what the grammar allows and this proxy cannot do: to
// ignore it would leave the app waiting for something.
func (p *Proxy) checkInstruction(in *grip.Instruction) error {
	if in == nil {
		return nil
	}
	if in.Hold == grip.StreamHold {
		return errors.New("the answer asks for a stream (Grip-Hold: stream), which this version does not have: hold with \"response\"")
	}
	if in.Hold == grip.NoHold && slices.ContainsFunc(in.Links, func(l grip.Link) bool { return strings.EqualFold(l.Rel, "next") }) {
		return errors.New("the answer goes on at a next link (Grip-Link), which this version does not follow")
	}
	for _, c := range in.Channels {
		if err := route.ValidChannel(c.Name); err != nil {
			return fmt.Errorf("Grip-Channel %q: %w", shorten(c.Name), err)
		}
	}
	if max := p.set().Hold.MaxChannels; max > 0 && len(in.Channels) > max {
		return fmt.Errorf("the answer names %d channels; at most %d are allowed (hold.max_channels)", len(in.Channels), max)
	}
	p.wonder(in)
	return nil
}

// wonder tells the log of what is allowed and hardly meant.
func (p *Proxy) wonder(in *grip.Instruction) {
	if len(in.Unknown) > 0 {
		p.unknownField.note(zap.Strings("headers", in.Unknown))
	}
	if in.Hold == grip.ResponseHold && len(in.Channels) == 0 {
		p.noChannel.note()
	}
	for _, c := range in.Channels {
		if len(c.Filters) > 0 {
			p.filtered.note(zap.String("channel", c.Name), zap.Strings("filters", c.Filters))
			return
		}
	}
}

// readInstructed reads the body of an answer that says how to hold, or that a
// hold ends with, and undoes its codings.
func readInstructed(f *forwarding, x *backend.Exchange) ([]byte, error) {
	if x.BodySize() > maxInstructed {
		return nil, badInstruction(errTooMuch)
	}
	body, whole := x.BufferedBody()
	if !whole {
		var err error
		if body, err = f.readWhole(x); err != nil {
			return nil, err
		}
	}
	if len(body) > maxInstructed {
		return nil, badInstruction(errTooMuch)
	}
	var codings []string
	for name, value := range x.Header.All() {
		if equalFold(name, "Content-Encoding") {
			codings = append(codings, string(value))
		}
	}
	body, err := decoded(body, codings, maxInstructed)
	return body, badInstruction(err)
}

// readWhole reads a body that was not there with its head. The app may take its
// time, and the client hang up meanwhile.
func (f *forwarding) readWhole(x *backend.Exchange) ([]byte, error) {
	if f.watch.stop == nil && x.UploadFinished() { // else the client is watched or being read from
		f.watch.slow()
	}
	var late atomic.Bool
	patience := time.AfterFunc(bodyPatience, func() {
		late.Store(true)
		x.Cancel()
	})
	defer patience.Stop()
	body, err := io.ReadAll(io.LimitReader(x.Body(), maxInstructed+1))
	if err != nil && late.Load() {
		err = badInstruction(errLate)
	}
	return body, err
}

var errLate = fmt.Errorf("the answer asks for a hold, and its body was not complete after %s", bodyPatience)

var errTooMuch = fmt.Errorf("the answer asks for a hold, and its body has more than %d bytes", maxInstructed)

// A timeoutHead is the head of what a hold ends with if nothing comes: the app's
// answer.
type timeoutHead struct {
	status int
	reason string
	fields []grip.Field
}

func newTimeoutHead(h *fasthttp.ResponseHeader, e *edit) timeoutHead {
	t := timeoutHead{status: h.StatusCode(), reason: string(h.StatusMessage())}
	for name, value := range endToEnd(h, e) {
		if !equalFold(name, "Content-Encoding") { // which is undone
			t.fields = append(t.fields, grip.Field{Name: string(name), Value: string(value)})
		}
	}
	return t
}

// answer is the whole of it, as the instructions change it.
func (t *timeoutHead) answer(in *grip.Instruction, body []byte) *heldAnswer {
	if r := in.Response; r != nil {
		*t, body = timeoutHead{r.Status, r.Reason, r.Header}, r.Body
	}
	if in.Status != 0 {
		t.status, t.reason = in.Status, in.Reason
	}
	var lines []byte
	for _, f := range t.fields {
		if !ownLine(f.Name) && (!in.ExposeOnly || containsFold(in.Expose, f.Name)) {
			lines = appendLine(lines, f.Name, f.Value)
		}
	}
	return newHeldAnswer(t.status, t.reason, lines, body, in.Meta)
}

func appendLine(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, "\r\n"...)
}

// ownLine reports that answers to holds have a line of that name from the proxy
// alone, or none.
func ownLine(name string) bool {
	return kindOf([]byte(name)) == hopLine || containsFold(written, name)
}

// written are lines that are written when an answer is.
var written = []string{"Content-Length", "Date", "Comet-Cursor", "Comet-Gap"}

func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(l string) bool { return strings.EqualFold(l, s) })
}

// follow changes the head of an answer that is passed on as it is told to.
func follow(h *fasthttp.ResponseHeader, in *grip.Instruction) {
	if in.Status != 0 {
		h.SetStatusCode(in.Status)
		h.SetStatusMessage([]byte(in.Reason))
		if bodiless(in.Status) {
			h.Del("Content-Length") // of a body that does not go out
		}
	}
	if !in.ExposeOnly {
		return
	}
	var hidden []string
	for k := range h.All() {
		// What frames and codes the body stays with it.
		if name := string(k); !containsFold(in.Expose, name) && !strings.EqualFold(name, "Content-Length") && !strings.EqualFold(name, "Content-Encoding") {
			hidden = append(hidden, name)
		}
	}
	for _, name := range hidden {
		h.Del(name)
	}
}

// notInstructed tells the client why the request could not be held, and the log
// what the app can do about it.
func (p *Proxy) notInstructed(ctx *fasthttp.RequestCtx, id []byte, err error) {
	var bad instructionError
	switch {
	case errors.As(err, &bad):
		p.grip.refused.Add(1)
		p.log.Warn("an answer of the app carries GRIP instructions that cannot be followed; its client gets 502",
			zap.ByteString("method", ctx.Method()), zap.ByteString("target", ctx.Request.Header.RequestURI()), zap.Error(bad.error))
		p.because(ctx, "grip_instruction")
		problem(ctx, fasthttp.StatusBadGateway, "the app's answer carries GRIP instructions that cannot be followed; its operator finds the reason in the proxy's log")
		p.page(ctx)
	case errors.Is(err, errLargeRequest), errors.Is(err, errSlowRequest):
		p.because(ctx, "held_request_body")
		problem(ctx, fasthttp.StatusBadRequest, "%s", err)
	default:
		p.forwardFailed(ctx, id, err)
	}
}
