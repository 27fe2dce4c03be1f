package main

import (
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cometproxy/test/load/internal/figures"
)

// example is two rounds of a fan-out.
func example() *taking {
	t := &taking{Date: "2026-11-23", Rounds: 2, Clients: 18000, Left: []string{"pushpin: missing"}}
	for _, x := range []struct {
		server string
		last   float64
	}{{"floor", 100}, {"cometproxy", 110}, {"nchan", 180}, {"nchan-2", 150}, {"cometproxy", 130}, {"nchan", 190}} {
		r := figures.Report{Verb: "fanout", Server: x.server, Clients: 18000, Cookies: 1536}
		r.Add("last", x.last, "ms", "")
		r.Tally.Received = 18000
		t.Reports = append(t.Reports, r)
	}
	return t
}

func TestPage(t *testing.T) {
	docs := t.TempDir()
	page := filepath.Join(docs, "benchmarks.md")
	for range 2 { // the second time something was written by hand
		if err := write(docs, example()); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			"| cometproxy | – | – | 120 (110–130) | – | – |",
			"| cometproxy | 1.20 × | 0.80 × |",
			"| nchan | 1.85 × | 1.23 × |",
			"![Publish until the last client has it](benchmarks/fanout-last.svg)",
			"| cometproxy | 36,000 | 0 |",
			"Left out: pushpin: missing.",
			"go run ./test/load/compare -clients 18000 -rounds 2",
		} {
			if !strings.Contains(string(text), want) {
				t.Fatalf("%q is not in\n%s", want, text)
			}
		}
		if err := os.WriteFile(page, append(text, "by hand\n"...), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, _ := os.ReadFile(page)
	if !strings.HasSuffix(string(text), byHand+"\nby hand\nby hand\n") {
		t.Errorf("what was written by hand is lost:\n%s", text)
	}
	taken, err := read(figuresFile(docs))
	if err != nil || len(taken.Reports) != len(example().Reports) {
		t.Errorf("the figures did not come back: %v", err)
	}
}

func TestBase(t *testing.T) {
	all := example().of("fanout")
	if got := base(all, "last", true, "nchan", "nchan-2"); got != 150 {
		t.Errorf("the least is %v; want 150", got)
	}
	if got := base(all, "last", false, "nchan", "nchan-2"); got != 185 {
		t.Errorf("the most is %v; want 185", got)
	}
	if got := base(all, "last", true, "nobody"); got != 0 {
		t.Errorf("nobody's is %v; want 0", got)
	}
}

// TestPlot: what is drawn is XML, with a bar for each.
func TestPlot(t *testing.T) {
	p := plot{"x.svg", "last", "less < more", "ms"}
	d := xml.NewDecoder(strings.NewReader(p.draw(example().of("fanout"))))
	bars := 0
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "rect" {
			bars++
		}
	}
	if bars != 1+4 { // and the paper
		t.Errorf("%d bars; want 4", bars-1)
	}
	if (&plot{key: "nothing"}).draw(nil) == "" {
		t.Error("no plot of nothing")
	}
}
