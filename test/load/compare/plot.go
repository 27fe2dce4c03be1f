package main

import (
	"fmt"
	"html"
	"slices"
	"strings"

	"cometproxy/test/load/internal/figures"
)

// draw draws a bar for each server.
func (p *plot) draw(all []result) string {
	const left, right, top, row, width = 170, 90, 44, 26, 720
	var names []string
	var values []float64
	for i := range all {
		if v, ok := all[i].median(p.key); ok {
			names, values = append(names, all[i].title()), append(values, v)
		}
	}
	most := max(slices.Max(append(values, 0)), 1e-9)
	height := top + row*len(values) + 12
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="sans-serif" font-size="13">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#ffffff"/>`+"\n")
	fmt.Fprintf(&b, `<text x="12" y="24" font-size="15" fill="#1f2328">%s, %s</text>`+"\n", html.EscapeString(p.title), html.EscapeString(p.unit))
	for i, v := range values {
		y := top + row*i
		long := max(1, v/most*(width-left-right))
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end" fill="#1f2328">%s</text>`, left-8, y+16, html.EscapeString(names[i]))
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="18" fill="%s"/>`, left, y+2, long, colour(names[i]))
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" fill="#1f2328">%s</text>`+"\n", left+long+6, y+16, figures.Format(v))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// colour tells the floor, cometproxy and its peers apart.
func colour(name string) string {
	switch {
	case name == "floor":
		return "#8c959f"
	case strings.HasPrefix(name, "cometproxy"):
		return "#1a7f64"
	}
	return "#b08800"
}
