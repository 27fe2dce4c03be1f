// Package figures is what a measurement finds out, for people and for programs.
package figures

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"cometproxy/test/load/internal/crowd"
)

// A Report is one measurement of one server.
type Report struct {
	Verb     string      `json:"verb"`
	Server   string      `json:"server"`
	Version  string      `json:"version,omitempty"`
	Note     string      `json:"note,omitempty"`
	Clients  int         `json:"clients"`
	Channels int         `json:"channels"`
	Cookies  int         `json:"cookie_bytes"`
	Machine  Machine     `json:"machine"`
	Figures  []Figure    `json:"figures"`
	Tally    crowd.Tally `json:"tally"`
	Missed   []string    `json:"missed,omitempty"` // promises
}

// A Figure is one number.
type Figure struct {
	Key   string  `json:"key"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Note  string  `json:"note,omitempty"`
}

// A Machine is where a report was made.
type Machine struct {
	Go     string `json:"go"`
	System string `json:"system"`
	Kernel string `json:"kernel,omitempty"`
	CPU    string `json:"cpu,omitempty"`
	Cores  int    `json:"cores"`
}

// ThisMachine describes the machine that this runs on.
func ThisMachine() Machine {
	m := Machine{Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH, Cores: runtime.NumCPU()}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel, _, _ = strings.Cut(strings.TrimSpace(string(text)), "-")
	}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
				m.CPU = strings.TrimSpace(value)
				break
			}
		}
	}
	return m
}

// Add adds a figure.
func (r *Report) Add(key string, value float64, unit, note string) {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		value = 0 // JSON has neither
	}
	r.Figures = append(r.Figures, Figure{key, value, unit, note})
}

// Get finds a figure.
func (r *Report) Get(key string) (float64, bool) {
	i := slices.IndexFunc(r.Figures, func(f Figure) bool { return f.Key == key })
	if i < 0 {
		return 0, false
	}
	return r.Figures[i].Value, true
}

// Print writes a table.
func (r *Report) Print(to io.Writer) {
	fmt.Fprintf(to, "\n%s %s: %d clients on %d channels, %d bytes of cookies\n", r.Verb, r.Server, r.Clients, r.Channels, r.Cookies)
	if r.Version != "" {
		fmt.Fprintf(to, "%s\n", r.Version)
	}
	if r.Note != "" {
		fmt.Fprintf(to, "%s\n", r.Note)
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	for _, f := range r.Figures {
		fmt.Fprintf(w, "  %s\t%s %s\t%s\n", strings.ReplaceAll(f.Key, "_", " "), Format(f.Value), f.Unit, f.Note)
	}
	w.Flush()
	t := r.Tally
	fmt.Fprintf(to, "  %d published, %d received, every body compared: %d lost, %d doubled, %d wrong\n", t.Published, t.Received, t.Lost, t.Doubled, t.Wrong)
	fmt.Fprintf(to, "  %d answers without a message, %d refusals, %d connections closed instead of an answer, %d connected again\n", t.Empty, t.Refused, t.Closed, t.Reconnected)
	for _, fault := range t.Faults {
		fmt.Fprintf(to, "  %s\n", fault)
	}
	for _, missed := range r.Missed {
		fmt.Fprintf(to, "  MISSED: %s\n", missed)
	}
}

// Format writes a number with three digits that matter, or all before the point.
func Format(v float64) string {
	switch abs := math.Abs(v); {
	case abs >= 100 || v == 0:
		return thousands(math.Round(v))
	case abs >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

func thousands(v float64) string {
	text := fmt.Sprintf("%.0f", v)
	for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// WriteJSON writes anything for other programs.
func WriteJSON(file string, what any) error {
	text, err := json.MarshalIndent(what, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

// Percentile is the smallest value that at least p percent of all are not above.
// The values are sorted in place. Of nothing it is 0.
func Percentile[T ~int64 | ~float64](values []T, p float64) T {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	rank := int(math.Ceil(p / 100 * float64(len(values))))
	return values[min(max(rank, 1), len(values))-1]
}

// Median is the middle value, or between the two middle ones.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

// MS and US are a duration in the units of reports.
func MS(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
func US(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
