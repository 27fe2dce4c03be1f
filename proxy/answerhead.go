package proxy

import (
	"bytes"
	"iter"

	"github.com/valyala/fasthttp"
)

// copyAnswerHead makes the head of the answer to the client.
func copyAnswerHead(dst, src *fasthttp.ResponseHeader, e *edit) {
	dst.SetStatusCode(src.StatusCode())
	dst.SetStatusMessage(src.StatusMessage())
	for k, v := range endToEnd(src, e) {
		dst.AddBytesKV(k, v)
	}
}

// endToEnd are the header lines of an app's answer that its client may see: not
// what concerns the app's connection only, and nothing of GRIP, changed as the
// route says.
func endToEnd(src *fasthttp.ResponseHeader, e *edit) iter.Seq2[[]byte, []byte] {
	var named [][]byte
	for k, v := range src.All() {
		if equalFold(k, "Connection") {
			for option := range bytes.SplitSeq(v, []byte(",")) {
				named = append(named, bytes.TrimSpace(option))
			}
		}
	}
	return func(yield func(k, v []byte) bool) {
		for k, v := range src.All() {
			if kindOf(k) == hopLine && !equalFold(k, "Content-Length") || containsName(named, k) || e.removes(k) {
				continue
			}
			if !yield(k, v) {
				return
			}
		}
		for _, line := range e.in {
			if !yield(line[0], line[1]) {
				return
			}
		}
	}
}

// addTrace marks an answer with the request's id and, by option, with this proxy.
func (o *ForwardOptions) addTrace(h *fasthttp.ResponseHeader, id []byte) {
	if len(id) > 0 {
		h.Del(o.RequestID)
		for k := range h.All() {
			if equalFold(k, o.RequestID) {
				h.DelBytes(k)
				break
			}
		}
		h.SetBytesV(o.RequestID, id)
	}
	if o.Via {
		h.Add("Via", "1.1"+viaName)
	}
}
