package doctor

import (
	"fmt"
	"io"
	"strings"
)

// A Level says how grave a finding is.
type Level string

// Levels. Whether something was found is whether any check is bad.
const (
	LevelFine    Level = "fine"
	LevelNote    Level = "note"    // worth knowing, and polls work all the same
	LevelBad     Level = "bad"     // to be changed
	LevelUnknown Level = "unknown" // it could not be told
)

// A Report is what is told.
type Report struct {
	URL     string    `json:"url"`
	Probe   string    `json:"probe,omitempty"` // the probe that was asked besides
	Through []Between `json:"through"`         // who shows himself in between
	Found   bool      `json:"found"`           // something to be changed
	Checks  []Check   `json:"checks"`
	Advice  []Advice  `json:"advice"`
	Holds   []Held    `json:"holds"`
}

// A Check is one line of a report.
type Check struct {
	Name    string `json:"name"`
	Verdict string `json:"verdict"` // fine, unknown, or a word for what was found
	Level   Level  `json:"level"`
	Text    string `json:"text"`
}

// Advice is what to set, where.
type Advice struct {
	For   string   `json:"for"` // empty: for whoever asks
	Lines []string `json:"lines"`
}

// Held is a hold that was tried. Times are seconds.
type Held struct {
	Asked   float64 `json:"asked,omitempty"` // 0: nobody was asked how long
	Took    float64 `json:"took"`
	Outcome Outcome `json:"outcome"`
	Status  int     `json:"status,omitempty"`
	Error   string  `json:"error,omitempty"`
}

func (r *Report) add(c Check) {
	r.Checks = append(r.Checks, c)
	r.Found = r.Found || c.Level == LevelBad
}

// Verdict is the check of that name.
func (r *Report) Verdict(name string) string {
	for _, c := range r.Checks {
		if c.Name == name {
			return c.Verdict
		}
	}
	return ""
}

// Print writes the report for a reader.
func (r *Report) Print(w io.Writer) {
	fmt.Fprint(w, whole(r.URL))
	if len(r.Through) > 0 {
		names := make([]string, len(r.Through))
		for i, b := range r.Through {
			names[i] = b.Name
		}
		fmt.Fprintf(w, "  through %s", strings.Join(names, ", "))
	}
	if r.Probe != "" {
		fmt.Fprintf(w, "\nand the probe, %s", whole(r.Probe))
	}
	fmt.Fprint(w, "\n\n")
	name, verdict := 0, 0
	for _, c := range r.Checks {
		name, verdict = max(name, len(c.Name)), max(verdict, len(c.Verdict))
	}
	for _, c := range r.Checks {
		fmt.Fprintf(w, "  %-*s  %-*s  %s\n", name, c.Name, verdict, c.Verdict, c.Text)
	}
	for i, a := range r.Advice {
		switch {
		case a.For == "":
			fmt.Fprint(w, "\nWhat to do\n\n")
		case i == 0:
			fmt.Fprintf(w, "\nWhat to set\n\n  %s:\n", a.For)
		default:
			fmt.Fprintf(w, "\n  %s:\n", a.For)
		}
		for _, line := range a.Lines {
			fmt.Fprintf(w, "      %s\n", line)
		}
	}
}

// whole is clean without a bound: a URL is of use only as a whole.
func whole(s string) string { return strings.Map(printable, s) }

func printable(r rune) rune {
	if r < ' ' || r == 0x7f || r == '\u009b' {
		return -1
	}
	return r
}
