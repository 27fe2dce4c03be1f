package poll

// preference returns the value of a preference in the lines of a Prefer header, by
// the grammar of RFC 7240, section 2:
//
//	Prefer     = 1#preference                      lines are one list
//	preference = token [ BWS "=" BWS word ] *( OWS ";" [ OWS parameter ] )
//	parameter  = token [ BWS "=" BWS word ]
//	word       = token / quoted-string
//
// Names are compared without case. Only the first instance counts, also if its
// value is useless. Elements that break the grammar are skipped up to the next
// comma that is not quoted. name is of lower case.
func preference(lines [][]byte, name string) (word []byte, ok bool) {
	for _, line := range lines {
		s := scanner{rest: line}
		for len(s.rest) > 0 {
			key, word, ok := s.preference()
			if ok && equalFold(key, name) {
				return word, true
			}
			s.skipElement()
		}
	}
	return nil, false
}

// scanner reads one header line from the left.
type scanner struct {
	rest []byte
}

// preference reads an element of the list up to its comma, and returns its token
// and word; not ok if it is empty or breaks the grammar.
func (s *scanner) preference() (key, word []byte, ok bool) {
	s.blanks()
	if key, word, ok = s.pair(); !ok {
		return nil, nil, false
	}
	for {
		s.blanks()
		switch {
		case len(s.rest) == 0 || s.rest[0] == ',':
			return key, word, true
		case s.rest[0] != ';':
			return nil, nil, false
		}
		s.rest = s.rest[1:]
		s.blanks()
		if len(s.rest) == 0 || s.rest[0] == ',' || s.rest[0] == ';' {
			continue // the parameter may be missing
		}
		if _, _, ok := s.pair(); !ok {
			return nil, nil, false
		}
	}
}

// pair reads token [ BWS "=" BWS word ]; without a word, word is nil.
func (s *scanner) pair() (key, word []byte, ok bool) {
	if key = s.token(); len(key) == 0 {
		return nil, nil, false
	}
	s.blanks()
	if len(s.rest) == 0 || s.rest[0] != '=' {
		return key, nil, true
	}
	s.rest = s.rest[1:]
	s.blanks()
	if len(s.rest) > 0 && s.rest[0] == '"' {
		word, ok = s.quoted()
		return key, word, ok
	}
	word = s.token()
	return key, word, len(word) > 0
}

// token reads 1*tchar of RFC 9110, section 5.6.2; empty if there is none.
func (s *scanner) token() []byte {
	n := 0
	for n < len(s.rest) && isTokenChar(s.rest[n]) {
		n++
	}
	t := s.rest[:n]
	s.rest = s.rest[n:]
	return t
}

// quoted reads a quoted-string and undoes its backslashes; not ok without an end.
func (s *scanner) quoted() (text []byte, ok bool) {
	n, escapes := endOfQuoted(s.rest)
	if n < 0 {
		return nil, false
	}
	text = s.rest[1 : n-1]
	s.rest = s.rest[n:]
	if !escapes {
		return text, true
	}
	plain := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' {
			i++ // endOfQuoted saw that something follows
		}
		plain = append(plain, text[i])
	}
	return plain, true
}

// endOfQuoted returns the length of the quoted-string that b begins with, both
// quotes counted, or -1 if it has no end.
func endOfQuoted(b []byte) (n int, escapes bool) {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '"':
			return i + 1, escapes
		case '\\':
			escapes = true
			i++
		}
	}
	return -1, escapes
}

// skipElement drops what is left of an element, and the comma behind it. A quote
// that has no end takes the rest of the line.
func (s *scanner) skipElement() {
	for len(s.rest) > 0 {
		switch s.rest[0] {
		case ',':
			s.rest = s.rest[1:]
			return
		case '"':
			n, _ := endOfQuoted(s.rest)
			if n < 0 {
				n = len(s.rest)
			}
			s.rest = s.rest[n:]
		default:
			s.rest = s.rest[1:]
		}
	}
}

// blanks drops OWS.
func (s *scanner) blanks() {
	for len(s.rest) > 0 && (s.rest[0] == ' ' || s.rest[0] == '\t') {
		s.rest = s.rest[1:]
	}
}

func isTokenChar(c byte) bool {
	switch c {
	case '!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~':
		return true
	}
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// equalFold compares with a text of lower case, ignoring the case of ASCII only.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
