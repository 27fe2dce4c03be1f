package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzConfig: no text makes Parse panic, each problem has a line of the text,
// and the same text gives the same problems.
func FuzzConfig(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.txt")
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		input, _, _ := strings.Cut(string(content), "\n----\n")
		f.Add([]byte(input))
	}
	secrets := func(path string) ([]byte, error) {
		if len(path)%2 == 0 {
			return nil, &fs.PathError{Op: "open", Path: path, Err: errors.New("no")}
		}
		return []byte(path), nil
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, problems := parse("f.toml", text, secrets, false)
		if (c == nil) != (len(problems.Errors()) > 0) {
			t.Errorf("config %v with problems\n%s", c, problems)
		}
		if c != nil && len(c.Routes) == 0 {
			t.Errorf("a config without a route")
		}
		lines := 1 + strings.Count(string(text), "\n")
		for i, p := range problems {
			if p.Line < 1 || p.Line > lines {
				t.Errorf("line of %d: %s", lines, p)
			}
			if i > 0 && p.Line < problems[i-1].Line {
				t.Errorf("not sorted:\n%s", problems)
			}
			if strings.ContainsAny(p.String(), "\n\r") {
				t.Errorf("problem of several lines: %q", p)
			}
		}
		if _, again := parse("f.toml", text, secrets, false); again.String() != problems.String() {
			t.Errorf("not the same twice:\n%s\n%s", problems, again)
		}
	})
}
