package config

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"
)

// A kind is what a key's value looks like.
type kind int

const (
	isText kind = iota
	isTexts
	isFlag
	isChoice
	isCount
	isDuration
	isSize
	isPatterns // a table of texts with free names
)

func (k kind) String() string {
	return [...]string{"text", "list of texts", "true or false", "one of", "number", "duration", "size", "table of texts"}[k]
}

// A fault is what is wrong with a value, or with one item of it.
type fault struct {
	item int    // index in a list; -1: the value as a whole
	name string // in a table
	text string
}

// set checks the value v of the key and writes it to its field. The field
// stays as it is if anything is wrong.
func (k *key) set(t *target, v any) []fault {
	switch k.kind {
	case isTexts:
		return k.setTexts(t, v)
	case isPatterns:
		return k.setPatterns(t, v)
	}
	if why := k.setScalar(k.field(t), v); why != "" {
		return []fault{{item: -1, text: why}}
	}
	return nil
}

// setScalar returns what is wrong, or "".
func (k *key) setScalar(field, v any) string {
	switch k.kind {
	case isFlag:
		return k.setFlag(field.(*bool), v)
	case isCount:
		return k.setCount(field.(*int), v)
	case isDuration:
		d, why := parseDuration(v)
		if why == "" {
			why = k.outside(int64(d), func(n int64) string { return formatDuration(time.Duration(n)) })
		}
		if why == "" {
			*field.(*time.Duration) = d
		}
		return why
	case isSize:
		n, why := parseSize(v)
		if why == "" {
			why = k.outside(n, formatSize)
		}
		if why == "" {
			*field.(*int64) = n
		}
		return why
	default: // isText, isChoice
		s, ok := v.(string)
		if !ok {
			if secretKey(k.path) {
				return fmt.Sprintf("is %s: write text in quotes", kindOf(v))
			}
			return fmt.Sprintf("is %s: write text in quotes, \"%v\"", nameOf(v), plain(v))
		}
		if k.kind == isChoice && !contains(k.oneOf, s) {
			return fmt.Sprintf("%s is not known: write %s%s", quoted(s), quotedOr(k.oneOf), didYouMean(s, k.oneOf))
		}
		*field.(*string) = s
		return ""
	}
}

func (k *key) setFlag(field *bool, v any) string {
	b, ok := v.(bool)
	if !ok {
		if s, inQuotes := v.(string); inQuotes && (s == "true" || s == "false") {
			return fmt.Sprintf("is text: write %s without quotes", s)
		}
		return fmt.Sprintf("is %s: write true or false", nameOf(v))
	}
	*field = b
	return ""
}

func (k *key) setCount(field *int, v any) string {
	n, ok := v.(int64)
	if !ok {
		if s, inQuotes := v.(string); inQuotes {
			if n, err := strconv.ParseInt(s, 10, 64); err == nil {
				return fmt.Sprintf("is text: write %d without quotes", n)
			}
		}
		return fmt.Sprintf("is %s: write a whole number", nameOf(v))
	}
	if why := k.outside(n, func(n int64) string { return strconv.FormatInt(n, 10) }); why != "" {
		return why
	}
	*field = int(n)
	return ""
}

// outside says that n is not within the key's bounds, or "".
func (k *key) outside(n int64, format func(int64) string) string {
	max := k.max
	if max == 0 {
		max = map[kind]int64{isCount: 1_000_000_000, isDuration: 366 * day, isSize: 1 << 42}[k.kind]
	}
	switch {
	case n < 0 && k.min == 0:
		return "is negative: write 0 to turn it off, or more"
	case n < k.min && n == 0:
		return fmt.Sprintf("is 0, and it cannot be turned off: write %s or more", format(k.min))
	case n < k.min:
		return fmt.Sprintf("is too small: write %s or more", format(k.min))
	case n > max:
		return fmt.Sprintf("is too large: write %s or less", format(max))
	}
	return ""
}

// lonePort is a port that stands for a whole address, or "".
func lonePort(name string, v any) string {
	port := fmt.Sprint(v)
	if _, err := strconv.ParseUint(port, 10, 16); err != nil || name != "listen" {
		return ""
	}
	return port
}

func (k *key) setTexts(t *target, v any) []fault {
	name := k.path[strings.LastIndexByte(k.path, '.')+1:]
	items, ok := v.([]any)
	if !ok {
		if port := lonePort(name, v); port != "" {
			return []fault{{item: -1, text: fmt.Sprintf("is a list of addresses: write %s = [\"127.0.0.1:%s\"]", name, port)}}
		}
		if s, inQuotes := v.(string); inQuotes {
			return []fault{{item: -1, text: fmt.Sprintf("is a list: write %s = [%s]", name, quoted(s))}}
		}
		return []fault{{item: -1, text: fmt.Sprintf("is %s: write a list of texts, %s = [\"...\"]", nameOf(v), name)}}
	}
	var faults []fault
	values := make([]string, len(items))
	for i, item := range items {
		if values[i], ok = item.(string); !ok {
			if port := lonePort(name, item); port != "" {
				faults = append(faults, fault{item: i, text: fmt.Sprintf("has %s in the list: write \"127.0.0.1:%s\"", nameOf(item), port)})
				continue
			}
			faults = append(faults, fault{item: i, text: fmt.Sprintf("has %s in the list: write text in quotes, \"%v\"", nameOf(item), plain(item))})
		}
	}
	if len(items) == 0 && !k.empty {
		faults = append(faults, fault{item: -1, text: "is an empty list: give it at least one item"})
	}
	if faults == nil {
		*k.field(t).(*[]string) = values
	}
	return faults
}

func (k *key) setPatterns(t *target, v any) []fault {
	table, ok := v.(map[string]any)
	if !ok {
		return []fault{{item: -1, text: fmt.Sprintf("is %s: write a table, { room = \"[0-9]+\" }", nameOf(v))}}
	}
	var faults []fault
	values := make(map[string]string, len(table))
	for _, name := range sortedNames(table) {
		if values[name], ok = table[name].(string); ok {
			continue
		}
		text := fmt.Sprintf("%s is %s: write a regular expression in quotes", name, nameOf(table[name]))
		if secretKey(k.path) {
			text = fmt.Sprintf("%s is %s: write text in quotes", name, kindOf(table[name]))
		}
		faults = append(faults, fault{item: -1, name: name, text: text})
	}
	if faults == nil {
		*k.field(t).(*map[string]string) = values
	}
	return faults
}

// nameOf says what a decoded TOML value is.
func nameOf(v any) string {
	switch v := v.(type) {
	case string:
		return "text"
	case bool:
		return fmt.Sprintf("%t", v)
	case int64:
		return fmt.Sprintf("the number %d", v)
	case float64:
		return "the number " + strconv.FormatFloat(v, 'g', -1, 64)
	case []any, []map[string]any:
		return "a list"
	case map[string]any:
		return "a table"
	case time.Time:
		return "a date"
	}
	return "something else"
}

// kindOf is nameOf without the value, for what may be a secret.
func kindOf(v any) string {
	switch v.(type) {
	case int64, float64:
		return "a number"
	case bool:
		return "true or false"
	}
	return nameOf(v)
}

// plain is v as it could stand in quotes.
func plain(v any) any {
	switch v := v.(type) {
	case int64, bool:
		return v
	case float64:
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			return v
		}
	}
	return "..."
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func contains(list []string, s string) bool {
	for _, item := range list {
		if item == s {
			return true
		}
	}
	return false
}
