package grip

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// show writes a list so that a table can say what it wants: value{name=value}|...
func show(list []part) string {
	var all []string
	for _, p := range list {
		s := p.value
		for _, q := range p.params {
			s += fmt.Sprintf("{%s=%s}", q.Name, q.Value)
		}
		all = append(all, s)
	}
	return strings.Join(all, "|")
}

func TestParts(t *testing.T) {
	for _, tc := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"none", nil, ""},
		{"an empty line", []string{""}, ""},
		{"one", []string{"a"}, "a"},
		{"commas", []string{"a,b , c"}, "a|b|c"},
		{"repeated lines", []string{"a, b", "c"}, "a|b|c"},
		{"a trailing comma", []string{"a,", "b"}, "a|b"},
		{"an inner empty part", []string{"a,,b"}, "a||b"},
		{"an empty part before", []string{",a"}, "|a"},
		{"parameters", []string{"a; x=1;y = 2 , b;z"}, "a{x=1}{y=2}|b{z=}"},
		{"empty parameters", []string{"a;; ;x=1;"}, "a{x=1}"},
		{"the value is verbatim", []string{`a=b=c; x=y=z`}, "a=b=c{x=y=z}"},
		{"quotes in the value stay", []string{`"a,b;c"; x=1`}, `"a,b;c"{x=1}`},
		{"quoted parameters", []string{`a; x="1,2;3", b`}, "a{x=1,2;3}|b"},
		{"empty quotes", []string{`a; x=""`}, "a{x=}"},
		{"escapes", []string{`a; x="\"\\\n,"`}, `a{x="\n,}`},
		{"a backslash outside of quotes", []string{`a\,b; x=\"c`}, `a\`}, // and its quote does not end
		{"an unterminated quote", []string{`a; x=1, b; x="2, c`, "d"}, "a{x=1}|d"},
		{"a dangling backslash", []string{`a, b; x="2\`, "c"}, "a|c"},
		{"an escaped end", []string{`a, b; x="2\", c`}, "a"},
		{"text after quotes", []string{`a; x="1"2, b`}, "b"},
		{"a quote in a word", []string{`a; x=1"2,3"4, b`}, `a{x=1"2,3"4}|b`},
		{"angle brackets", []string{`</a?b=1,2;c>; rel=next, </b>`}, "</a?b=1,2;c>{rel=next}|</b>"},
		{"quotes in angle brackets", []string{`</a">; rel=next, b`}, `</a">{rel=next}|b`},
		{"angle brackets without end", []string{`<a, b; x=1`}, "<a|b{x=1}"},
		{"angle brackets within", []string{`a<b, c>d`}, "a<b|c>d"},
		{"tabs", []string{"\ta\t;\tx=1\t,\tb"}, "a{x=1}|b"},
		{"UTF-8", []string{"ä; x=ö, ü"}, "ä{x=ö}|ü"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := show(parts(tc.lines)); got != tc.want {
				t.Errorf("parts(%q): got %q; want %q", tc.lines, got, tc.want)
			}
		})
	}
}

func TestParam(t *testing.T) {
	p := parts([]string{"a; Prev-ID=1; prev-id=2; empty"})[0]
	for _, tc := range []struct {
		name, want string
		given      bool
	}{
		{"prev-id", "1", true},
		{"PREV-ID", "1", true},
		{"Empty", "", true},
		{"previd", "", false},
		{"a", "", false},
	} {
		if got, given := p.get(tc.name); got != tc.want || given != tc.given {
			t.Errorf("get(%q): got %q, %v; want %q, %v", tc.name, got, given, tc.want, tc.given)
		}
	}
}

func TestPair(t *testing.T) {
	for _, tc := range []struct {
		text, want string
	}{
		{"a=b", "a|b"},
		{" a = b ", "a|b"},
		{"a", "a|"},
		{"a=", "a|"},
		{"=b", "|b"},
		{"a=b=c", "a|b=c"},
		{`a="b c"`, "a|b c"},
		{`a="\b\""`, `a|b"`},
		{`a="b`, "bad"},
		{`a="b\`, "bad"},
		{`a="b"c`, "bad"},
		{`a="`, "bad"},
	} {
		got := "bad"
		if p, ok := parsePair(tc.text); ok {
			got = p.Name + "|" + p.Value
		}
		if got != tc.want {
			t.Errorf("parsePair(%q): got %q; want %q", tc.text, got, tc.want)
		}
	}
}

// quote is the opposite of unquote.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func FuzzHeader(f *testing.F) {
	for _, s := range []string{
		"", "a", "a,b", "a;x=1,b;y=2", `a; x="1,2;3", b`, `a; x="`, `a; x="\`, `a;x="1"2,b`, "<u,v>; rel=next", "<u", `</">;x, b`, "a,,b,", ";;,;", "=,=", `\"`, "<u,b;>=1", `a;"1=2,;3", b`,
	} {
		f.Add(s, "b; z=1")
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		list := parts([]string{one, two})
		if got, want := show(list), show(append(parts([]string{one}), parts([]string{two})...)); got != want {
			t.Fatalf("two lines are %q; one by one they are %q", got, want)
		}
		for _, p := range list {
			if p.value != trim(p.value) {
				t.Fatalf("value %q is not trimmed", p.value)
			}
			for _, q := range p.params {
				if q.Name != trim(q.Name) || strings.ContainsAny(q.Name, "=") {
					t.Fatalf("name %q of a parameter", q.Name)
				}
			}
		}
		// Whatever is quoted comes back, and takes nothing along.
		line := "a; x=" + quote(one) + ";y=" + quote(two) + ", b"
		if got, want := show(parts([]string{line})), "a{x="+one+"}{y="+two+"}|b"; got != want {
			t.Fatalf("parts(%q): got %q; want %q", line, got, want)
		}
		// Splitting and joining changes nothing but space and what is bad. What does not
		// survive it: a "<" that nothing closes may find its ">" in another line's
		// part, and half of a quoted string may be a name.
		if strings.Contains(one+two, "<") || slices.ContainsFunc(list, quotedName) {
			return
		}
		if again := parts([]string{join(list)}); show(again) != show(list) {
			t.Fatalf("parts(%q): got %q; want %q", join(list), show(again), show(list))
		}
	})
}

func quotedName(p part) bool {
	return slices.ContainsFunc(p.params, func(q Pair) bool { return strings.Contains(q.Name, `"`) })
}

// join writes a list as one line.
func join(list []part) string {
	var b strings.Builder
	for _, p := range list {
		b.WriteString(p.value)
		for _, q := range p.params {
			b.WriteString("; " + q.Name + "=" + quote(q.Value))
		}
		b.WriteString(",")
	}
	return b.String()
}
