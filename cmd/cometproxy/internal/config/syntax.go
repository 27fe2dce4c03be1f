package config

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"
)

// decode turns the text into maps. What the library rejects is one problem.
func (r *reader) decode(text []byte) (map[string]any, bool) {
	if len(text) > maxFile {
		r.add(1, "", "the file is larger than "+formatSize(maxFile))
		return nil, false
	}
	raw := make(map[string]any)
	_, err := toml.Decode(string(text), &raw)
	if err == nil {
		return raw, true
	}
	line, message := 1, err.Error()
	var syntax toml.ParseError
	if errors.As(err, &syntax) {
		line, message = syntax.Position.Line, syntax.Message
	}
	line = max(1, min(line, 1+bytes.Count(text, []byte("\n"))))
	lines := strings.Split(string(text), "\n")
	line, hint := syntaxHint(lines, line, message)
	r.add(line, "", "this is no valid TOML: "+strings.TrimSuffix(message, ".")+hint)
	return nil, false
}

var (
	bareValue  = regexp.MustCompile(`^\s*([A-Za-z0-9_.-]+)\s*=\s*([^\s"'\[{#][^"'#,]*?)\s*(?:#.*)?$`)
	bareColon  = regexp.MustCompile(`^\s*([A-Za-z0-9_-]+)\s*:\s*(.*?)\s*$`)
	bareInList = regexp.MustCompile(`[\[{,=]\s*([A-Za-z][^\s"'\[\]{},=]*)\s*[,\]}]`)
	headerLine = regexp.MustCompile(`^\s*\[\[?[A-Za-z0-9_.-]+\s*\]?\s*(?:#[^][]*)?$`)
)

// syntaxHint adds what to do to a message of the library, as far as the message
// or the line shows what was meant. An unclosed header is noticed one line late.
func syntaxHint(lines []string, line int, message string) (int, string) {
	has := func(part string) bool { return strings.Contains(message, part) }
	if line > 1 && openHeader(lines[line-2]) {
		line--
	}
	s := strings.TrimSuffix(lines[line-1], "\r")
	switch {
	case has("'backend'"), has("'route'"):
		return line, ": write [[backend]] and [[route]] with two brackets each time"
	case has("already"):
		return line, ": keep one of the two"
	case has("UTF-8"), has("UTF-16"), has("NULL"):
		return line, ": save the file as UTF-8"
	case has("escape"), has("hexadecimal digits"):
		return line, `: write \\ for a backslash, or put the text in single quotes`
	case has("cannot contain newlines"), has(`expected '"'`), has(`expected "'"`):
		return line, ": close the text with a quote on the same line"
	case openHeader(s):
		return line, ": close the table's name with as many ] as it has ["
	case bareColon.MatchString(s):
		return line, fmt.Sprintf(": write = between key and value, %s = ...", bareColon.FindStringSubmatch(s)[1])
	}
	if m := bareValue.FindStringSubmatch(s); m != nil && m[2] != "true" && m[2] != "false" && !number.MatchString(m[2]) {
		return line, fmt.Sprintf(": text needs quotes, write %s = %s", m[1], quoted(m[2]))
	}
	switch m := bareInList.FindStringSubmatch(s); {
	case m != nil && has("expected value"):
		return line, fmt.Sprintf(": text needs quotes, write %s", quoted(m[1]))
	case has("array terminator"), has("unexpected EOF"):
		return line, ": close what is open above with ], } or a quote, and put commas between items"
	case has("inline table"):
		return line, ": put commas between the keys and } at the end"
	}
	return line, ": write key = \"text\", key = 1, key = true or [table] here"
}

// openHeader reports a table's header with a bracket missing.
func openHeader(line string) bool {
	return headerLine.MatchString(line) && strings.Count(line, "[") != strings.Count(line, "]")
}

// number is what needs no quotes.
var number = regexp.MustCompile(`^[+-]?[0-9][0-9_]*(\.[0-9]+)?$`)
