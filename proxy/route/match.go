package route

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Match finds the route for a request with this Host header (empty if it had
// none) and this raw request target. The authority of a target in absolute form
// takes the place of host (RFC 9112, section 3.2.2). "*" matches a backend
// route for "/" and nothing else.
//
// The error is always an *[Error]. Neither argument is kept. A backend route is
// found without allocating; a native one costs the names it returns (none when
// no template has a parameter). Escapes that decode to more than 128 bytes in
// all, more than 24 segments, an IPv6 host and regular expressions may cost more.
func (t *Table) Match(host, rawTarget []byte) (Match, error) {
	tg, bad := parseTarget(rawTarget)
	if bad != nil {
		return Match{}, bad
	}
	if tg.absolute {
		host = tg.authority
	}
	var spanMem [24]span
	var scratchMem [128]byte
	var hostMem [maxHost]byte
	p := resolve(tg.path, spanMem[:0], scratchMem[:0])
	p.asterisk = tg.asterisk
	name := hostMem[:0]
	if len(t.exact)+len(t.wild) > 0 {
		name = appendHost(name, host)
	}
	r := t.find(name, &p)
	if r == nil {
		return Match{}, errNotFound
	}
	if !r.route.native() {
		return Match{Route: &r.route}, nil
	}
	names, bad := r.channels(&p)
	if bad != nil {
		bad.Route = &r.route
		return Match{}, bad
	}
	return Match{Route: &r.route, Channels: names}, nil
}

// find tries the sets of hosts from the most to the least specific.
func (t *Table) find(host []byte, p *resolved) *rule {
	if n := t.exact[string(host)]; n != nil {
		if r := n.find(p, 0); r != nil {
			return r
		}
	}
	if len(t.wild) > 0 {
		for i, c := range host { // the leftmost dot has the longest suffix
			if c != '.' || i == 0 {
				continue
			}
			if n := t.wild[string(host[i:])]; n != nil {
				if r := n.find(p, 0); r != nil {
					return r
				}
			}
		}
	}
	if t.rest != nil {
		return t.rest.find(p, 0)
	}
	return nil
}

// find returns the most specific rule at or below n, of which depth segments are
// already matched.
func (n *node) find(p *resolved, depth int) *rule {
	if depth == len(p.spans) {
		if n.rule != nil && p.asterisk && n.rule.route.native() {
			return nil
		}
		return n.rule
	}
	if child := n.literals[string(p.segment(depth))]; child != nil {
		if r := child.find(p, depth+1); r != nil {
			return r
		}
	}
	if n.param != nil {
		if r := n.param.find(p, depth+1); r != nil {
			return r
		}
	}
	if n.rule != nil && !n.rule.route.native() {
		return n.rule
	}
	return nil
}

// channels checks the path and parameters of a native route and makes the names.
func (r *rule) channels(p *resolved) ([]string, *Error) {
	if bad := p.faultError(); bad != nil {
		return nil, bad
	}
	for i := range r.params {
		if bad := r.params[i].check(p.segment(r.params[i].segment)); bad != nil {
			return nil, bad
		}
	}
	if r.fixed != nil {
		return r.fixed, nil
	}
	names := make([]string, 0, len(r.templates))
	for i := range r.templates {
		var bad *Error
		if names, bad = r.appendName(names, &r.templates[i], p); bad != nil {
			return nil, bad
		}
	}
	return names, nil
}

// appendName appends the name that a template makes, unless it is there already.
func (r *rule) appendName(names []string, tm *template, p *resolved) ([]string, *Error) {
	var mem [MaxChannel]byte
	name := mem[:0]
	for _, part := range tm.parts {
		if part.param < 0 {
			name = append(name, part.text...)
		} else {
			name = append(name, p.segment(r.params[part.param].segment)...)
		}
	}
	for _, other := range names {
		if other == string(name) {
			return names, nil
		}
	}
	made := tm.fixed
	if made == "" {
		made = string(name)
		if err := ValidChannel(made); err != nil {
			param := r.params[tm.firstParam()].name
			return nil, badParam(param, "parameter %q does not make a channel name: %v", param, err)
		}
	}
	return append(names, made), nil
}

// forbidden are the characters that a parameter may not contain by default: they
// separate and quote parts of names, here and in the systems behind, so a client
// could otherwise reach into another part of the name.
const forbidden = `:/,;*$"<>`

// check judges the value of a parameter, a segment without faults.
func (pa *param) check(value []byte) *Error {
	if pa.regex != nil {
		// A copy: given to regexp, the caller's memory would move to the heap
		// for everyone.
		if !pa.regex.MatchString(string(value)) {
			return badParam(pa.name, "parameter %q must match %s", pa.name, pa.source)
		}
		return nil
	}
	for i := 0; i < len(value); {
		c, n := rune(value[i]), 1
		if c >= utf8.RuneSelf {
			c, n = utf8.DecodeRune(value[i:])
		}
		if unicode.IsSpace(c) {
			return badParam(pa.name, "parameter %q may not contain white space (U+%04X)", pa.name, c)
		}
		if c < utf8.RuneSelf && strings.IndexByte(forbidden, byte(c)) >= 0 {
			return badParam(pa.name, "parameter %q may not contain the character %c", pa.name, c)
		}
		i += n
	}
	return nil
}
