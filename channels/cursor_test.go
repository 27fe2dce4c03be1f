package channels

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestCursor(t *testing.T) {
	cursors := []Cursor{{}, {0, 1}, {1, 0}, {math.MaxUint64, math.MaxUint64}, {1 << 63, 255}}
	for range 1000 {
		cursors = append(cursors, Cursor{rand.Uint64(), rand.Uint64() >> rand.IntN(64)})
	}
	tokens := map[string]Cursor{}
	for _, c := range cursors {
		token := c.String()
		if len(token) != TokenLen || string(c.AppendToken([]byte("x"))) != "x"+token {
			t.Errorf("token %q", token)
		}
		if d, seen := tokens[token]; seen && d != c {
			t.Errorf("%v and %v have one token", c, d)
		}
		tokens[token] = c
		if got, ok := ParseCursor(token); !ok || got != c {
			t.Errorf("%v came back as %v, %v", c, got, ok)
		}
		bad := []string{token + "A", token[1:], token + "=", token[:TokenLen-1] + "\n", "\n" + token, strings.Repeat("A", TokenLen),
			token[:10] + "+" + token[11:], token[:10] + "\r" + token[10:TokenLen-1], "B" + token[1:], token[:TokenLen-1] + "_", ""}
		for _, b := range bad {
			if got, ok := ParseCursor(b); ok {
				t.Errorf("%q is %v", b, got)
			}
		}
	}
}

func FuzzCursor(f *testing.F) {
	for _, s := range []string{"", Cursor{}.String(), Cursor{1, 2}.String(), Cursor{math.MaxUint64, math.MaxUint64}.String(),
		"AQAAAAAAAAABAAAAAAAAAAJ", "AQAAAAAAAAABAAAAAAAAAA\n", "=======================", "\x00\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, ok := ParseCursor(s)
		if ok && c.String() != s {
			t.Errorf("%q is %v, whose token is %q", s, c, c.String())
		}
		if !ok && c != (Cursor{}) {
			t.Errorf("%q is not ok, and %v", s, c)
		}
	})
}
