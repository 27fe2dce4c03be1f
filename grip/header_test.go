package grip

import "testing"

func TestReserved(t *testing.T) {
	for _, tc := range []struct {
		name string
		want bool
	}{
		{"Grip-Hold", true},
		{"grip-hold", true},
		{"GRIP_HOLD", true},
		{"gRiP-", true},
		{"Grip_", true},
		{"Grip", false},
		{"Grip.Hold", true},
		{"Gripe-Hold", false},
		{"X-Grip-Hold", false},
		{"_Grip-Hold", false},
		{"", false},
	} {
		if got := Reserved([]byte(tc.name)); got != tc.want {
			t.Errorf("Reserved(%q): got %v; want %v", tc.name, got, tc.want)
		}
	}
	name := []byte("Grip-Channel")
	if n := testing.AllocsPerRun(100, func() { Reserved(name) }); n != 0 {
		t.Errorf("Reserved allocates %v times", n)
	}
}

func TestIsToken(t *testing.T) {
	for _, tc := range []struct {
		s    string
		want bool
	}{
		{"Content-Type", true},
		{"a1!#$%&'*+-.^_`|~", true},
		{"", false},
		{"a b", false},
		{"a:", false},
		{"a\r", false},
		{"a\x00", false},
		{"ä", false},
		{"(a)", false},
	} {
		if got := isToken(tc.s); got != tc.want {
			t.Errorf("isToken(%q): got %v; want %v", tc.s, got, tc.want)
		}
	}
}

func TestIsInstruct(t *testing.T) {
	for _, tc := range []struct {
		contentType string
		want        bool
	}{
		{"application/grip-instruct", true},
		{"Application/GRIP-Instruct", true},
		{" application/grip-instruct ; charset=utf-8", true},
		{"application/grip-instruct+json", false},
		{"application/json; application/grip-instruct", false},
		{"", false},
	} {
		if got := IsInstruct(tc.contentType); got != tc.want {
			t.Errorf("IsInstruct(%q): got %v; want %v", tc.contentType, got, tc.want)
		}
	}
}
