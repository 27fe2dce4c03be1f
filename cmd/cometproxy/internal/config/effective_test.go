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
