package config

import (
	"crypto/x509"
	"fmt"
	"strings"
)

// A reader walks the decoded file with the table of keys and collects the
// config and the problems.
type reader struct {
	file       string
	readSecret func(path string) ([]byte, error)

	config   *Config
	problems Problems
	lost     map[string]bool // tables that stand many times, found inside of another

	found            map[string]*section   // the tables that stand once
	routeSections    []*section            // of config.Routes, in their order, like the next two
	backendSections  []*section            // of config.Backends
	certSections     []*section            // of config.Certificates
	presenceSections []*section            // of config.Presence
	pairs            [][]*x509.Certificate // of these: each with its chain; empty: it cannot be read
}

func (r *reader) add(line int, key, text string) {
	r.problems = append(r.problems, Problem{File: r.file, Line: line, Key: key, Text: text})
}

// A section is one table of the file, with what is known of its keys.
type section struct {
	r     *reader
	path  string
	at    *node
	raw   map[string]any  // what the file has, as it is written
	given map[string]bool // its names
	bad   map[string]bool // names that already have a problem
}

// problem reports an error of a key, or of the table itself if name is empty.
func (s *section) problem(name, format string, args ...any) {
	s.note(false, name, s.line(name), format, args...)
}

// warn reports what is legal but unwise.
func (s *section) warn(name, format string, args ...any) {
	s.note(true, name, s.line(name), format, args...)
}

// itemProblem reports an error of one item of a list.
func (s *section) itemProblem(name string, item int, format string, args ...any) {
	s.note(false, name, s.at.kid(name).item(item).line, format, args...)
}

func (s *section) itemWarn(name string, item int, format string, args ...any) {
	s.note(true, name, s.at.kid(name).item(item).line, format, args...)
}

func (s *section) note(warning bool, name string, line int, format string, args ...any) {
	key := s.path
	if name != "" {
		key = join(s.path, name)
		if !warning {
			s.bad[name] = true
		}
	}
	s.r.problems = append(s.r.problems, Problem{File: s.r.file, Line: line, Key: key, Text: fmt.Sprintf(format, args...), Warning: warning})
}

func (s *section) line(name string) int {
	if name == "" {
		return s.at.line
	}
	return s.at.kid(name).line
}

// written is a value as the file has it, or else its default.
func (s *section) written(name string) string {
	if v, there := s.raw[name]; there {
		return formatTOML(v)
	}
	return formatTOML(keyOf[join(s.path, name)].def) + " (the default)"
}

// ok reports that none of the names has a problem.
func (s *section) ok(names ...string) bool {
	for _, name := range names {
		if s.bad[name] {
			return false
		}
	}
	return true
}

// table fills t from the table raw, and reports what it does not know. Tables
// inside are left to the caller.
func (r *reader) table(path string, raw map[string]any, at *node, t *target) *section {
	s := &section{r: r, path: path, at: at, raw: raw, given: make(map[string]bool), bad: make(map[string]bool)}
	setDefaults(t, path)
	for _, name := range sortedNames(raw) {
		s.given[name] = true
		k := keyOf[join(path, name)]
		if k == nil {
			if tableKeys[join(path, name)] == nil && !s.misplaced(name, raw[name]) {
				s.unknown(name)
			}
			continue
		}
		for _, f := range k.set(t, raw[name]) {
			if f.name != "" {
				s.bad[name] = true
				r.add(at.kid(name).kid(f.name).line, k.path, f.text)
				continue
			}
			s.itemProblem(name, f.item, "%s", f.text)
		}
	}
	return s
}

// unknown reports a key that the table does not have.
func (s *section) unknown(name string) {
	known := tableKeys[s.path]
	line := s.at.kid(name).line
	shown := name
	if strings.ContainsAny(name, " \t\n\"'.") || name == "" {
		shown = quoted(name)
	}
	text := "unknown key"
	if s.path == "" {
		text = "unknown section"
	}
	switch guess, elsewhere := closest(name, known), homes(name); {
	case s.path == "error_pages" && strings.Trim(name, "0123456789") == "":
		text += "; only 502, 503 and 504 can have a page"
	case guess != "":
		if s.path == "" {
			guess = header(guess)
		}
		text += "; did you mean " + guess + "?"
	case len(elsewhere) > 0:
		text = "this key does not belong here: put it under " + strings.Join(elsewhere, " or ")
	case s.path == "":
		text += "; sections are " + strings.Join(headers(known), ", ")
	default:
		text += "; " + header(s.path) + " knows " + strings.Join(known, ", ")
	}
	s.r.add(line, join(s.path, shown), text)
}

// misplaced reports a list of backends or routes that got into the table before it.
func (s *section) misplaced(name string, v any) bool {
	switch v.(type) {
	case []any, []map[string]any:
	default:
		return false
	}
	if s.path == "" || !repeated[name] {
		return false
	}
	s.r.lost[name] = true
	s.problem(name, "in TOML the lines after %s belong to it: move \"%s = ...\" above the first [table], or write [[%s]]", header(s.path), name, name)
	return true
}

// homes are the headers of the tables that have a key of this name.
func homes(name string) []string {
	var found []string
	for _, k := range keys {
		if table, ok := strings.CutSuffix(k.path, "."+name); ok {
			found = append(found, header(table))
		}
	}
	return found
}

// header is how a table's name is written.
func header(table string) string {
	if repeated[table] {
		return "[[" + table + "]]"
	}
	return "[" + table + "]"
}

func headers(tables []string) []string {
	var hs []string
	for _, table := range tables {
		hs = append(hs, header(table))
	}
	return hs
}

// read walks the whole file.
func (r *reader) read(raw map[string]any, at *node) {
	r.config, r.lost = new(Config), make(map[string]bool)
	root := &section{r: r, at: at, given: make(map[string]bool), bad: make(map[string]bool)}
	for _, name := range sortedNames(raw) {
		if tableKeys[name] == nil {
			root.unknown(name)
		}
	}
	r.sections(raw, at)
	backends := r.backends(r.tables("backend", raw, at))
	r.routes(r.tables("route", raw, at), backends, at)
	r.presences(r.tables("presence", raw, at), backends)
	r.warnOfUnused(backends)
}

// sections reads the tables that stand once, and checks them.
func (r *reader) sections(raw map[string]any, at *node) {
	t := &target{config: r.config}
	found := make(map[string]*section)
	r.found = found
	for _, name := range tableKeys[""] {
		if repeated[name] {
			continue
		}
		table, ok := raw[name].(map[string]any)
		if !ok && raw[name] != nil {
			r.add(at.kid(name).line, name, fmt.Sprintf("is %s: write it as the table %s with its keys below", nameOf(raw[name]), header(name)))
		}
		found[name] = r.table(name, table, at.kid(name), t)
	}
	checkPublic(found["public"], &r.config.Public, t.raw.proxyFrom)
	checkInternal(found["internal"], &r.config.Internal, t.raw.token)
	checkBothListen(found["public"], found["internal"], r.config)
	checkTLSListen(found["public"], r.config)
	checkForward(found["forward"], &r.config.Forward, t.raw.trusted)
	checkBounds(found, r.config)
	checkGRIP(found["grip"], &r.config.GRIP, t.raw.sigKey)
	checkOperation(found, r.config)
	checkRequests(found["limits"], &r.config.Limits)
	checkPages(found["error_pages"], &r.config.ErrorPages, t.raw.pages)
	r.certificates(r.tables("certificate", raw, at), found["public"])
}

// A rawTable is one table of those that repeat, still unread.
type rawTable struct {
	values map[string]any
	at     *node
}

// tables returns the tables called name, written [[name]] or as a list of
// inline tables.
func (r *reader) tables(name string, raw map[string]any, at *node) []rawTable {
	at = at.kid(name)
	var found []rawTable
	switch v := raw[name].(type) {
	case nil:
	case []map[string]any:
		for i, values := range v {
			found = append(found, rawTable{values, at.item(i)})
		}
	case []any:
		for i, item := range v {
			values, ok := item.(map[string]any)
			if !ok {
				r.add(at.item(i).line, name, fmt.Sprintf("has %s in the list: write it as the table %s with its keys below", nameOf(item), header(name)))
				continue
			}
			found = append(found, rawTable{values, at.item(i)})
		}
	case map[string]any:
		r.add(at.line, name, fmt.Sprintf("can stand several times: write [[%s]] with two brackets", name))
		found = append(found, rawTable{v, at})
	default:
		r.add(at.line, name, fmt.Sprintf("is %s: write it as the table %s with its keys below", nameOf(v), header(name)))
	}
	return found
}
