package grip

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// An object is a JSON object with the name that errors call it. Its methods are
// strict about types: null is a wrong one, and absent is not null. Keys that nobody asks for
// are ignored.
type object struct {
	name   string
	fields map[string]json.RawMessage
}

func (o object) has(key string) bool {
	_, given := o.fields[key]
	return given
}

func (o object) wrongType(key string) error {
	return fmt.Errorf("%s contains '%s' with wrong type", o.name, key)
}

func (o object) invalid(key string) error {
	return fmt.Errorf("%s contains '%s' with invalid value", o.name, key)
}

// str returns the string at key, or "" if there is none.
func (o object) str(key string) (s string, err error) {
	return take(o, key, asString)
}

func (o object) list(key string) (l []json.RawMessage, err error) {
	return take(o, key, asList)
}

func (o object) object(key string) (m map[string]json.RawMessage, err error) {
	return take(o, key, asObject)
}

func (o object) bool(key string) (b bool, err error) {
	return take(o, key, asBool)
}

// take reads the value at key; without one it is the zero value.
func take[T any](o object, key string, as func(json.RawMessage) (T, bool)) (v T, err error) {
	raw, given := o.fields[key]
	if !given {
		return v, nil
	}
	v, ok := as(raw)
	if !ok {
		return v, o.wrongType(key)
	}
	return v, nil
}

// whole returns the whole number at key, of 0 or more.
func (o object) whole(key string) (int, error) {
	f, err := take(o, key, asNumber)
	if err != nil {
		return 0, err
	}
	if f != math.Trunc(f) || f < 0 || f > math.MaxInt32 {
		return 0, o.invalid(key)
	}
	return int(f), nil
}

// loose returns the number at key, of 0 or more, as Pushpin reads those of items: a
// string counts as the number in it, or as 0, and fractions are cut off.
func (o object) loose(key string) (int, error) {
	var f float64
	if s, ok := asString(o.fields[key]); ok {
		n, _ := strconv.ParseInt(strings.TrimSpace(s), 10, 32) // the nearest one, if it is too large
		f = float64(n)
	} else {
		var err error
		if f, err = take(o, key, asNumber); err != nil {
			return 0, err
		}
	}
	if f < 0 {
		return 0, o.invalid(key)
	}
	return int(min(f, math.MaxInt32)), nil
}

// pairs returns the object of strings at key, sorted by name.
func (o object) pairs(key string) ([]Pair, error) {
	fields, err := o.object(key)
	if err != nil {
		return nil, err
	}
	return object{"'" + key + "'", fields}.all()
}

// all returns the whole of an object of strings, sorted by name.
func (o object) all() (pairs []Pair, err error) {
	for _, name := range slices.Sorted(maps.Keys(o.fields)) {
		value, err := o.str(name)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, Pair{name, value})
	}
	return pairs, nil
}

// strs returns the list of strings at key; nil without one.
func (o object) strs(key string) ([]string, error) {
	list, err := o.list(key)
	if err != nil || list == nil {
		return nil, err
	}
	values := make([]string, len(list))
	for i, raw := range list {
		var ok bool
		if values[i], ok = asString(raw); !ok {
			return nil, fmt.Errorf("%s contains element with wrong type", key)
		}
	}
	return values, nil
}

// binary returns the base64 at key. As in Pushpin padding may be missing, and
// there may be white space. Pushpin skips whatever else is no base64; a body that is
// not the one that was meant is refused here.
func (o object) binary(key string) ([]byte, error) {
	s, err := o.str(key)
	if err != nil {
		return nil, err
	}
	s = strings.TrimRight(strings.Join(strings.Fields(s), ""), "=")
	b, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil {
		return nil, o.invalid(key)
	}
	return b, nil
}

func asString(raw json.RawMessage) (string, bool)          { return as[string](raw, `"`) }
func asNumber(raw json.RawMessage) (float64, bool)         { return as[float64](raw, "-0123456789") }
func asBool(raw json.RawMessage) (bool, bool)              { return as[bool](raw, "tf") }
func asList(raw json.RawMessage) ([]json.RawMessage, bool) { return as[[]json.RawMessage](raw, "[") }
func asObject(raw json.RawMessage) (map[string]json.RawMessage, bool) {
	return as[map[string]json.RawMessage](raw, "{")
}

// as decodes a value of the type whose text begins with one of the bytes in begin.
// The json package alone takes null for anything, and mends invalid UTF-8.
func as[T any](raw json.RawMessage, begin string) (v T, ok bool) {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	if len(raw) == 0 || strings.IndexByte(begin, raw[0]) < 0 || !utf8.Valid(raw) {
		return v, false
	}
	return v, json.Unmarshal(raw, &v) == nil
}

// reason returns the status line's text at 'reason'.
func (o object) reason() (string, error) {
	s, err := o.str("reason")
	if err == nil && !isLine(s) {
		err = fmt.Errorf("%s contains 'reason' with a line break or NUL in it", o.name)
	}
	return s, err
}

// content returns the bytes at key-bin, or else the text at key.
func (o object) content(key string) ([]byte, error) {
	if o.has(key + "-bin") {
		return o.binary(key + "-bin")
	}
	s, err := o.str(key)
	return []byte(s), err
}
