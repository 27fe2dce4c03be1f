//go:build linux

package pushpin

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// compare compares the records of both sides: equal, or in the table.
func compare(t *testing.T, scenario string, pushpin, comet []*record) {
	t.Helper()
	if len(pushpin) != len(comet) {
		t.Fatalf("%d records, Pushpin's are %d", len(comet), len(pushpin))
	}
	for i, c := range comet {
		want := pushpin[i].clone()
		for _, d := range differences {
			d.accept(scenario, want, c)
		}
		if !want.equal(c) {
			t.Errorf("cometproxy's\n%s\nPushpin's\n%s\nWith the differences that are meant, it should be\n%s", c, pushpin[i], want)
		}
	}
}

func (r *record) clone() *record {
	c := *r
	c.lines = slices.Clone(r.lines)
	return &c
}

func (r *record) equal(o *record) bool {
	return r.first == o.first && slices.Equal(r.lines, o.lines) && r.body == o.body
}

// A difference is one that is meant.
type difference struct {
	what string
	why  string

	everywhere change            // nil: none
	in         map[string]change // by scenario

	used sync.Map // scenarios, and "" for everywhere
}

// A change makes Pushpin's record what cometproxy's should be, or leaves it as it
// is where the difference does not show.
type change func(pushpin, comet *record)

func (d *difference) accept(scenario string, pushpin, comet *record) {
	d.apply(d.everywhere, "", pushpin, comet)
	d.apply(d.in[scenario], scenario, pushpin, comet)
}

func (d *difference) apply(c change, scenario string, pushpin, comet *record) {
	if c == nil {
		return
	}
	before := pushpin.clone()
	if c(pushpin, comet); !pushpin.equal(before) {
		d.used.Store(scenario, true)
	}
}

// reportUnused keeps the table from growing stale.
func reportUnused(t *testing.T) {
	t.Helper()
	for _, d := range differences {
		if _, ok := d.used.Load(""); !ok && d.everywhere != nil {
			t.Errorf("no scenario shows the difference %q any more: remove it from the table", d.what)
		}
		for scenario := range d.in {
			if _, ok := d.used.Load(scenario); !ok {
				t.Errorf("the scenario %q does not show the difference %q any more: remove it from the table", scenario, d.what)
			}
		}
	}
}

// String is the difference as users read it.
func (d *difference) String() string {
	return fmt.Sprintf("- **%s.** %s.", sentence(d.what), sentence(d.why))
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// TestDifferencesAreDocumented: users find each one in docs/grip.md.
func TestDifferencesAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/grip.md")
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "## Differences from Pushpin\n", "\n## "
	_, section, _ := strings.Cut(string(doc), begin)
	section, _, _ = strings.Cut(section, end)
	var lines []string
	for _, d := range differences {
		lines = append(lines, d.String())
	}
	var got []string
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "- ") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	if !slices.Equal(got, lines) {
		t.Errorf("the list under %q in docs/grip.md should be\n\n%s", strings.TrimSpace(begin), strings.Join(lines, "\n"))
	}
}

// The changes that the table is made of.

// of is a change of answers to clients, or to publishers, or of requests.
func of(k kind, c change) change {
	return func(pushpin, comet *record) {
		if pushpin.kind == k {
			c(pushpin, comet)
		}
	}
}

// takes leaves lines of the header to cometproxy.
func takes(names ...string) change {
	return func(pushpin, comet *record) {
		for _, name := range names {
			pushpin.drop(name)
			for _, line := range comet.lines {
				if named(name)(line) {
					pushpin.lines = append(pushpin.lines, line)
				}
			}
		}
		slices.Sort(pushpin.lines)
	}
}

// drops removes lines of the header.
func drops(names ...string) change {
	return func(pushpin, _ *record) {
		for _, name := range names {
			pushpin.drop(name)
		}
	}
}

// says changes status, type and body.
func says(status, contentType, body string) change {
	return func(pushpin, _ *record) {
		pushpin.first = "HTTP/1.1 " + status
		pushpin.body = body
		pushpin.drop("Content-Type")
		if contentType != "" {
			pushpin.set("Content-Type", contentType)
		}
		pushpin.drop("Content-Length")
		if status != "204 No Content" {
			pushpin.set("Content-Length", strconv.Itoa(len(body)))
		}
	}
}

// refuses answers a publisher with an error.
func refuses(text string) change {
	return of(toPublisher, says("400 Bad Request", "text/plain", "Invalid format: "+text+"\n"))
}

// accepts answers a publisher with success.
var accepts = of(toPublisher, says("200 OK", "text/plain", "Published\n"))

// problem answers with application/problem+json, as cometproxy does, if that says
// what is wrong.
func problem(status string) change {
	return func(pushpin, comet *record) {
		if comet.status() == status && comet.explains() {
			*pushpin = *comet.clone()
		}
	}
}

// explains is whether an answer is a problem and says what to do. That to a HEAD
// has no body.
func (r *record) explains() bool {
	var problem struct {
		Status int
		Detail string
	}
	return r.get("Content-Type") == "application/problem+json" && (r.body == "" ||
		json.Unmarshal([]byte(r.body), &problem) == nil && strconv.Itoa(problem.Status) == r.status()[:3] && problem.Detail != "")
}

// both makes several changes, one after the other.
func both(changes ...change) change {
	return func(pushpin, comet *record) {
		for _, c := range changes {
			c(pushpin, comet)
		}
	}
}
