package config

import (
	"strconv"
	"strings"
)

// A node has the line of one key, table or list item, and of what is in it.
// Asking for what is not there gives a node with the line of what was asked.
type node struct {
	line  int
	kids  map[string]*node
	items []*node
}

func (n *node) kid(name string) *node {
	if k := n.kids[name]; k != nil {
		return k
	}
	return &node{line: n.line}
}

func (n *node) item(i int) *node {
	if i >= 0 && i < len(n.items) {
		return n.items[i]
	}
	return &node{line: n.line}
}

// add returns the kid of that name, made with that line if it is new.
func (n *node) add(name string, line int) *node {
	k := n.kids[name]
	if k == nil {
		k = &node{line: line}
		if n.kids == nil {
			n.kids = make(map[string]*node)
		}
		n.kids[name] = k
	}
	return k
}

// last is the table that more keys go to: the newest of an array of tables.
func (n *node) last() *node {
	if len(n.items) > 0 {
		return n.items[len(n.items)-1]
	}
	return n
}

// A scanner finds the lines of keys in a text that the TOML library has
// accepted. On any other text it ends with fewer lines, never with a failure.
type scanner struct {
	text  string
	pos   int
	line  int
	depth int
}

// maxDepth bounds nested values; what is deeper has the line of what is around.
const maxDepth = 100

func scan(text string) *node {
	s := &scanner{text: strings.TrimPrefix(text, "\ufeff"), line: 1}
	root := &node{line: 1}
	table := root
	for {
		s.space()
		if s.pos == len(s.text) {
			return root
		}
		start := s.pos
		if s.text[s.pos] == '[' {
			table = s.header(root)
		} else {
			s.pair(table)
		}
		if s.pos == start {
			s.step()
		}
	}
}

// step goes over one byte.
func (s *scanner) step() {
	if s.text[s.pos] == '\n' {
		s.line++
	}
	s.pos++
}

func (s *scanner) skip(n int) {
	for ; n > 0 && s.pos < len(s.text); n-- {
		s.step()
	}
}

func (s *scanner) at(prefix string) bool { return strings.HasPrefix(s.text[s.pos:], prefix) }

// space goes over white space, line ends and comments.
func (s *scanner) space() {
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.step()
		case '#':
			for s.pos < len(s.text) && s.text[s.pos] != '\n' {
				s.pos++
			}
		default:
			return
		}
	}
}

func (s *scanner) blanks() {
	for s.pos < len(s.text) && (s.text[s.pos] == ' ' || s.text[s.pos] == '\t') {
		s.pos++
	}
}

// header reads [a.b] or [[a.b]] and returns the table that follows.
func (s *scanner) header(root *node) *node {
	line := s.line
	double := s.at("[[")
	s.skip(1)
	if double {
		s.skip(1)
	}
	n := root
	parts := s.key()
	for i, part := range parts {
		n = n.add(part, line)
		switch {
		case i < len(parts)-1:
			n = n.last()
		case double:
			n.items = append(n.items, &node{line: line})
			n = n.last()
		default:
			n.line = line
			n = n.last()
		}
	}
	for s.pos < len(s.text) && s.text[s.pos] == ']' {
		s.pos++
	}
	return n
}

// pair reads key = value into table.
func (s *scanner) pair(table *node) {
	line := s.line
	n := table
	for _, part := range s.key() {
		n = n.add(part, line)
	}
	s.blanks()
	if s.at("=") {
		s.pos++
		s.blanks()
		s.value(n)
	}
}

// key reads a.b."c d" and ends before what follows.
func (s *scanner) key() []string {
	var parts []string
	for {
		s.blanks()
		if s.pos == len(s.text) {
			return parts
		}
		start := s.pos
		switch c := s.text[s.pos]; c {
		case '"':
			s.quoted(`"`, true)
			part, err := strconv.Unquote(s.text[start:s.pos])
			if err != nil {
				part = s.text[start:s.pos]
			}
			parts = append(parts, part)
		case '\'':
			s.quoted(`'`, false)
			parts = append(parts, strings.Trim(s.text[start:s.pos], "'"))
		default:
			for s.pos < len(s.text) && !strings.ContainsRune(" \t\r\n.=[]{},#\"'", rune(s.text[s.pos])) {
				s.pos++
			}
			if s.pos == start {
				return parts
			}
			parts = append(parts, s.text[start:s.pos])
		}
		s.blanks()
		if !s.at(".") {
			return parts
		}
		s.pos++
	}
}

// value reads a value and notes the lines inside it in n.
func (s *scanner) value(n *node) {
	s.depth++
	defer func() { s.depth-- }()
	switch {
	case s.pos == len(s.text):
	case s.at(`"""`):
		s.quoted(`"""`, true)
	case s.at(`'''`):
		s.quoted(`'''`, false)
	case s.at(`"`):
		s.quoted(`"`, true)
	case s.at(`'`):
		s.quoted(`'`, false)
	case s.at("[") && s.depth < maxDepth:
		s.list(n)
	case s.at("{") && s.depth < maxDepth:
		s.inline(n)
	default:
		for s.pos < len(s.text) && !strings.ContainsRune(",]}#\r\n", rune(s.text[s.pos])) {
			s.pos++
		}
	}
}

// quoted goes over a string; escapes says that a backslash hides the next byte.
func (s *scanner) quoted(quote string, escapes bool) {
	s.skip(len(quote))
	for s.pos < len(s.text) {
		switch {
		case escapes && s.text[s.pos] == '\\':
			s.skip(2)
		case s.at(quote):
			s.skip(len(quote))
			if len(quote) == 3 { // up to two more quotes belong to the text
				for i := 0; i < 2 && s.at(quote[:1]); i++ {
					s.pos++
				}
			}
			return
		case len(quote) == 1 && s.text[s.pos] == '\n':
			return
		default:
			s.step()
		}
	}
}

func (s *scanner) list(n *node) {
	s.skip(1)
	for {
		s.space()
		if s.pos == len(s.text) {
			return
		}
		if s.at("]") {
			s.pos++
			return
		}
		start := s.pos
		item := &node{line: s.line}
		n.items = append(n.items, item)
		s.value(item)
		s.space()
		if s.pos < len(s.text) && s.at(",") {
			s.pos++
		}
		if s.pos == start {
			s.step()
		}
	}
}

func (s *scanner) inline(n *node) {
	s.skip(1)
	for {
		s.space()
		if s.pos == len(s.text) {
			return
		}
		if s.at("}") {
			s.pos++
			return
		}
		start := s.pos
		s.pair(n)
		s.space()
		if s.pos < len(s.text) && s.at(",") {
			s.pos++
		}
		if s.pos == start {
			s.step()
		}
	}
}
