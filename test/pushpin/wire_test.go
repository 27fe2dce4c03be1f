//go:build linux

package pushpin

import (
	"bufio"
	"fmt"
	"io"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"cometproxy/test/internal/harness"
)

// A record is one message as somebody saw it: an answer, or a request that the
// app got.
type record struct {
	kind  kind
	first string   // status line, or request line
	lines []string // of the header, sorted
	body  string

	ofHold bool // an answer to a request that was held
}

type kind string

const (
	toClient    kind = "answer to the client"
	toPublisher kind = "answer to the publisher"
	toApp       kind = "request to the app"
)

func (r *record) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", r.kind, r.first)
	for _, line := range r.lines {
		fmt.Fprintf(&b, "\t%s\n", line)
	}
	body := r.body
	if len(body) > 300 {
		body = fmt.Sprintf("%s... (%d bytes)", body[:300], len(body))
	}
	fmt.Fprintf(&b, "\t%q\n", body)
	return b.String()
}

// get returns the values of a header field, joined.
func (r *record) get(name string) string {
	var values []string
	for _, line := range r.lines {
		if n, v, _ := strings.Cut(line, ":"); strings.EqualFold(n, name) {
			values = append(values, strings.TrimSpace(v))
		}
	}
	return strings.Join(values, ", ")
}

func (r *record) has(name string) bool { return slices.ContainsFunc(r.lines, named(name)) }

// drop removes a header field.
func (r *record) drop(name string) { r.lines = slices.DeleteFunc(r.lines, named(name)) }

// set gives a header field one value.
func (r *record) set(name, value string) {
	r.drop(name)
	r.lines = append(r.lines, name+": "+value)
	slices.Sort(r.lines)
}

func (r *record) status() string {
	_, status, _ := strings.Cut(r.first, " ")
	return status
}

func named(name string) func(string) bool {
	return func(line string) bool {
		n, _, _ := strings.Cut(line, ":")
		return strings.EqualFold(n, name)
	}
}

// readAnswer reads one answer. The body is what its framing says it is.
func readAnswer(r *bufio.Reader, k kind, method string) (*record, error) {
	a := &record{kind: k}
	var err error
	for a.first == "" || strings.HasPrefix(a.first, "HTTP/1.1 100 ") {
		if a.first, a.lines, err = readHead(r); err != nil {
			return nil, fmt.Errorf("reading a head: %w", err)
		}
	}
	code, _, _ := strings.Cut(a.status(), " ")
	switch {
	case method == "HEAD" || code == "204" || code == "304":
	case strings.EqualFold(a.get("Transfer-Encoding"), "chunked"):
		err = a.readChunks(r)
	case a.has("Content-Length"):
		n, bad := strconv.Atoi(a.get("Content-Length"))
		if bad != nil {
			return nil, bad
		}
		b := make([]byte, n)
		_, err = io.ReadFull(r, b)
		a.body = string(b)
	default:
		var b []byte
		b, err = io.ReadAll(r)
		a.body = string(b)
	}
	if err != nil {
		err = fmt.Errorf("reading the body after\n%s: %w", a, err)
	}
	return a, err
}

func readHead(r *bufio.Reader) (first string, lines []string, err error) {
	tp := textproto.NewReader(r)
	if first, err = tp.ReadLine(); err != nil {
		return "", nil, err
	}
	for {
		line, err := tp.ReadLine()
		if err != nil || line == "" {
			slices.Sort(lines)
			return first, lines, err
		}
		lines = append(lines, line)
	}
}

func (r *record) readChunks(in *bufio.Reader) error {
	for {
		chunk, err := harness.ReadChunk(in)
		if err != nil {
			return err
		}
		if len(chunk) == 0 {
			return nil
		}
		r.body += string(chunk)
	}
}
