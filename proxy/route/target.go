package route

import "bytes"

// target is a request target taken apart.
type target struct {
	path      []byte // raw, beginning with "/"; without query and fragment
	authority []byte // absolute form: takes the place of the Host header
	absolute  bool
	asterisk  bool // "*": the server as a whole, no path at all
}

// parseTarget takes apart the forms of RFC 9112, section 3.2: origin, absolute
// (http and https) and asterisk form. Authority form, which only CONNECT has, is
// refused like anything else.
func parseTarget(raw []byte) (target, *Error) {
	if len(raw) == 1 && raw[0] == '*' {
		return target{asterisk: true}, nil
	}
	if i := bytes.IndexAny(raw, "?#"); i >= 0 {
		raw = raw[:i]
	}
	if len(raw) > 0 && raw[0] == '/' {
		return target{path: raw}, nil
	}
	rest, ok := cutScheme(raw)
	if !ok {
		return target{}, badPath("the request target must begin with /, http:// or https://")
	}
	t := target{authority: rest, path: rootPath, absolute: true}
	if i := bytes.IndexByte(rest, '/'); i >= 0 {
		t.authority, t.path = rest[:i], rest[i:]
	}
	// RFC 9110, 4.2.1 and 4.2.4: no host, and user info, are errors.
	if len(t.authority) == 0 || t.authority[0] == ':' {
		return target{}, badPath("the request target has no host")
	}
	if bytes.IndexByte(t.authority, '@') >= 0 {
		return target{}, badPath("the request target must not contain user information before an @")
	}
	return t, nil
}

// Authority is the host of a request target in absolute form, which takes the
// place of the Host header when the request is forwarded (RFC 9112, section
// 3.2.2). Not ok: the target has another form.
func Authority(raw []byte) (authority []byte, ok bool) {
	rest, ok := cutScheme(raw)
	if i := bytes.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	return rest, ok
}

var rootPath = []byte("/")

// cutScheme removes http:// or https://, in any case.
func cutScheme(raw []byte) (rest []byte, ok bool) {
	for _, scheme := range [...]string{"http://", "https://"} {
		if len(raw) >= len(scheme) && equalFold(raw[:len(scheme)], scheme) {
			return raw[len(scheme):], true
		}
	}
	return nil, false
}

// equalFold compares with a text of lower case, ignoring the case of ASCII only.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if toLower(c) != lower[i] {
			return false
		}
	}
	return true
}

func toLower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// resolved is a path as routes are compared with it (see the package comment).
// It holds offsets and not slices of slices: so the scratch memory its maker lends
// stays on the maker's stack.
type resolved struct {
	path     []byte // raw
	scratch  []byte // decoded segments, one after the other
	spans    []span
	asterisk bool

	fault fault // the first that a native path may not have
	raw   span  // the segment it was found in, in path
}

// span is one segment: bytes of scratch if it had escapes, else of path.
type span struct {
	start, end int
	decoded    bool
}

// segment returns the i-th segment decoded.
func (p *resolved) segment(i int) []byte {
	s := p.spans[i]
	if s.decoded {
		return p.scratch[s.start:s.end]
	}
	return p.path[s.start:s.end]
}

// faultError describes the path's fault, or returns nil.
func (p *resolved) faultError() *Error {
	if p.fault == faultNone {
		return nil
	}
	return p.fault.describe(p.path[p.raw.start:p.raw.end])
}

// resolve splits, decodes and resolves a path that begins with "/". It uses the
// memory of spans and scratch, and allocates only where they are too small.
func resolve(path []byte, spans []span, scratch []byte) resolved {
	var first fault
	var where span
	for start := 1; start <= len(path) && len(path) > 1; {
		end := len(path)
		if i := bytes.IndexByte(path[start:], '/'); i >= 0 {
			end = start + i
		}
		raw, f := path[start:end], faultNone
		segment, s := raw, span{start: start, end: end}
		if bytes.IndexByte(raw, '%') >= 0 {
			s = span{start: len(scratch), decoded: true}
			scratch, f = appendUnescaped(scratch, raw)
			s.end = len(scratch)
			segment = scratch[s.start:]
		}
		if f == faultNone {
			f = judge(segment)
		}
		if f != faultNone && first == faultNone {
			first, where = f, span{start: start, end: end}
		}
		switch {
		case isDotDot(segment):
			spans = spans[:max(0, len(spans)-1)]
		case len(segment) > 0 && !isDot(segment):
			spans = append(spans, s)
		}
		start = end + 1
	}
	return resolved{path: path, scratch: scratch, spans: spans, fault: first, raw: where}
}
