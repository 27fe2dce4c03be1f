package presence

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

var begin = time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)

// said writes a batch shortly: "+a -b start".
func said(b *Batch) string {
	if b == nil {
		return ""
	}
	var words []string
	for _, e := range b.Events {
		words = append(words, map[Kind]string{Join: "+", Leave: "-", Start: "start"}[e.Kind]+e.Channel)
	}
	return strings.Join(words, " ")
}

// TestRoll: each step happens so many seconds after the beginning.
func TestRoll(t *testing.T) {
	for _, tc := range []struct {
		what  string
		steps string // 3+a: at 3 somebody is on a; 3-a: nobody any more; 3?x: x is told, and taken; 3!x: and is not
	}{
		{"joins and leaves", "0+a 0+b 1?+a,+b 2-a 3? 11? 12?-a 13?"},
		{"a poll again is no leave", "0+a 1?+a 20-a 21+a 40-a 49+a 60? 61-a 70? 71?-a"},
		{"short visits", "0-a 1?+a 5-a 9? 14? 15?-a 16?"},
		{"short visits, always again", "0-a 1?+a 9-a 18-a 27-a 36? 37?-a"},
		{"back after the leave", "0+a 1?+a 2-a 12?-a 13+a 14?+a"},
		{"gone before it was told", "0+a 1-a 12?"},
		{"gone, and perhaps it was told", "0+a 1!+a 2-a 12?-a 13?"},
		{"back, and perhaps the leave was told", "0+a 1?+a 2-a 12!-a 13+a 14?+a"},
		{"told again", "0+a 1!+a 2!+a 3?+a"},
		{"others meanwhile", "0+a 1!+a 2+b 3?+a,+b"},
		{"the start", "0+a 1?+a 30?start 31?"},
		{"the start told again", "0+a 30!+a,start 31?+a,start 32?"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			r := NewRoll(Options{LeaveAfter: 10 * time.Second, StartAfter: 30 * time.Second, Max: 10}, begin)
			if !strings.Contains(tc.steps, "start") {
				r.started = true
			}
			for _, step := range strings.Fields(tc.steps) {
				i := strings.IndexAny(step, "+-?!")
				seconds, arg := step[:i], step[i+1:]
				after, _ := time.ParseDuration(seconds + "s")
				now := begin.Add(after)
				switch step[i] {
				case '+', '-':
					r.See(arg, step[i] == '+', now)
				default:
					b := r.Next(now, 100)
					if got := strings.ReplaceAll(said(b), " ", ","); got != arg {
						t.Fatalf("%s: told %q", step, got)
					}
					if b != nil {
						r.Told(step[i] == '?', now)
					}
				}
				if err := r.Check(); err != nil {
					t.Fatalf("%s: %v", step, err)
				}
			}
		})
	}
}

// An app keeps what it is told, by the rules of docs/use.md.
type app map[string]string // channel: session

func (a app) take(b *Batch) {
	for _, e := range b.Events {
		switch e.Kind {
		case Join:
			a[e.Channel] = b.Session
		case Leave:
			delete(a, e.Channel)
		case Start:
			maps.DeleteFunc(a, func(_, session string) bool { return session != b.Session })
		}
	}
}

// TestRandom: whatever comes and goes, and however often the app fails, in the end
// it knows who is there; and it was never told of a leave of a channel that somebody
// was on within the last LeaveAfter.
func TestRandom(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		w := &world{t: t, rnd: rnd, now: begin, app: app{"old": "of before"}, occupied: make(map[string]bool), last: make(map[string]time.Time)}
		w.roll = NewRoll(Options{LeaveAfter: 10 * time.Second, StartAfter: 20 * time.Second, Max: 3 + rnd.IntN(40)}, begin)
		for range 400 {
			w.now = w.now.Add(time.Duration(rnd.IntN(1500)) * time.Millisecond)
			w.step()
		}
		for range 200 { // the app listens, and nobody comes any more
			w.now = w.now.Add(time.Second)
			w.tell(true)
		}
		want := slices.Sorted(maps.Keys(w.occupied))
		if got := slices.Sorted(maps.Keys(w.app)); !slices.Equal(got, want) {
			t.Fatalf("seed %d: the app knows %q; there are %q", seed, got, want)
		}
		if st := w.roll.Stats(); st.Present != len(want) || st.Pending != 0 || len(w.roll.channels) != len(want) || len(w.roll.leaving) != 0 {
			t.Fatalf("seed %d: %+v; %d are there", seed, st, len(want))
		}
	}
}

type world struct {
	t        *testing.T
	rnd      *rand.Rand
	now      time.Time
	roll     *Roll
	app      app
	occupied map[string]bool
	last     map[string]time.Time
}

func (w *world) step() {
	if w.rnd.IntN(4) == 0 {
		w.tell(w.rnd.IntN(3) > 0)
	} else {
		w.comeOrGo()
	}
	if err := w.roll.Check(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) comeOrGo() {
	name := fmt.Sprint("c", w.rnd.IntN(30))
	switch come := w.rnd.IntN(3) == 0; {
	case come:
		w.occupied[name] = true
		w.roll.See(name, true, w.now)
	case w.occupied[name] || w.rnd.IntN(4) == 0:
		delete(w.occupied, name)
		w.last[name] = w.now
		w.roll.See(name, false, w.now)
	}
}

// tell tells the app, which takes it or not, or takes it and is not heard.
func (w *world) tell(taken bool) {
	b := w.roll.Next(w.now, 1+w.rnd.IntN(20))
	if b == nil {
		return
	}
	for _, e := range b.Events {
		if e.Kind == Leave && (w.occupied[e.Channel] || w.now.Sub(w.last[e.Channel]) < 10*time.Second) {
			w.t.Errorf("%s left, though somebody was there %v ago", e.Channel, w.now.Sub(w.last[e.Channel]))
		}
	}
	if taken || w.rnd.IntN(2) == 0 {
		w.app.take(b)
	}
	if w.rnd.IntN(4) == 0 {
		w.comeOrGo() // meanwhile
	}
	w.roll.Told(taken, w.now)
}

// TestBound: names that are made up are forgotten in time, however long somebody on
// them would be present.
func TestBound(t *testing.T) {
	now := begin
	r := NewRoll(Options{LeaveAfter: time.Hour, StartAfter: time.Minute, Max: 1000}, now)
	for i := range 400 {
		r.See(fmt.Sprint("stays", i), true, now)
	}
	most := 0
	for i := range 20_000 {
		now = now.Add(time.Millisecond)
		r.See(fmt.Sprint("x", i), false, now)
		if b := r.Next(now, 100); b != nil {
			r.Told(i%3 == 0, now)
		}
		most = max(most, len(r.channels))
	}
	if err := r.Check(); err != nil || most > 1000 || r.Stats().Present != 400 {
		t.Errorf("%d channels at one time, %+v, %v", most, r.Stats(), err)
	}
}

func TestMatches(t *testing.T) {
	for _, tc := range []struct {
		pattern string
		yes, no []string
	}{
		{"a", []string{"a"}, []string{"", "ab", "ba"}},
		{"*", []string{"", "a", "a/b*"}, nil},
		{"user:*", []string{"user:", "user:7", "user:7:x"}, []string{"user", "xuser:7"}},
		{"*:typing", []string{":typing", "a:typing"}, []string{"a:typing:b"}},
		{"a*b*c", []string{"abc", "a-b-c", "abcbc", "abbc"}, []string{"ac", "acb", "ab", "bc"}},
		{"a*a", []string{"aa", "aba"}, []string{"a"}},
		{"a**b", []string{"ab", "axb"}, []string{"a"}},
	} {
		for _, c := range tc.yes {
			if !Matches(tc.pattern, c) {
				t.Errorf("%s does not match %q", tc.pattern, c)
			}
		}
		for _, c := range tc.no {
			if Matches(tc.pattern, c) {
				t.Errorf("%s matches %q", tc.pattern, c)
			}
		}
	}
}

func TestBody(t *testing.T) {
	got := Body("web-1", &Batch{"S", 7, []Event{{Join, "<a>\xff", begin}, {Leave, "b", begin.Add(1234567)}, {Start, "", begin}}})
	const want = `{"node":"web-1","session":"S","seq":7,"events":[` +
		`{"event":"join","channel":"\u003ca\u003e\ufffd","time":"2026-01-02T15:04:05Z"},` +
		`{"event":"leave","channel":"b","time":"2026-01-02T15:04:05.001Z"},` +
		`{"event":"start","time":"2026-01-02T15:04:05Z"}]}`
	if string(got) != want || !json.Valid(got) {
		t.Errorf("got %s", got)
	}
}
