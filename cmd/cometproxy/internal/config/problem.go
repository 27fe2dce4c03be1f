package config

import (
	"fmt"
	"sort"
	"strings"
	"unicode"
)

// A Problem is one thing that is wrong, or unwise, in a configuration file.
type Problem struct {
	File    string
	Line    int    // from 1; 0 only when the file itself cannot be read
	Key     string // "hold.timeout"; empty for syntax
	Text    string // what is wrong and what to do
	Warning bool   // legal, but unwise
}

func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	b.WriteString(": ")
	if p.Warning {
		b.WriteString("warning: ")
	}
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(p.Text)
	return oneLine(b.String())
}

// oneLine escapes control characters, which a file can bring into a message.
func oneLine(s string) string {
	if strings.IndexFunc(s, unicode.IsControl) < 0 {
		return s
	}
	var b strings.Builder
	for _, c := range s {
		if unicode.IsControl(c) {
			fmt.Fprintf(&b, "\\x%02x", c)
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// Problems of one file, sorted by line.
type Problems []Problem

// Errors are the problems that make the file unusable.
func (ps Problems) Errors() Problems { return ps.pick(false) }

// Warnings are the rest.
func (ps Problems) Warnings() Problems { return ps.pick(true) }

func (ps Problems) pick(warning bool) Problems {
	var picked Problems
	for _, p := range ps {
		if p.Warning == warning {
			picked = append(picked, p)
		}
	}
	return picked
}

// String has a line for each problem.
func (ps Problems) String() string {
	var b strings.Builder
	for _, p := range ps {
		b.WriteString(p.String())
		b.WriteByte('\n')
	}
	return b.String()
}

// Sorted are the same by line; those of one line stay in the order they were found.
func (ps Problems) Sorted() Problems {
	sort.SliceStable(ps, func(i, j int) bool { return ps[i].Line < ps[j].Line })
	return ps
}
