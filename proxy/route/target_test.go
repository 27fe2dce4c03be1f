package route

import "testing"

func TestAuthority(t *testing.T) {
	for raw, want := range map[string]string{
		"http://a.example/x/../y?q=1": "a.example",
		"HTTPS://a.example:8443":      "a.example:8443",
		"http://a.example?q=/1":       "a.example",
	} {
		if got, ok := Authority([]byte(raw)); !ok || string(got) != want {
			t.Errorf("%s: %s, %v", raw, got, ok)
		}
	}
	for _, raw := range []string{"/http://a.example/", "*", "a.example:443", "//a.example/x", ""} {
		if _, ok := Authority([]byte(raw)); ok {
			t.Errorf("%s has none", raw)
		}
	}
}
