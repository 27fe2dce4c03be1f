package grip

// A Field is one header line.
type Field struct{ Name, Value string }

// A Pair is a name with its value.
type Pair struct{ Name, Value string }

// Reserved says whether a header line of this name belongs to the proxy and
// never passes it: whether the name begins with "Grip-", in any case. Apps behind CGI see
// "_" and "-" as one, so each "_" counts as "-".
func Reserved(name []byte) bool {
	const prefix = "grip-"
	if len(name) < len(prefix) {
		return false
	}
	for i := range prefix {
		c := name[i]
		switch {
		case c == '_':
			c = '-'
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		if c != prefix[i] {
			return false
		}
	}
	return true
}
