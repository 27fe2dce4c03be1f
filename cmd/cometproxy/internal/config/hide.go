package config

import (
	"regexp"
	"strings"
)

// hidden stands for a secret.
const hidden = "(hidden)"

// secrets are keys whose value nobody needs to see. One that names a file is none.
var secrets = map[string]bool{"internal.token": true, "grip.sig_key": true}

// headerTables are keys whose values are header fields by their names.
var headerTables = map[string]bool{"route.set_request_headers": true, "route.set_answer_headers": true}

// What holds secrets, as people name it. Rather something too much is hidden than
// something too little: who needs it has the file.
var (
	secretName = regexp.MustCompile(`(?i)auth|cookie|token|secret|passw|passphrase|credential|session|signature|csrf|xsrf|(^|[-_])(api|access|private|shared)?-?_?keys?([-_]|$)|apikey|jwt|bearer`)

	// A header's value that says itself what it is: "Bearer ...", or three parts of a JWT.
	secretValue = regexp.MustCompile(`(?i)^\s*(bearer|basic|digest|token|apikey|negotiate)\s+\S|\beyJ[\w-]+\.[\w-]+\.`)

	// The user and password of a URL, and what the fields of its query say.
	userOfURL  = regexp.MustCompile(`(://)[^/?#\s"]*@`)
	queryField = regexp.MustCompile(`([?&;])([^=&;#\s]+)=([^&;#\s]+)`)
)

// hide returns a key's value without what is secret in it.
func hide(path string, value any) any {
	switch v := value.(type) {
	case string:
		if secrets[path] && v != "" && !strings.HasPrefix(v, "file:") {
			return hidden
		}
		return hideInText(v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = hide(path, v[i])
		}
		return list
	case map[string]any:
		table := make(map[string]any, len(v))
		for name, item := range v {
			table[name] = hide(path, item)
			if headerTables[path] && isSecretHeader(name, item) {
				table[name] = hidden
			}
		}
		return table
	}
	if secrets[path] {
		return hidden
	}
	return value
}

func isSecretHeader(name string, value any) bool {
	text, ok := value.(string)
	return !ok || text != "" && (secretName.MatchString(name) || secretValue.MatchString(text))
}

// hideInText hides what a URL in a text, or a path with a query, says in confidence.
func hideInText(text string) string {
	text = userOfURL.ReplaceAllString(text, "${1}"+hidden+"@")
	return queryField.ReplaceAllStringFunc(text, func(field string) string {
		m := queryField.FindStringSubmatch(field)
		if !secretName.MatchString(m[2]) && !strings.EqualFold(m[2], "sig") {
			return field
		}
		return m[1] + m[2] + "=" + hidden
	})
}
