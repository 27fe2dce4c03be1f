package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"text/tabwriter"
)

// A table is rows of name, value and a word of explanation.
type table struct{ w *tabwriter.Writer }

func newTable(w io.Writer) table { return table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)} }

func (t table) row(name, value, note string) { fmt.Fprintf(t.w, "%s\t%s\t%s\n", name, value, note) }
func (t table) end()                         { t.w.Flush() }

func mib(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// A machine is where a report was made.
type machine struct {
	Go    string `json:"go"`
	OS    string `json:"os"`
	Cores int    `json:"cores"`
}

func thisMachine() machine {
	return machine{runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, runtime.NumCPU()}
}

// writeJSON writes a report for other programs.
func writeJSON(file string, report any) error {
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}
