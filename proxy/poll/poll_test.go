package poll

import (
	"errors"
	"strings"
	"testing"
	"time"
)

var testLimits = Limits{Default: 25 * time.Second, Max: time.Minute, MaxLimit: 1000}

// lines makes the values of a header from one text, "|" between its lines; "-" is
// no header.
func lines(s string) [][]byte {
	if s == "-" {
		return nil
	}
	var out [][]byte
	for l := range strings.SplitSeq(s, "|") {
		out = append(out, []byte(l))
	}
	return out
}

func TestCursor(t *testing.T) {
	long := strings.Repeat("A", MaxCursor)
	for _, c := range []struct{ query, header, want string }{
		{"", "-", "now"},
		{"cursor=", "-", "now"},
		{"cursor", "-", "now"},
		{"cursor=now", "-", "now"},
		{"cursor=earliest", "-", "earliest"},
		{"cursor=abc-_019Z", "-", "abc-_019Z"},
		{"_=1&cursor=abc&&x", "-", "abc"},
		{"cursor=%61bc", "-", "abc"},
		{"c%75rsor=abc", "-", "abc"},
		{"cursor=n%6fw", "-", "now"},
		{"cursor=Now", "-", "Now"},
		{"Cursor=abc", "-", "now"},
		{"cursor=" + long, "-", long},
		{"", "abc", "abc"},
		{"", " abc\t", "abc"},
		{"", "", "now"},
		{"", "now", "now"},
		{"", "earliest", "earliest"},
		{"", long, long},
		{"cursor=q", "h", "q"},
		{"cursor=", "h", "now"},
		{"cursor=earliest", "h=", "earliest"},

		{"cursor=" + long + "A", "-", "error cursor"},
		{"cursor=a&cursor=a", "-", "error cursor"},
		{"cursor&cursor", "-", "error cursor"},
		{"cursor=a&c%75rsor=b", "-", "error cursor"},
		{"cursor=YQ==", "-", "error cursor"},
		{"cursor=YQ%3D%3D", "-", "error cursor"},
		{"cursor=a+b", "-", "error cursor"},
		{"cursor=a%2Bb", "-", "error cursor"},
		{"cursor=a/b", "-", "error cursor"},
		{"cursor=a.b", "-", "error cursor"},
		{"cursor=%C3%A9", "-", "error cursor"},
		{"cursor=%00", "-", "error cursor"},
		{"cursor=%0a", "-", "error cursor"},
		{"cursor=%", "-", "error cursor"},
		{"cursor=%4", "-", "error cursor"},
		{"cursor=%zz", "-", "error cursor"},
		{"cursor=a\x00", "-", "error query"},
		{"x=a\x7f", "-", "error query"},
		{"", "a b", "error Last-Event-ID"},
		{"", "YQ==", "error Last-Event-ID"},
		{"", "a\x00", "error Last-Event-ID"},
		{"", "%61", "error Last-Event-ID"},
		{"", long + "A", "error Last-Event-ID"},
		{"", "a|a", "error Last-Event-ID"},
		{"cursor=q", "a|b", "error Last-Event-ID"},
	} {
		r, err := Parse([]byte(c.query), lines(c.header), nil, testLimits)
		got := r.Cursor
		var e *Error
		switch {
		case errors.As(err, &e):
			got = "error " + e.Input
		case r.Now:
			got = "now"
		case r.Earliest:
			got = "earliest"
		}
		if got != c.want {
			t.Errorf("query %.40q header %.40q: got %.60s (%v); want %.60s", c.query, c.header, got, err, c.want)
		}
	}
}

// waitCase is a query and a Prefer header, and the wait they ask for.
type waitCase struct {
	query, prefer string
	want          time.Duration // badWait: an error
	given         bool
	applied       string // Preference-Applied
}

const badWait = -1

func TestWaitInQuery(t *testing.T) {
	checkWait(t, []waitCase{
		{"", "-", 25 * time.Second, false, ""},
		{"wait=0", "-", 0, true, ""},
		{"wait=5", "-", 5 * time.Second, true, ""},
		{"wait=05", "-", 5 * time.Second, true, ""},
		{"wait=0.5", "-", 500 * time.Millisecond, true, ""},
		{"wait=%35", "-", 5 * time.Second, true, ""},
		{"wait=1.0000000019", "-", time.Second + 1, true, ""},
		{"wait=60", "-", time.Minute, true, ""},
		{"wait=60.1", "-", time.Minute, true, ""},
		{"wait=61", "-", time.Minute, true, ""},
		{"wait=" + strings.Repeat("9", 500), "-", time.Minute, true, ""},
		{"wait=", "-", badWait, false, ""},
		{"wait", "-", badWait, false, ""},
		{"wait=-1", "-", badWait, false, ""},
		{"wait=-0", "-", badWait, false, ""},
		{"wait=+1", "-", badWait, false, ""},
		{"wait=%2B1", "-", badWait, false, ""},
		{"wait=.5", "-", badWait, false, ""},
		{"wait=5.", "-", badWait, false, ""},
		{"wait=1.2.3", "-", badWait, false, ""},
		{"wait=1.-2", "-", badWait, false, ""},
		{"wait=1e3", "-", badWait, false, ""},
		{"wait=0x10", "-", badWait, false, ""},
		{"wait=5s", "-", badWait, false, ""},
		{"wait=NaN", "-", badWait, false, ""},
		{"wait=5%20", "-", badWait, false, ""},
		{"wait=%00", "-", badWait, false, ""},
		{"wait=1&wait=1", "-", badWait, false, ""},
		{"wait=5", "wait=10", 5 * time.Second, true, ""},
		{"wait=x", "wait=10", badWait, false, ""},
	})
}

func TestWaitInPrefer(t *testing.T) {
	checkWait(t, []waitCase{
		{"", "wait=10", 10 * time.Second, true, "wait=10"},
		{"", "wait=0", 0, true, "wait=0"},
		{"", "wait=100", time.Minute, true, "wait=60"},
		{"", "WAIT=10", 10 * time.Second, true, "wait=10"},
		{"", `wait="10"`, 10 * time.Second, true, "wait=10"},
		{"", `wait="1\0"`, 10 * time.Second, true, "wait=10"},
		{"", " wait \t=  10 ", 10 * time.Second, true, "wait=10"},
		{"", "respond-async, wait=10", 10 * time.Second, true, "wait=10"},
		{"", "respond-async|wait=10", 10 * time.Second, true, "wait=10"},
		{"", ",, ,wait=10", 10 * time.Second, true, "wait=10"},
		{"", `foo; a="b, wait=1"; c, wait=10; d=e;;f`, 10 * time.Second, true, "wait=10"},
		{"", `foo="\", wait=1", wait=10`, 10 * time.Second, true, "wait=10"},
		{"", "wait=10; x = y", 10 * time.Second, true, "wait=10"},
		{"", "wait=10;", 10 * time.Second, true, "wait=10"},
		{"", "wait=10, wait=20", 10 * time.Second, true, "wait=10"},
		{"", "wait=10|wait=20", 10 * time.Second, true, "wait=10"},
		{"", "a b, wait=10", 10 * time.Second, true, "wait=10"},
		{"", `a "x, wait=1", wait=10`, 10 * time.Second, true, "wait=10"},
		{"", `"wait=1", wait=10`, 10 * time.Second, true, "wait=10"},
		{"", "=1, wait=10", 10 * time.Second, true, "wait=10"},
		{"", "foo; wait=1", 25 * time.Second, false, ""},
		{"", "waiting=1", 25 * time.Second, false, ""},
		{"", "wait", 25 * time.Second, false, ""},
		{"", "wait=", 25 * time.Second, false, ""},
		{"", `wait=""`, 25 * time.Second, false, ""},
		{"", "wait=-1", 25 * time.Second, false, ""},
		{"", "wait=0.5", 25 * time.Second, false, ""},
		{"", "wait=x, wait=10", 25 * time.Second, false, ""},
		{"", "wait=1 0", 25 * time.Second, false, ""},
		{"", `wait="10`, 25 * time.Second, false, ""},
		{"", `foo="x, wait=10`, 25 * time.Second, false, ""},
		{"", `foo="x\`, 25 * time.Second, false, ""},
		{"", "", 25 * time.Second, false, ""},
		{"", "\x00", 25 * time.Second, false, ""},
	})
}

func checkWait(t *testing.T, cases []waitCase) {
	t.Helper()
	for _, c := range cases {
		r, err := Parse([]byte(c.query), nil, lines(c.prefer), testLimits)
		if c.want == badWait {
			var e *Error
			if !errors.As(err, &e) || e.Input != "wait" {
				t.Errorf("query %.40q prefer %q: got %+v, %v; want an error", c.query, c.prefer, r, err)
			}
			continue
		}
		applied := ""
		if r.PreferApplied {
			applied = r.PreferenceApplied()
		}
		if err != nil || r.Wait != c.want || r.WaitGiven != c.given || applied != c.applied {
			t.Errorf("query %.40q prefer %q: got %v given %v applied %q, %v; want %v %v %q",
				c.query, c.prefer, r.Wait, r.WaitGiven, applied, err, c.want, c.given, c.applied)
		}
	}
}

func TestLimit(t *testing.T) {
	for query, want := range map[string]int{
		"": 0, "limit=1": 1, "limit=1000": 1000, "limit=010": 10, "limit=%31": 1,
		"limit=0": -1, "limit=1001": -1, "limit=99999999999999999999": -1, "limit=": -1, "limit": -1, "limit=-1": -1,
		"limit=+1": -1, "limit=1.0": -1, "limit=a": -1, "limit=1&limit=1": -1, "limit=%zz": -1, "limit=1%00": -1,
	} {
		r, err := Parse([]byte(query), nil, nil, testLimits)
		if (want < 0) != (err != nil) || want >= 0 && r.Limit != want {
			t.Errorf("%q: got %d, %v; want %d", query, r.Limit, err, want)
		}
	}
}

func TestFormat(t *testing.T) {
	for query, want := range map[string]string{
		"": "json", "format=json": "json", "format=raw": "raw", "format=%72aw": "raw",
		"format=": "bad", "format": "bad", "format=xml": "bad", "format=RAW": "bad", "format=raw&format=raw": "bad", "format=raw+": "bad",
	} {
		r, err := Parse([]byte(query), nil, nil, testLimits)
		got := "json"
		if err != nil {
			got = "bad"
		} else if r.Raw {
			got = "raw"
		}
		if got != want {
			t.Errorf("%q: got %s, %v; want %s", query, got, err, want)
		}
	}
}

func TestUnknownKeysAreIgnored(t *testing.T) {
	query := "_=123&_=124&%zz=1&a=%zz&%00=%00&WAIT=x&wait;limit=0&cursor=abc&==&&wait=5&limit=7&format=raw&"
	r, err := Parse([]byte(query), nil, nil, testLimits)
	want := Request{Cursor: "abc", HasCursor: true, Wait: 5 * time.Second, WaitGiven: true, Limit: 7, Raw: true}
	if err != nil || r != want {
		t.Errorf("got %+v, %v; want %+v", r, err, want)
	}
}

func TestZeroLimits(t *testing.T) {
	r, err := Parse([]byte("wait=99999999999&limit=1000"), nil, nil, Limits{})
	if err != nil || r.Wait != maxSeconds*time.Second || r.Limit != 1000 {
		t.Errorf("got %+v, %v; want no highest wait, and limits to 1000", r, err)
	}
	if _, err := Parse([]byte("limit=1001"), nil, nil, Limits{}); err == nil {
		t.Error("limit=1001 passes")
	}
	if _, err := Parse([]byte("limit=6"), nil, nil, Limits{MaxLimit: 5}); err == nil {
		t.Error("limit=6 passes with MaxLimit 5")
	}
}

func TestErrorTexts(t *testing.T) {
	for query, want := range map[string]string{
		"cursor=a&cursor=b": "cursor is given twice: send it once",
		"cursor=a.b":        "cursor is no cursor (base64url without padding): send the cursor of the last answer unchanged, or now, or earliest",
		"cursor=" + strings.Repeat("A", MaxCursor+1): "cursor is longer than 2048 bytes: send the cursor of the last answer unchanged",
		"cursor=%4":  "cursor has a bad percent escape: a literal % is written %25",
		"cursor=%00": "cursor contains a control character: leave it out",
		"a=\x00":     "the query contains a control character: percent-encode it, or leave it out",
		"wait=-1":    "wait must be a number of seconds such as 25 or 0.5 (0 answers at once)",
		"limit=0":    "limit must be a whole number from 1 to 1000",
		"format=xml": "format must be json (or left out) or raw",
	} {
		_, err := Parse([]byte(query), nil, nil, testLimits)
		if err == nil || err.Error() != want {
			t.Errorf("%.40q:\n got %v\nwant %s", query, err, want)
		}
	}
	_, err := Parse(nil, lines("a b"), nil, testLimits)
	if err == nil || !strings.HasPrefix(err.Error(), "Last-Event-ID is no cursor") {
		t.Errorf("got %v; want the header named", err)
	}
}

func TestArgumentsAreNotKept(t *testing.T) {
	query, header := []byte("cursor=abc"), [][]byte{[]byte("def")}
	r, _ := Parse(query, nil, nil, testLimits)
	r2, _ := Parse(nil, header, nil, testLimits)
	copy(query, "xxxxxxxxxx")
	copy(header[0], "xxx")
	if r.Cursor != "abc" || r2.Cursor != "def" {
		t.Errorf("got %q, %q: changed with the caller's buffer", r.Cursor, r2.Cursor)
	}
}

func FuzzPoll(f *testing.F) {
	f.Add([]byte("cursor=abc&wait=5&limit=7&format=raw&_=1"), []byte("id"), []byte("wait=10"), []byte(`a;b="c\"", wait="3"`))
	f.Add([]byte("cursor=earliest&wait=0.5"), []byte(""), []byte(","), []byte(`wait="`))
	f.Add([]byte("c%75rsor=%zz+&&="), []byte("now"), []byte(`"\`), []byte("wait=99999999999999999999"))
	f.Fuzz(func(t *testing.T, query, id, prefer1, prefer2 []byte) {
		r, err := Parse(query, [][]byte{id}, [][]byte{prefer1, prefer2}, testLimits)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Input == "" || e.Detail == "" || r != (Request{}) {
				t.Fatalf("bad error %#v with %+v", err, r)
			}
			return
		}
		starts := 0
		for _, set := range []bool{r.HasCursor, r.Now, r.Earliest} {
			if set {
				starts++
			}
		}
		if starts != 1 || r.HasCursor != (r.Cursor != "") || len(r.Cursor) > MaxCursor || strings.Trim(r.Cursor, alphabet) != "" {
			t.Fatalf("bad cursor in %+v", r)
		}
		if r.Wait < 0 || r.Wait > testLimits.Max || r.PreferApplied && !r.WaitGiven || !r.WaitGiven && r.Wait != testLimits.Default {
			t.Fatalf("bad wait in %+v", r)
		}
		if r.Limit < 0 || r.Limit > testLimits.MaxLimit {
			t.Fatalf("bad limit in %+v", r)
		}
		// Nothing in Prefer is an error, and one line is as good as two.
		one := append(append(append([]byte{}, prefer1...), ','), prefer2...)
		if endsOpen(prefer1) {
			return
		}
		if r2, err := Parse(query, [][]byte{id}, [][]byte{one}, testLimits); err != nil || r2 != r {
			t.Fatalf("two lines: %+v; as one: %+v, %v", r, r2, err)
		}
	})
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// endsOpen: a quote in the line may have no end, and would swallow the next one.
func endsOpen(line []byte) bool { return strings.ContainsAny(string(line), `"\`) }

func TestAllocs(t *testing.T) {
	query := []byte("cursor=AAECAwQFBgcICQ&wait=25&_=1")
	if n := testing.AllocsPerRun(100, func() { Parse(query, nil, nil, testLimits) }); n > 1 {
		t.Errorf("%v allocations; want 1, the cursor", n)
	}
	prefer := [][]byte{[]byte("respond-async, wait=10")}
	if n := testing.AllocsPerRun(100, func() { Parse(nil, nil, prefer, testLimits) }); n > 0 {
		t.Errorf("%v allocations; want none", n)
	}
}

func BenchmarkParse(b *testing.B) {
	for name, query := range map[string]string{"Plain": "cursor=AAECAwQFBgcICQ&wait=25&_=1", "Escaped": "cursor=AAEC%41wQFBgcICQ&wait=25", "Empty": ""} {
		b.Run(name, func(b *testing.B) {
			q := []byte(query)
			b.ReportAllocs()
			for b.Loop() {
				Parse(q, nil, nil, testLimits)
			}
		})
	}
}
