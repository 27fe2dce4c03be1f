package config

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName is how many bytes a channel's name may have.
const maxName = 255

// checkTemplates checks the channels of a native route.
func checkTemplates(s *section, route *Route, params map[string]bool, maxChannels int) {
	if !s.given["channels"] || !s.ok("channels") {
		return
	}
	if n := len(route.Channels); maxChannels > 0 && n > maxChannels {
		s.problem("channels", "the route has %d channels, [hold] max_channels allows %d: raise that or list fewer", n, maxChannels)
	}
	open := false
	seen := make(map[string]bool)
	for i, template := range route.Channels {
		literal, used, startsOpen, why := parseTemplate(template)
		if why == "" {
			why = badLiteral(template, literal)
		}
		for _, name := range used {
			if why == "" && s.ok("path") && s.given["path"] && !params[name] {
				why = fmt.Sprintf("%s: the path %s has no {%s}%s", quoted(template), quoted(route.Path), name, didYouMean(name, sortedNames(params)))
			}
		}
		if why == "" && startsOpen && !route.Open && s.ok("open") {
			why = fmt.Sprintf("%s begins with a parameter, so a client could name any channel: write text before it, \"room:%s\", or open = true if that is meant", quoted(template), template)
		}
		if why != "" {
			s.itemProblem("channels", i, "%s", why)
			continue
		}
		if seen[template] {
			s.itemWarn("channels", i, "%s is listed twice and counts once", quoted(template))
		}
		seen[template] = true
		if startsOpen {
			open = true
			s.itemWarn("channels", i, "open = true: whoever can reach %s may read every channel", route.Pattern())
		}
	}
	if route.Open && !open && s.ok("open", "channels") {
		s.warn("open", "is not needed, every channel begins with text: remove it, so that a later change cannot open the route by mistake")
	}
}

// parseTemplate cuts a template into its text and the parameters it uses.
func parseTemplate(template string) (literal string, used []string, startsOpen bool, why string) {
	rest := template
	for {
		i := strings.IndexAny(rest, "{}")
		if i < 0 {
			return literal + rest, used, startsOpen, ""
		}
		literal += rest[:i]
		end := strings.IndexByte(rest, '}')
		if rest[i] == '}' || end < 0 {
			return "", nil, false, fmt.Sprintf("%s: each { needs a }, write \"room:{room}\"", quoted(template))
		}
		name := rest[i+1 : end]
		if why := badParameterName(name); why != "" {
			return "", nil, false, fmt.Sprintf("%s: %s", quoted(template), why)
		}
		startsOpen = startsOpen || literal == ""
		used = append(used, name)
		rest = rest[end+1:]
	}
}

// badLiteral says what is wrong with the text of a template, or "".
func badLiteral(template, literal string) string {
	switch {
	case template == "":
		return "has an empty name in the list: write the name of a channel"
	case strings.HasPrefix(template, "$"):
		return fmt.Sprintf("%s: names that begin with $ are reserved, begin it with something else", quoted(template))
	case !utf8.ValidString(literal) || strings.IndexFunc(literal, unicode.IsControl) >= 0:
		return fmt.Sprintf("%s has a control character: a channel's name may not", quoted(template))
	case len(literal) > maxName:
		return fmt.Sprintf("the name has %d bytes: a channel's name may have %d", len(literal), maxName)
	}
	return ""
}

// checkParams compiles the expressions for parameters.
func checkParams(s *section, route *Route, texts map[string]string, params map[string]bool) {
	for _, name := range sortedNames(texts) {
		line := s.at.kid("params").kid(name).line
		text := texts[name]
		switch re, err := compileWhole(text); {
		case s.ok("path") && s.given["path"] && !params[name]:
			s.note(false, "params", line, "the path %s has no {%s}%s", quoted(route.Path), name, didYouMean(name, sortedNames(params)))
		case text == "":
			s.note(false, "params", line, "%s is empty and would match nothing: leave it out, or write \"[0-9]+\"", name)
		case err != nil:
			s.note(false, "params", line, "%s = %s is no regular expression: %s", name, quoted(text), strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		default:
			if route.Params == nil {
				route.Params = make(map[string]*regexp.Regexp)
			}
			route.Params[name] = re
		}
	}
}

// compileWhole makes an expression match whole values only.
func compileWhole(text string) (*regexp.Regexp, error) {
	if _, err := regexp.Compile(text); err != nil {
		return nil, err
	}
	return regexp.Compile(`^(?:` + text + `)$`)
}
