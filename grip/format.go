package grip

import (
	"fmt"
	"slices"
)

// action reads what a format does. Pushpin 1.36 has no refresh and gives no
// reason for what it does not know.
func (o object) action() (Action, error) {
	s, err := o.str("action")
	switch {
	case err != nil:
		return 0, err
	case !o.has("action") || s == "send":
		return Send, nil
	case s == "hint":
		return Hint, nil
	case s == "close":
		return Close, nil
	case s == "refresh":
		return Refresh, nil
	}
	return 0, fmt.Errorf("%s contains 'action' with unknown value", o.name)
}

// readResponse reads "http-response". Actions other than send have no more.
func readResponse(o object, action Action) (r *ResponseFormat, err error) {
	r = &ResponseFormat{Action: action, Status: 200}
	if action != Send {
		return r, nil
	}
	if o.has("code") {
		// Pushpin takes less than 200 too; see finalStatus.
		if r.Status, err = o.loose("code"); err == nil && !finalStatus(r.Status) {
			err = o.invalid("code")
		}
		if err != nil {
			return nil, err
		}
	}
	if r.Reason, err = o.reason(); err != nil {
		return nil, err
	}
	if r.Header, err = o.headers("headers"); err != nil {
		return nil, err
	}
	if r.ContentFilters, err = o.strs("content-filters"); err != nil {
		return nil, err
	}
	switch {
	case o.has("body-bin"), o.has("body"):
		r.Body, err = o.content("body")
	case o.has("body-patch"):
		r.Patch = true
		_, err = o.list("body-patch")
	default:
		err = fmt.Errorf("%s does not contain 'body', 'body-bin', or 'body-patch'", o.name)
	}
	return r, err
}

// checkStream checks "http-stream".
func checkStream(o object, action Action) error {
	if action != Send {
		return nil
	}
	return o.checkContent(true)
}

// checkMessage checks "ws-message".
func checkMessage(o object, action Action) error {
	switch action {
	case Send:
		kind, err := o.str("type")
		if err != nil {
			return err
		}
		if o.has("type") && !slices.Contains([]string{"text", "binary", "ping", "pong"}, kind) {
			return fmt.Errorf("%s contains 'type' with unknown value", o.name)
		}
		return o.checkContent(kind != "ping" && kind != "pong")
	case Close:
		if _, err := o.loose("code"); err != nil {
			return err
		}
		_, err := o.str("reason")
		return err
	}
	return nil
}

// checkContent checks the types of what is delivered. What is within content-bin is
// not looked at: nothing is made of it yet.
func (o object) checkContent(required bool) error {
	if _, err := o.strs("content-filters"); err != nil {
		return err
	}
	key := "content"
	if o.has("content-bin") {
		key = "content-bin"
	}
	if required && !o.has(key) {
		return fmt.Errorf("%s does not contain 'content' or 'content-bin'", o.name)
	}
	_, err := o.str(key)
	return err
}
