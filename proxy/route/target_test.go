package route

import "testing"

func TestOriginForm(t *testing.T) {
	for _, c := range []struct{ raw, authority, target string }{
		{"http://a.example/x/../y?q=1", "a.example", "/x/../y?q=1"},
		{"HTTPS://a.example:8443", "a.example:8443", "/"},
		{"http://a.example?q=/1", "a.example", "/?q=/1"},
	} {
		authority, target, ok := OriginForm([]byte(c.raw))
		if !ok || string(authority) != c.authority || string(target) != c.target {
			t.Errorf("%s: %s, %s, %v", c.raw, authority, target, ok)
		}
	}
	for _, raw := range []string{"/http://a.example/", "*", "a.example:443", "//a.example/x", ""} {
		if _, _, ok := OriginForm([]byte(raw)); ok {
			t.Errorf("%s is none", raw)
		}
	}
}
