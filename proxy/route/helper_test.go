package route

import (
	"errors"
	"strconv"
	"strings"
	"testing"
)

// mustTable makes a table of correct routes.
func mustTable(tb testing.TB, routes []Route) *Table {
	tb.Helper()
	t, err := NewTable(routes)
	if err != nil {
		tb.Fatalf("NewTable: %v", err)
	}
	return t
}

// show writes the outcome of a match as the tables of these tests do: the path of
// the route, then the channels or the backend; or kind and parameter of the error.
func show(m Match, err error) string {
	if err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return "untyped error: " + err.Error()
		}
		return strings.TrimSpace(e.Kind.String() + " " + e.Param)
	}
	if m.Route.Backend != "" {
		return m.Route.Host + m.Route.Path + " > " + m.Route.Backend
	}
	return m.Route.Host + m.Route.Path + " " + strings.Join(m.Channels, " ")
}

// run checks a table of lines "host target = outcome". A host of "-" is no host; a
// target in quotes is a Go string.
func run(t *testing.T, table *Table, lines string) {
	t.Helper()
	for line := range strings.Lines(lines) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		in, want, ok := strings.Cut(line, " = ")
		host, target, ok2 := strings.Cut(strings.TrimSpace(in), " ")
		if !ok || !ok2 {
			t.Fatalf("bad line %q", line)
		}
		if host == "-" {
			host = ""
		}
		target = strings.TrimSpace(target)
		if strings.HasPrefix(target, `"`) {
			var err error
			if target, err = strconv.Unquote(target); err != nil {
				t.Fatalf("bad line %q: %v", line, err)
			}
		}
		m, err := table.Match([]byte(host), []byte(target))
		if got := show(m, err); got != strings.TrimSpace(want) {
			t.Errorf("%s %s:\n got %s\nwant %s", host, target, got, want)
		}
	}
}
