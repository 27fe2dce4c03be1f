package grip

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// instruct reads an application/grip-instruct body. What it says of a thing counts
// more than the header lines read before; channels and meta add up.
func (r *reader) instruct(status int, body []byte) error {
	if status != 200 {
		return fmt.Errorf("the answer's status is %d: with application/grip-instruct it must be 200; "+
			"the client's status goes into the body, as response.code", status)
	}
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	if !utf8.Valid(body) || !json.Valid(body) {
		return errors.New("the application/grip-instruct body is not valid JSON in UTF-8")
	}
	fields, ok := asObject(body)
	if !ok {
		return errors.New("the application/grip-instruct body is not a JSON object")
	}
	top := object{"the application/grip-instruct body", fields}
	if err := r.holdObject(top); err != nil {
		return err
	}
	return r.response(top)
}

func (r *reader) holdObject(top object) error {
	fields, err := top.object("hold")
	if err != nil || fields == nil {
		return err
	}
	o := object{"hold", fields}
	mode, err := o.str("mode")
	if err != nil {
		return err
	}
	if !o.has("mode") {
		mode = "response"
	}
	if err := r.hold("hold.mode", mode); err != nil {
		return err
	}
	if err := r.channelList(o); err != nil {
		return err
	}
	if n, err := o.whole("timeout"); err != nil {
		return err
	} else if o.has("timeout") {
		r.in.Timeout = time.Duration(n) * time.Second
	}
	meta, err := o.pairs("meta")
	for _, p := range meta {
		r.meta[p.Name] = p.Value
	}
	return err
}

func (r *reader) channelList(hold object) error {
	if !hold.has("channels") {
		return errors.New("hold does not contain 'channels'")
	}
	list, err := hold.list("channels")
	if err != nil {
		return err
	}
	for _, raw := range list {
		fields, ok := asObject(raw)
		if !ok {
			return errors.New("channels contains element that is not an object")
		}
		o := object{"channel", fields}
		if !o.has("name") {
			return errors.New("channel does not contain 'name'")
		}
		var c Channel
		if c.Name, err = o.str("name"); err != nil {
			return err
		}
		if c.PrevID, err = o.str("prev-id"); err != nil {
			return err
		}
		if c.Filters, err = o.strs("filters"); err != nil {
			return err
		}
		if err := r.channel(c); err != nil {
			return err
		}
	}
	return nil
}

// response makes the response that takes the place of the app's: without one in
// the body an empty 200. The header lines' Grip-Status goes into it, unless it has
// a code; what they expose is of the app's own header, which is gone.
func (r *reader) response(top object) error {
	resp := &Response{Status: 200}
	if r.in.Status != 0 {
		resp.Status, resp.Reason = r.in.Status, r.in.Reason
	}
	r.in.Status, r.in.Reason, r.in.Expose, r.in.ExposeOnly = 0, "", nil, false
	r.in.Response = resp

	fields, err := top.object("response")
	if err != nil {
		return err
	}
	o := object{"response", fields}
	if code, err := o.whole("code"); err != nil {
		return err
	} else if o.has("code") {
		if !finalStatus(code) {
			return fmt.Errorf("response contains 'code' with invalid value %d: it must be from 200 to 999", code)
		}
		resp.Status, resp.Reason = code, ""
	}
	if reason, err := o.reason(); err != nil {
		return err
	} else if reason != "" {
		resp.Reason = reason
	}
	if resp.Header, err = o.headers("headers"); err != nil {
		return err
	}
	resp.Body, err = o.content("body")
	return err
}
