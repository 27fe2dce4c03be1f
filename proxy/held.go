package proxy

import (
	"fmt"
	"strings"
	"sync"

	"cometproxy/grip"
)

// A heldAnswer is what a GRIP hold is answered with when nothing comes: the
// app's own answer to the request. It never changes, and holds whose answers are
// equal share one.
type heldAnswer struct {
	text       string // everything, for comparing: status, reason, header lines, body, meta
	status     int
	reasonEnd  int // where the reason ends in text; it begins at statusBytes
	linesEnd   int // where the header lines end and the body begins
	bodyEnd    int // where the body ends, and what message filters will want begins
	references int // guarded by heldAnswers.mu
}

const (
	statusBytes  = 4   // three digits and a space
	heldOverhead = 200 // bytes that a heldAnswer takes besides its text
)

// newHeldAnswer makes an answer. Each of lines ends in CRLF, and none is about
// the length of the body, the connection or GRIP. Meta is what the app says of
// the client (Grip-Set-Meta).
func newHeldAnswer(status int, reason string, lines, body []byte, meta []grip.Pair) *heldAnswer {
	var b strings.Builder
	fmt.Fprintf(&b, "%03d ", status)
	b.WriteString(reason)
	a := &heldAnswer{status: status, reasonEnd: b.Len()}
	b.Write(lines)
	a.linesEnd = b.Len()
	b.Write(body)
	a.bodyEnd = b.Len()
	for _, m := range meta {
		fmt.Fprintf(&b, "%d:%s%d:%s", len(m.Name), m.Name, len(m.Value), m.Value)
	}
	a.text = strings.Clone(b.String()) // of its own length: a builder's has room to spare
	return a
}

func (a *heldAnswer) reason() string { return a.text[statusBytes:a.reasonEnd] }
func (a *heldAnswer) lines() string  { return a.text[a.reasonEnd:a.linesEnd] }
func (a *heldAnswer) body() string   { return a.text[a.linesEnd:a.bodyEnd] }
func (a *heldAnswer) size() int64    { return int64(len(a.text)) + heldOverhead }

// heldKey is what makes two answers equal: the text, and how it is divided.
type heldKey struct {
	text                         string
	reasonEnd, linesEnd, bodyEnd int
}

func (a *heldAnswer) key() heldKey { return heldKey{a.text, a.reasonEnd, a.linesEnd, a.bodyEnd} }

// heldAnswers are the answers of all GRIP holds, each kept once, all together
// within a bound.
type heldAnswers struct {
	mu    sync.Mutex
	limit int64                   // bytes; 0: no bound; guarded by mu
	kept  map[heldKey]*heldAnswer // guarded by mu
	bytes int64                   // guarded by mu
}

// bound changes the limit. What is kept beyond it stays.
func (h *heldAnswers) bound(limit int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.limit = limit
}

// keep returns the answer to use in place of a: a itself or one that is equal
// and was kept before. Nil: there is no room for it. The caller gives it back
// with drop.
func (h *heldAnswers) keep(a *heldAnswer) *heldAnswer {
	h.mu.Lock()
	defer h.mu.Unlock()
	if same := h.kept[a.key()]; same != nil {
		same.references++
		return same
	}
	if h.limit > 0 && h.bytes+a.size() > h.limit {
		return nil
	}
	if h.kept == nil {
		h.kept = make(map[heldKey]*heldAnswer)
	}
	h.kept[a.key()] = a
	h.bytes += a.size()
	a.references = 1
	return a
}

func (h *heldAnswers) drop(a *heldAnswer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a.references--
	if a.references > 0 {
		return
	}
	delete(h.kept, a.key())
	h.bytes -= a.size()
	if len(h.kept) == 0 {
		h.kept = nil // a Go map never gets smaller by itself
	}
}

// check compares the books with what is kept.
func (h *heldAnswers) check() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var bytes int64
	for key, a := range h.kept {
		if a.references < 1 || key != a.key() {
			return fmt.Errorf("held answers: one with %d references is kept", a.references)
		}
		bytes += a.size()
	}
	if bytes != h.bytes {
		return fmt.Errorf("held answers: %d bytes are kept, %d were counted", bytes, h.bytes)
	}
	return nil
}

func (h *heldAnswers) counts() (answers int, bytes int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.kept), h.bytes
}
