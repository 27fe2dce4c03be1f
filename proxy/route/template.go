package route

import (
	"errors"
	"fmt"
	"strings"
)

// template is the pattern of one channel name.
type template struct {
	parts []part
	fixed string // the whole name, if there is no parameter
}

// part is a piece of text, or the value of a parameter.
type part struct {
	text  string
	param int // index in rule.params; -1: text
}

// firstParam returns the index of the first parameter, -1 if there is none.
func (tm *template) firstParam() int {
	for _, p := range tm.parts {
		if p.param >= 0 {
			return p.param
		}
	}
	return -1
}

// parseTemplate reads "room:{room}". A brace can only be part of a {name}.
func parseTemplate(text string, params []param, open bool) (template, error) {
	var tm template
	if text == "" {
		return tm, errors.New("an empty channel name")
	}
	literal := 0 // bytes of text
	for rest := text; rest != ""; {
		i := strings.IndexAny(rest, "{}")
		if i < 0 {
			i = len(rest)
		}
		if i > 0 {
			tm.parts = append(tm.parts, part{text: rest[:i], param: -1})
			literal += i
			rest = rest[i:]
			continue
		}
		end := strings.IndexByte(rest, '}')
		if rest[0] == '}' || end < 0 {
			return tm, fmt.Errorf("%q has a brace without its other half: braces are only for {name}", text)
		}
		name := rest[1:end]
		if err := validParamName(name); err != nil {
			return tm, fmt.Errorf("%q: %w", text, err)
		}
		at := indexParam(params, name)
		if at < 0 {
			return tm, fmt.Errorf("%q uses {%s}, which is not in the path", text, name)
		}
		tm.parts = append(tm.parts, part{param: at})
		rest = rest[end+1:]
	}
	return tm, tm.check(text, literal, open)
}

// check applies the rules for names to what is known before any request.
func (tm *template) check(text string, literal int, open bool) error {
	if tm.firstParam() < 0 {
		tm.fixed = text
		if err := ValidChannel(text); err != nil {
			return fmt.Errorf("%q: %w", text, err)
		}
		return nil
	}
	if tm.parts[0].param >= 0 && !open {
		return fmt.Errorf("%q begins with a parameter, so anybody could read every channel: put text before it, or set open = true", text)
	}
	if literal >= MaxChannel {
		return fmt.Errorf("%q leaves no room for its parameters: a channel name is at most %d bytes", text, MaxChannel)
	}
	for i, p := range tm.parts {
		if p.param >= 0 {
			continue
		}
		name := p.text
		if i > 0 {
			name = "x" + name // not the beginning of the name
		}
		if err := ValidChannel(name); err != nil {
			return fmt.Errorf("%q: %w", text, err)
		}
	}
	return nil
}

// validParamName accepts letters, digits, - and _, not beginning with a digit or -.
func validParamName(name string) error {
	if name == "" {
		return errors.New("{} has no name")
	}
	for i := range len(name) {
		if !isNameChar(name[i]) {
			return fmt.Errorf("{%s}: a parameter's name has only letters, digits, - and _", name)
		}
	}
	if c := name[0]; c == '-' || '0' <= c && c <= '9' {
		return fmt.Errorf("{%s}: a parameter's name begins with a letter or _", name)
	}
	return nil
}

func indexParam(params []param, name string) int {
	for i := range params {
		if params[i].name == name {
			return i
		}
	}
	return -1
}
