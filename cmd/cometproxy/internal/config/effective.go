package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Effective writes a configuration with every key that counts: what the text, which
// Parse takes, says of it, or else its default, marked as such. Secrets are hidden, see
// hide.
func Effective(text []byte) (string, error) {
	var given map[string]any
	if err := toml.Unmarshal(text, &given); err != nil {
		return "", err
	}
	var b strings.Builder
	for _, section := range tableKeys[""] {
		switch tables := given[section].(type) {
		case []map[string]any:
			for _, table := range tables {
				effectiveTable(&b, "[["+section+"]]", section, table)
			}
		case map[string]any:
			effectiveTable(&b, "["+section+"]", section, tables)
		default:
			if header(section) == "["+section+"]" {
				effectiveTable(&b, "["+section+"]", section, nil)
			}
		}
	}
	return strings.TrimPrefix(b.String(), "\n"), nil
}

func effectiveTable(b *strings.Builder, head, section string, given map[string]any) {
	fmt.Fprintf(b, "\n%s\n", head)
	for _, k := range keys {
		name, ok := strings.CutPrefix(k.path, section+".")
		if !ok || strings.Contains(name, ".") {
			continue
		}
		value, said := given[name]
		switch {
		case said:
			fmt.Fprintf(b, "%s = %s\n", name, writeTOML(hide(k.path, value)))
		case k.def != nil && section != "route": // what does not fit a route's kind may not be said
			fmt.Fprintf(b, "%s = %s  # default\n", name, writeTOML(k.def))
		}
	}
	if cors, ok := given["cors"]; ok && section == "route" {
		fmt.Fprintf(b, "cors = %s\n", writeTOML(hide("route.cors", cors)))
	}
}

// writeTOML writes a value on one line.
func writeTOML(v any) string {
	switch v := v.(type) {
	case string:
		var b strings.Builder
		encoder := json.NewEncoder(&b) // whose escapes TOML has too
		encoder.SetEscapeHTML(false)
		encoder.Encode(v)
		return strings.ReplaceAll(strings.TrimSpace(b.String()), "\x7f", `\u007f`)
	case []any:
		var items []string
		for _, item := range v {
			items = append(items, writeTOML(item))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]any:
		var items []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			items = append(items, writeTOML(name)+" = "+writeTOML(v[name]))
		}
		return "{ " + strings.Join(items, ", ") + " }"
	default:
		return fmt.Sprint(v)
	}
}
