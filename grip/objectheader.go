package grip

import (
	"encoding/json"
	"errors"
)

// headers returns the header lines at key, in one of two forms: a list of pairs, in
// its order, or an object, by name. Those of the proxy are left out.
func (o object) headers(key string) (header []Field, err error) {
	raw, given := o.fields[key]
	if !given {
		return nil, nil
	}
	var all []Field
	if list, ok := asList(raw); ok {
		all, err = headerList(list)
	} else if fields, ok := asObject(raw); ok {
		all, err = headerObject(fields)
	} else {
		err = o.wrongType(key)
	}
	if err != nil {
		return nil, err
	}
	for _, f := range all {
		if err := f.check(); err != nil {
			return nil, err
		}
		if !f.framing() {
			header = append(header, f)
		}
	}
	return header, nil
}

func headerList(list []json.RawMessage) (header []Field, err error) {
	for _, raw := range list {
		pair, ok := asList(raw)
		if !ok {
			return nil, errors.New("headers contains element with wrong type")
		}
		if len(pair) != 2 {
			return nil, errors.New("headers contains list with wrong number of elements")
		}
		var f Field
		if f.Name, ok = asString(pair[0]); !ok {
			return nil, errors.New("header contains name element with wrong type")
		}
		if f.Value, ok = asString(pair[1]); !ok {
			return nil, errors.New("header contains value element with wrong type")
		}
		header = append(header, f)
	}
	return header, nil
}

// headerObject sorts by name, as Pushpin does.
func headerObject(fields map[string]json.RawMessage) (header []Field, err error) {
	pairs, err := object{"headers", fields}.all()
	for _, p := range pairs {
		header = append(header, Field(p))
	}
	return header, err
}
