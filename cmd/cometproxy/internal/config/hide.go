package config

import (
	"regexp"
	"strings"
)

// hidden stands for a secret.
const hidden = "(hidden)"

// secrets are keys whose value nobody needs to see. One that names a file is none.
var secrets = []string{"internal.token", "grip.sig_key", "presence.token"}

// credential is what the names of header fields and of parameters of a query have
// that carry secrets. One too many is hidden rather than one too few.
var credential = regexp.MustCompile(`(?i)auth|cookie|token|secret|pass|pwd|credential|session|signature|verify|jwt|bearer|hmac|api.?key|access.?key|private|(^|[-_.])(key|sig|pin|otp)$`)

// scheme is how the values of such fields begin, whatever the field is called.
// That of a JWT says it too.
var scheme = regexp.MustCompile(`(?i)^\s*(bearer|basic|digest|token|apikey|negotiate|hawk|aws4-hmac-sha256)\s|\beyJ[\w-]+\.[\w-]+\.`)

var (
	userinfo    = regexp.MustCompile(`://[^/\s"'<>]*@`)
	parameterOf = regexp.MustCompile(`([?&;])([^=&;\s]+)=([^&;#\s"'<>]+)`)
)

// hide is the value of a key without what is secret in it.
func hide(path string, v any) any {
	switch v := v.(type) {
	case string:
		if contains(secrets, path) && v != "" && !(path == "grip.sig_key" && strings.HasPrefix(v, "file:")) {
			return hidden
		}
		return hideInURLs(v)
	case []any:
		shown := make([]any, len(v))
		for i := range v {
			shown[i] = hide(path, v[i])
		}
		return shown
	case map[string]any:
		shown := make(map[string]any, len(v))
		for name, value := range v {
			text, ok := value.(string)
			if ok && strings.HasSuffix(path, "_headers") && secretField(name, text) {
				shown[name] = hidden
				continue
			}
			shown[name] = hide(path, value)
		}
		return shown
	}
	return v
}

// secretKey reports that the values of a key may be secrets, by its path.
func secretKey(path string) bool {
	return contains(secrets, path) || strings.HasSuffix(path, "_headers")
}

// secretField judges a header field that a route sets. Those of CORS only speak of
// credentials.
func secretField(name, value string) bool {
	public := strings.HasPrefix(strings.ToLower(name), "access-control-")
	return value != "" && (!public && credential.MatchString(name) || scheme.MatchString(value))
}

// hideInURLs takes names with passwords, and parameters that carry secrets, out of
// the URLs and paths in a text.
func hideInURLs(text string) string {
	text = userinfo.ReplaceAllString(text, "://"+hidden+"@")
	return parameterOf.ReplaceAllStringFunc(text, func(p string) string {
		name, _, _ := strings.Cut(p[1:], "=")
		if !credential.MatchString(name) {
			return p
		}
		return p[:1] + name + "=" + hidden
	})
}
