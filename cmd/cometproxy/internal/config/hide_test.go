package config

import (
	"strings"
	"testing"
)

// TestNoSecretIsShown: whatever in a file could be one is not in what is printed,
// and the rest is.
func TestNoSecretIsShown(t *testing.T) {
	const file = `
[internal]
token = "SECRET-of-the-internal-listener"
[grip]
sig_key = "base64:U0VDUkVU"
[[certificate]]
cert = "/etc/cometproxy/www.pem"
key = "/etc/cometproxy/www.key"
[[backend]]
name = "app"
urls = ["http://ann:SECRET@127.0.0.1:3000", "https://SECRET@app.example"]
health_path = "/healthz?token=SECRET&deep=1&sig=SECRET"
tls_key = "/etc/cometproxy/client.key"
[[route]]
path = "/a"
backend = "app"
set_request_headers = { Authorization = "Basic SECRET", cookie = "a=SECRET", X-API-Key = "SECRET", X-Auth-Request-User = "SECRET", x_access_token = "SECRET", "X-Shared-Secret" = "SECRET", "Api-Key" = "SECRET", "X-Key" = "SECRET", "X-Goog-Signature" = "SECRET", "X-Other" = "Bearer SECRET", "X-Origin-Verify" = "SECRET", "X-More" = "eyJhbGciOiJIUzI1NiJ9.SECRET.SECRET", "X-Keyboard" = "de", "X-Room" = "42", "Accept" = "a/b;q=1" }
set_answer_headers = { Set-Cookie = "id=SECRET; Path=/", "Strict-Transport-Security" = "max-age=31536000", "WWW-Authenticate" = "", "X-Link" = "https://ann:SECRET@a.example/?q=1&access_token=SECRET" }
[[route]]
path = "/b"
redirect = "https://ann:SECRET@www.example.com"
[[route]]
path = "/c"
status = 200
body = "see http://SECRET:SECRET@a.example/"
[[route]]
path = "/me@home"
channels = ["user:ann@example.com"]
cors = { origins = ["https://a.example"] }
`
	printed, err := Effective([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(printed) {
		if strings.Contains(line, "SECRET") || strings.Contains(line, "U0VDUkVU") {
			t.Errorf("shown: %s", line)
		}
	}
	for _, want := range []string{`token = "(hidden)"`, `sig_key = "(hidden)"`, `key = "/etc/cometproxy/www.key"`, `tls_key = "/etc/cometproxy/client.key"`,
		`urls = ["http://(hidden)@127.0.0.1:3000", "https://(hidden)@app.example"]`, `health_path = "/healthz?token=(hidden)&deep=1&sig=(hidden)"`,
		`"X-Keyboard" = "de"`, `"X-Room" = "42"`, `"Accept" = "a/b;q=1"`, `"Authorization" = "(hidden)"`, `"WWW-Authenticate" = ""`,
		`"max-age=31536000"`, `"https://(hidden)@a.example/?q=1&access_token=(hidden)"`, `redirect = "https://(hidden)@www.example.com"`,
		`path = "/me@home"`, `channels = ["user:ann@example.com"]`, `cors = { "origins" = ["https://a.example"] }`} {
		if !strings.Contains(printed, want) {
			t.Errorf("%s is not shown:\n%s", want, printed)
		}
	}
	// Only sig_key knows file:.
	if printed, err := Effective([]byte("[internal]\ntoken = \"file:SECRET\"\n")); err != nil || strings.Contains(printed, "SECRET") {
		t.Errorf("%v\n%s", err, printed)
	}
	// A secret that is in a file, and none, are told.
	printed, err = Effective([]byte("[internal]\ntoken = \"\"\ntoken_file = \"/etc/cometproxy/token\"\n[grip]\nsig_key = \"file:/etc/cometproxy/key\"\n"))
	if err != nil || !strings.Contains(printed, `token = ""`) || !strings.Contains(printed, `token_file = "/etc/cometproxy/token"`) || !strings.Contains(printed, `sig_key = "file:/etc/cometproxy/key"`) {
		t.Errorf("%v\n%s", err, printed)
	}
}
