package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what the golden files should expect")

// TestGolden reads testdata/*.txt: a configuration, a line of dashes, and what
// Parse says about it. A comment "# <-" marks the lines that must have errors,
// and then no others may.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d golden files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			const dashes = "\n----\n"
			input, want, found := strings.Cut(string(content), dashes)
			if !found {
				t.Fatalf("no line of dashes")
			}
			input += "\n"
			c, problems := Parse("cometproxy.toml", []byte(input))
			got := problems.String()
			if len(problems.Errors()) == 0 {
				got = "ok\n" + got
			}
			if (c == nil) != (len(problems.Errors()) > 0) {
				t.Errorf("config %v with %d errors", c, len(problems.Errors()))
			}
			checkMarks(t, input, problems.Errors())
			if *update {
				if err := os.WriteFile(file, []byte(strings.TrimSuffix(input, "\n")+dashes+got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

func checkMarks(t *testing.T, input string, errors Problems) {
	marked := make(map[int]bool)
	for i, line := range strings.Split(input, "\n") {
		if strings.Contains(line, "# <-") {
			marked[i+1] = true
		}
	}
	if len(marked) == 0 {
		return
	}
	for _, p := range errors {
		if !marked[p.Line] {
			t.Errorf("not marked: %s", p)
		}
	}
	named := make(map[int]bool)
	for _, p := range errors {
		named[p.Line] = true
	}
	for line := range marked {
		if !named[line] {
			t.Errorf("line %d is marked and has no error", line)
		}
	}
}
