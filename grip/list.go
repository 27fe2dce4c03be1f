package grip

import "strings"

// A part is what stands between two commas of a list header:
//
//	value; name=word; name="quoted \"words\""
type part struct {
	value  string // what is before the first ";", as it is, quotes included
	params []Pair
}

// get returns the value of the first parameter of a name, in any case.
func (p *part) get(name string) (value string, given bool) {
	for _, q := range p.params {
		if strings.EqualFold(q.Name, name) {
			return q.Value, true
		}
	}
	return "", false
}

// parts takes a list apart that is spread over any number of header lines. A
// part whose quoting is bad is left out, and the others stay.
func parts(lines []string) (list []part) {
	for _, rest := range lines {
		for more := true; more && rest != ""; {
			var text string
			var ok bool
			if text, rest, more, ok = cut(rest, ','); !ok {
				continue
			}
			if p, ok := parsePart(text); ok {
				list = append(list, p)
			}
		}
	}
	return list
}

func parsePart(text string) (p part, ok bool) {
	value, rest, more, ok := cut(text, ';')
	p.value = trim(value)
	for ok && more {
		var param string
		if param, rest, more, ok = cut(rest, ';'); !ok || trim(param) == "" {
			continue
		}
		var q Pair
		q, ok = parsePair(param)
		p.params = append(p.params, q)
	}
	return p, ok
}

// parsePair reads name=word or name="quoted". Without "=" the value is empty.
func parsePair(text string) (p Pair, ok bool) {
	name, value, _ := strings.Cut(text, "=")
	p.Name, p.Value = trim(name), trim(value)
	if !strings.HasPrefix(p.Value, `"`) {
		return p, true
	}
	p.Value, ok = unquote(p.Value)
	return p, ok
}

// unquote reads a quoted string that is all of s.
func unquote(s string) (text string, ok bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), i == len(s)-1
		case '\\':
			if i++; i == len(s) {
				return "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", false
}

// cut slices s around the first sep that is not within double quotes, nor within the <...>
// that s begins with: a URL may hold commas and semicolons. If a
// quote does not end, before is all of s and ok is false.
func cut(s string, sep byte) (before, after string, found, ok bool) {
	quoted := false
	for i := angle(s); i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == sep && !quoted:
			return s[:i], s[i+1:], true, true
		}
	}
	return s, "", false, !quoted
}

// angle returns how long the <...> is that s begins with, with the space before it.
func angle(s string) int {
	space := len(s) - len(strings.TrimLeft(s, " \t"))
	if !strings.HasPrefix(s[space:], "<") {
		return 0
	}
	return strings.IndexByte(s, '>') + 1
}

func trim(s string) string { return strings.Trim(s, " \t") }
