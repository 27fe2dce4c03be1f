package config

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// TestEffective: what is printed says the same as what was read.
func TestEffective(t *testing.T) {
	example, err := os.ReadFile("../../../../config.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	golden, err := os.ReadFile("testdata/everything.txt")
	if err != nil {
		t.Fatal(err)
	}
	everything, _, _ := strings.Cut(string(golden), "\n----\n")
	for name, text := range map[string]string{
		"empty":   "[[backend]]\nname = \"app\"\nurls = [\"http://127.0.0.1:3000\"]\n",
		"example": string(example),
		"values":  everything,
		"inline":  "[[route]]\npath = \"/events/{room}\"\nchannels = [\"room:{room}\"]\nparams = { room = \"[a-z\\\\d]+\" }\n[route.cors]\norigins = [\"https://a.example\"]\n",
	} {
		was, problems := Parse("a.toml", []byte(text))
		if was == nil {
			t.Fatalf("%s: %s", name, problems)
		}
		printed, err := Effective([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if was.Internal.Token != "" && was.Internal.TokenFile == "" && strings.Contains(printed, was.Internal.Token) {
			t.Errorf("%s: the token is shown:\n%s", name, printed)
		}
		is, problems := Parse("b.toml", []byte(printed))
		if is == nil {
			t.Fatalf("%s: %s\n%s", name, problems, printed)
		}
		for i := range is.Routes {
			is.Routes[i].Line, was.Routes[i].Line = 0, 0
		}
		is.Internal.Token, is.GRIP.SigKey = was.Internal.Token, was.GRIP.SigKey
		for i := range is.Presence {
			is.Presence[i].Token = was.Presence[i].Token
		}
		if !reflect.DeepEqual(was, is) {
			t.Errorf("%s: read %+v\nprinted and read %+v\n%s", name, was, is, printed)
		}
	}
}

// TestEffectiveHides: what is printed can be shown around.
func TestEffectiveHides(t *testing.T) {
	text := `
[internal]
token = "s3cret-token-of-enough-characters"
[grip]
sig_key = "base64:czNjcmV0czNjcmV0czNjcmV0czNjcmV0"
[[backend]]
name = "app"
urls = ["http://127.0.0.1:3000"]
health_path = "/healthz?token=s3cret&deep=yes"
[[route]]
path = "/"
backend = "app"
set_request_headers = { Authorization = "Bearer s3cret", X-Tenant = "shown-a", Cookie = "a=s3cret", x-api-key = "s3cret", "X-Auth-Token" = "s3cret", X-Client-Secret = "s3cret", X-DB-Password = "s3cret", X-Apikey = "s3cret", X-Odd = "Basic s3cret", X-Db = "postgres://me:s3cret@db.example/x", X-Key = "s3cret" }
[route.set_answer_headers]
Set-Cookie = "id=s3cret; Secure"
Access-Control-Allow-Credentials = "shown-true"
Strict-Transport-Security = "max-age=31536000; shown-b"
[[route]]
path = "/down"
status = 503
body = "see https://me:s3cret@www.example.com/shown-c?Access_Key=s3cret&page=shown-d or mail@shown-e.example"
`
	if c, problems := Parse("a.toml", []byte(text)); c == nil {
		t.Fatal(problems)
	}
	printed, err := Effective([]byte(text))
	if err != nil || strings.Contains(printed, "s3cret") || strings.Contains(printed, "czNjcmV0") {
		t.Errorf("%v, shown:\n%s", err, printed)
	}
	for _, want := range []string{"shown-a", "shown-true", "max-age=31536000; shown-b", "shown-c", "shown-d", "mail@shown-e", "deep=yes", "X-Client-Secret", "token = \"(hidden)\"",
		"token=(hidden)", "://(hidden)@www.example.com", "://(hidden)@db.example/x"} {
		if !strings.Contains(printed, want) {
			t.Errorf("no %q in\n%s", want, printed)
		}
	}
	if c, problems := Parse("b.toml", []byte(printed)); c == nil {
		t.Errorf("%s\n%s", problems, printed)
	}
	if printed, err := Effective([]byte("[grip]\nsig_key = \"file:/etc/cometproxy/grip.key\"\n[internal]\ntoken = \"\"\n")); err != nil ||
		!strings.Contains(printed, "file:/etc/cometproxy/grip.key") || !strings.Contains(printed, "token = \"\"") {
		t.Errorf("%v\n%s", err, printed)
	}
}

// TestSecretsAreKnown: a new key for a secret is hidden, or names a file.
func TestSecretsAreKnown(t *testing.T) {
	files := []string{"certificate.key", "backend.tls_key"}
	for _, k := range keys {
		_, name, _ := strings.Cut(k.path, ".")
		if k.kind == isText && credential.MatchString(name) && !strings.HasSuffix(name, "_file") && !contains(secrets, k.path) && !contains(files, k.path) {
			t.Errorf("%s looks like a secret: put it into secrets, or here if it names a file", k.path)
		}
	}
}

// TestProblemsHide: what check prints, and the log has, shows no password either.
func TestProblemsHide(t *testing.T) {
	_, problems := Parse("a.toml", []byte("[[backend]]\nname = \"app\"\nurls = [\"http://me:s3cret@127.0.0.1:3000\", \"https://a.example/?token=s3cret\"]\n"+
		"[[route]]\npath = \"/\"\nredirect = \"https://me:s3cret@www.example.com\"\n"))
	if text := problems.String(); len(problems) != 3 || strings.Contains(text, "s3cret") {
		t.Error(text)
	}
}
