package config

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

const exampleFile = "../../../../config.example.toml"

// TestExampleIsValid: the example has no error and no warning as it stands.
func TestExampleIsValid(t *testing.T) {
	c, problems := Load(exampleFile)
	if c == nil || len(problems) > 0 {
		t.Fatalf("problems:\n%s", problems)
	}
}

// commentedKey is a line of the example that only lacks its "# " to count.
var commentedKey = regexp.MustCompile(`(?m)^# (\[\[(?:certificate|presence)\]\]|[a-z0-9_]+ *= [^ ].*)$`)

// TestExampleIsComplete compares the example with the table of keys: each key
// with a default has it there, each other key is there too, commented out if it
// is not needed, and nothing else is there. All of [[presence]] is commented out.
func TestExampleIsComplete(t *testing.T) {
	text, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	live := exampleValues(t, string(text))
	all := exampleValues(t, commentedKey.ReplaceAllString(string(text), "$1"))
	for _, k := range keys {
		switch got, there := live[k.path]; {
		case strings.HasPrefix(k.path, "presence.") && k.def != nil:
			if !reflect.DeepEqual(all[k.path], k.def) {
				t.Errorf("%s is %#v in the example; its default is %#v", k.path, all[k.path], k.def)
			}
		case k.def != nil && !there:
			t.Errorf("%s is not in the example", k.path)
		case k.def != nil && !reflect.DeepEqual(got, k.def):
			t.Errorf("%s is %#v in the example; its default is %#v", k.path, got, k.def)
		case k.def == nil && all[k.path] == nil:
			t.Errorf("%s is not in the example, not even commented out", k.path)
		}
	}
	for path := range all {
		if keyOf[path] == nil {
			t.Errorf("%s is in the example and is no key", path)
		}
	}
}

// exampleValues are the values of a file by the path of their key.
func exampleValues(t *testing.T, text string) map[string]any {
	t.Helper()
	raw := make(map[string]any)
	if _, err := toml.Decode(text, &raw); err != nil {
		t.Fatal(err)
	}
	values := make(map[string]any)
	collect(values, "", raw)
	return values
}

func collect(values map[string]any, path string, v any) {
	switch table := v.(type) {
	case map[string]any:
		if keyOf[path] == nil {
			for name, value := range table {
				collect(values, join(path, name), value)
			}
			return
		}
	case []map[string]any:
		for _, value := range table {
			collect(values, path, value)
		}
		return
	}
	values[path] = v
}
