package demo

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // for page.html
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"
	"time"
	"unicode"
)

//go:embed page.html
var pageHTML string

var wallPage = newPage(pageHTML)

// page is page.html, ready to be filled in.
type page struct {
	template *template.Template
	style    template.CSS
	script   template.JS
	policy   string // the Content-Security-Policy: this style and this script, nothing else
}

// newPage panics when the file is not as it should be; the first test finds out.
func newPage(html string) page {
	// html/template removes the comments of styles and scripts, but the page's
	// are there to be read in the browser's "view source". So both are taken
	// out before parsing and put back whole, as values.
	html, style := cutOut(html, "<style>", "</style>", "{{.Style}}")
	html, script := cutOut(html, "<script>", "</script>", "{{.Script}}")
	return page{
		template: template.Must(template.New("page.html").Parse(html)),
		style:    template.CSS(style),
		script:   template.JS(script),
		policy: "default-src 'none'; script-src " + hash(script) + "; style-src " + hash(style) +
			"; img-src data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	}
}

// cutOut replaces what is between open and end, and returns that too.
func cutOut(s, open, end, replacement string) (rest, cut string) {
	before, after, ok := strings.Cut(s, open)
	cut, after, ok2 := strings.Cut(after, end)
	if !ok || !ok2 {
		panic("demo: page.html has no " + open + "…" + end)
	}
	return before + open + replacement + end + after, cut
}

func hash(inline string) string {
	sum := sha256.Sum256([]byte(inline))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// page renders the wall. In and complaint are those of a form that was refused.
func (a *App) page(r *http.Request, code int, in entry, complaint string) answer {
	values := struct {
		Style             template.CSS
		Script            template.JS
		Statuses          []status
		Name, Text, Error string
		MaxName, MaxText  int
		Public, Internal  string
	}{
		Style: wallPage.style, Script: wallPage.script,
		Statuses: a.newestFirst(),
		Name:     in.name, Text: in.text, Error: complaint,
		MaxName: maxName, MaxText: maxText,
		Public: "http://" + r.Host, Internal: a.publishURL, // the script knows the former better
	}
	var body bytes.Buffer
	if err := wallPage.template.Execute(&body, values); err != nil {
		return problem(http.StatusInternalServerError, err.Error())
	}
	return answer{
		code: code,
		header: map[string]string{
			"Content-Type":            "text/html; charset=utf-8",
			"Content-Security-Policy": wallPage.policy,
			"Referrer-Policy":         "same-origin", // no-referrer would make a form's Origin "null"
		},
		body: body.Bytes(),
	}
}

// Methods for the template. The script in page.html does the same.

// Initial is what stands in the circle beside a status.
func (s status) Initial() string {
	for _, r := range s.Name {
		return string(unicode.ToUpper(r))
	}
	return "?"
}

// Hue is the number of the circle's colour, of 10.
func (s status) Hue() uint32 {
	var h uint32
	for _, r := range s.Name {
		h = h*31 + uint32(r)
	}
	return h % 10
}

// Stamp is the time for machines, Clock the time for people.
func (s status) Stamp() string { return s.Time.Format(time.RFC3339Nano) }
func (s status) Clock() string { return s.Time.Format("2 Jan 15:04 UTC") }
