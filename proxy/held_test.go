package proxy

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

func TestHeldAnswersAreShared(t *testing.T) {
	var h heldAnswers
	a := h.keep(newHeldAnswer(200, "", []byte("A: b\r\n"), []byte("body"), nil))
	if b := h.keep(newHeldAnswer(200, "", []byte("A: b\r\n"), []byte("body"), nil)); b != a {
		t.Error("equal answers are two")
	}
	for i, other := range []*heldAnswer{
		newHeldAnswer(201, "", []byte("A: b\r\n"), []byte("body"), nil),
		newHeldAnswer(200, "OK", []byte("A: b\r\n"), []byte("body"), nil),
		newHeldAnswer(200, "A: b\r\n", nil, []byte("body"), nil), // the same text, divided otherwise
		newHeldAnswer(200, "", nil, []byte("A: b\r\nbody"), nil),
	} {
		if h.keep(other) != other {
			t.Errorf("%d: another answer is the same", i)
		}
		if err := h.check(); err != nil {
			t.Error(err)
		}
		h.drop(other)
	}
	if n, bytes := h.counts(); n != 1 || bytes != a.size() {
		t.Errorf("%d answers of %d bytes", n, bytes)
	}
	h.drop(a)
	h.drop(a)
	if n, bytes := h.counts(); n != 0 || bytes != 0 {
		t.Errorf("%d answers of %d bytes at the end", n, bytes)
	}
}

func TestHeldAnswersAreBounded(t *testing.T) {
	h := heldAnswers{limit: 3*heldOverhead + 30}
	var kept []*heldAnswer
	for i := range 10 {
		if a := h.keep(newHeldAnswer(200, "", nil, fmt.Appendf(nil, "%d", i), nil)); a != nil {
			kept = append(kept, a)
		}
	}
	if len(kept) != 3 {
		t.Errorf("%d are kept; want 3", len(kept))
	}
	if h.keep(newHeldAnswer(200, "", nil, []byte("0"), nil)) != kept[0] {
		t.Error("no room for one that is there")
	}
	h.drop(kept[1])
	if h.keep(newHeldAnswer(200, "", nil, []byte("x"), nil)) == nil {
		t.Error("no room when one has gone")
	}
	if err := h.check(); err != nil {
		t.Error(err)
	}
}

func TestDecoded(t *testing.T) {
	compressed := func(open func(io.Writer) io.WriteCloser) string {
		var b bytes.Buffer
		w := open(&b)
		io.WriteString(w, "hello")
		w.Close()
		return b.String()
	}
	gz := zipped("hello")
	zl := compressed(func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) })
	raw := compressed(func(w io.Writer) io.WriteCloser { f, _ := flate.NewWriter(w, 9); return f })
	br := string(fasthttp.AppendBrotliBytes(nil, []byte("hello")))
	bomb := zipped(strings.Repeat("\x00", 1<<20))
	for _, tc := range []struct {
		codings []string
		body    string
		want    string // empty: an error
	}{
		{nil, "hello", "hello"},
		{[]string{"identity"}, "hello", "hello"},
		{[]string{"gzip"}, gz, "hello"},
		{[]string{"X-GZip"}, gz, "hello"},
		{[]string{"deflate"}, zl, "hello"},
		{[]string{"deflate"}, raw, ""}, // deflate is zlib's form (RFC 9110, section 8.4.1.2)
		{[]string{"br"}, br, "hello"},
		{[]string{"zstd"}, string(fasthttp.AppendZstdBytes(nil, []byte("hello"))), "hello"},
		{[]string{"br, gzip"}, zipped(br), "hello"},
		{[]string{"br", "gzip"}, zipped(br), "hello"},
		{[]string{"gzip"}, "hello", ""},
		{[]string{"gzip"}, gz[:len(gz)-3], ""},
		{[]string{"compress"}, "hello", ""},
		{[]string{"gzip"}, bomb, ""},
		{[]string{"gzip, gzip, gzip, gzip, gzip"}, gz, ""},
	} {
		got, err := decoded([]byte(tc.body), tc.codings, 1000)
		if string(got) != tc.want && tc.want != "" || (err != nil) != (tc.want == "") {
			t.Errorf("%v of %d bytes: got %.20q, %v; want %q", tc.codings, len(tc.body), got, err, tc.want)
		}
	}
}
