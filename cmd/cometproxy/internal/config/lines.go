package config

// LineOf is where a text, which Parse takes, says a key of a table that stands once,
// "limits.connections"; 0 if it does not.
func LineOf(text []byte, table, name string) int {
	if kid := scan(string(text)).kids[table]; kid != nil && kid.kids[name] != nil {
		return kid.kids[name].line
	}
	return 0
}
