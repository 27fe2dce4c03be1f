package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxName = 40  // characters
	maxText = 280 // characters
)

// entry is what somebody wants to post.
type entry struct {
	name, text string
	to         []string // whom it is for; only where people sign in
	form       bool     // came from a form, not from a script
}

// parse reads an entry in either of its forms. With an error goes the status of
// the answer; without one that is the status for an entry that check refuses.
func parse(contentType string, body []byte) (entry, int, error) {
	media, _, _ := mime.ParseMediaType(contentType)
	switch media {
	case "application/json":
		var in struct {
			Name, Text string
			To         []string
		}
		if err := json.Unmarshal(body, &in); err != nil {
			return entry{}, http.StatusBadRequest, errors.New(`The body is not JSON of the form {"name":"…","text":"…"}.`)
		}
		return entry{name: in.Name, text: in.Text, to: in.To}, http.StatusBadRequest, nil
	case "application/x-www-form-urlencoded":
		in, err := url.ParseQuery(string(body))
		e := entry{name: in.Get("name"), text: in.Get("text"), to: in["to"], form: true}
		if err != nil {
			return e, http.StatusBadRequest, errors.New("The form could not be read.")
		}
		return e, http.StatusBadRequest, nil
	}
	return entry{}, http.StatusUnsupportedMediaType,
		errors.New("Send a status as application/json or application/x-www-form-urlencoded.")
}

// check returns the entry tidied, or says to its writer what is wrong with it.
func (e entry) check() (entry, error) {
	var err error
	if !utf8.ValidString(e.name) || !utf8.ValidString(e.text) {
		return e, errors.New("Name and text must be UTF-8.")
	}
	if e.name, err = checkName(e.name); err != nil {
		return e, err
	}
	e.text = strings.TrimSpace(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(e.text))
	switch {
	case e.text == "":
		return e, errors.New("Please write something.")
	case utf8.RuneCountInString(e.text) > maxText:
		return e, fmt.Errorf("A status has at most %d characters.", maxText)
	case strings.ContainsFunc(e.text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }):
		return e, errors.New("Name and text may not contain control characters.")
	}
	return e, nil
}

// checkName returns a name tidied, or says what is wrong with it.
func checkName(name string) (string, error) {
	name = strings.Join(strings.Fields(name), " ")
	switch {
	case name == "":
		return name, errors.New("Please give a name.")
	case !utf8.ValidString(name):
		return name, errors.New("A name must be UTF-8.")
	case utf8.RuneCountInString(name) > maxName:
		return name, fmt.Errorf("A name has at most %d characters.", maxName)
	case strings.ContainsFunc(name, unicode.IsControl):
		return name, errors.New("Name and text may not contain control characters.")
	}
	return name, nil
}
