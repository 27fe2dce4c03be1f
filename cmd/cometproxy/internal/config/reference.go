package config

import (
	"fmt"
	"strconv"
	"strings"
)

// Reference lists every key with its default and what it is for.
func Reference() string {
	var b strings.Builder
	for i, section := range tableKeys[""] {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s\n", header(section))
		for _, k := range keys {
			name, ok := strings.CutPrefix(k.path, section+".")
			if !ok {
				continue
			}
			value := "(" + k.kind.String() + ")"
			if k.def != nil {
				value = formatTOML(k.def)
			}
			doc := k.doc
			if k.kind == isChoice {
				doc += ": " + strings.Join(k.oneOf, ", ")
			}
			doc += k.note
			fmt.Fprintf(&b, "  %-23s  %-20s  %s\n", name, value, doc)
		}
	}
	return b.String()
}

// formatTOML writes a default as a file would.
func formatTOML(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(v)
	case []any:
		var items []string
		for _, item := range v {
			items = append(items, formatTOML(item))
		}
		return "[" + strings.Join(items, ", ") + "]"
	default:
		return fmt.Sprint(v)
	}
}
