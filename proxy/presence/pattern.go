package presence

import "strings"

// Matches reports that a channel's name is one of the pattern, in which * stands
// for any text, also none.
func Matches(pattern, channel string) bool {
	parts := strings.Split(pattern, "*")
	rest, ok := strings.CutPrefix(channel, parts[0])
	if len(parts) == 1 {
		return ok && rest == ""
	}
	if !ok {
		return false
	}
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(rest, part)
		if !found {
			return false
		}
		rest = after
	}
	return strings.HasSuffix(rest, last)
}
