package proxy

import (
	"bytes"

	"github.com/valyala/fasthttp"
)

// header returns the value of the first header line of that name, nil if there
// is none. Names are kept as the client wrote them, so the server's own look-up,
// which compares bytes, would miss some.
func header(h *fasthttp.RequestHeader, name string) []byte {
	for k, v := range h.All() {
		if equalFold(k, name) {
			if v == nil {
				v = []byte{}
			}
			return v
		}
	}
	return nil
}

// headers returns the values of all header lines of that name.
func headers(h *fasthttp.RequestHeader, name string) (values [][]byte) {
	for k, v := range h.All() {
		if equalFold(k, name) {
			values = append(values, v)
		}
	}
	return values
}

// pollHead is what a native route reads from a request's header lines.
type pollHead struct {
	origin              []byte // nil: none
	lastEventID, prefer [][]byte
}

// readPollHead goes through the lines as they came: for any other way the HTTP
// server would parse and copy all cookies.
func readPollHead(h *fasthttp.RequestHeader) (p pollHead) {
	for k, v := range h.AllInOrder() {
		switch {
		case p.origin == nil && equalFold(k, "Origin"):
			p.origin = v
		case equalFold(k, "Last-Event-ID"):
			p.lastEventID = append(p.lastEventID, v)
		case equalFold(k, "Prefer"):
			p.prefer = append(p.prefer, v)
		}
	}
	return p
}

func equalFold(k []byte, name string) bool {
	return len(k) == len(name) && bytes.EqualFold(k, []byte(name))
}

// splitTarget cuts a raw request target into path and query, without the "?".
// What comes after a "#", which has no place there, is dropped.
func splitTarget(target []byte) (path, query []byte) {
	if i := bytes.IndexByte(target, '#'); i >= 0 {
		target = target[:i]
	}
	path, query, _ = bytes.Cut(target, []byte{'?'})
	return path, query
}
