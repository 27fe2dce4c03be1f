package demo

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // for page.html and grip.js
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"
	"time"
	"unicode"
)

//go:embed page.html
var pageHTML string

//go:embed grip.js
var gripScript string

// Two pages, which differ in what their scripts do to be live.
var (
	nativePage = newPage(pageHTML)
	gripPage   = newPage(withScript(pageHTML, gripScript))
)

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

// withScript is the page with another poll loop and what belongs to it.
func withScript(html, script string) string {
	const end = "/* ===== End of the poll loop ============================================== */\n"
	const start, gripStart = "\nfollow('/events/wall', {refetch, message, state});", "\nfollow('/updates', {show, signedOut, state});"
	html, _ = cutOut(html, "/* ===== The poll loop", end, "")
	before, after, _ := strings.Cut(html, "/* ===== The poll loop"+end)
	html, _ = cutOut(before+script+after, start, "\n", "")
	return strings.Replace(html, start, gripStart, 1)
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

// pageValues are what a page shows.
type pageValues struct {
	Statuses          []status
	Follow            string // what the script polls; "": nothing
	Name, Text, Error string // those of a form that was refused
	Public, Internal  string // URLs of the proxy's listeners

	// Only where people sign in.
	People  bool     // they do
	Me      *person  // who is signed in here; nil: nobody
	Choices []choice // to whom a status can go
}

// answer renders the page.
func (p *page) answer(code int, values pageValues) answer {
	var body bytes.Buffer
	err := p.template.Execute(&body, struct {
		pageValues
		Style            template.CSS
		Script           template.JS
		MaxName, MaxText int
	}{values, p.style, p.script, maxName, maxText})
	if err != nil {
		return problem(http.StatusInternalServerError, err.Error())
	}
	return answer{
		code: code,
		header: map[string]string{
			"Content-Type":            "text/html; charset=utf-8",
			"Content-Security-Policy": p.policy,
			"Referrer-Policy":         "same-origin", // no-referrer would make a form's Origin "null"
		},
		body: body.Bytes(),
	}
}

// Methods for the template. The script in page.html does the same.

// Initial is what stands in the circle beside a status.
func (s status) Initial() string { return initial(s.Name) }

// Hue is the number of the circle's colour, of 10.
func (s status) Hue() uint32 { return hue(s.Name) }

// Stamp is the time for machines, Clock the time for people.
func (s status) Stamp() string { return s.Time.Format(time.RFC3339Nano) }
func (s status) Clock() string { return s.Time.Format("2 Jan 15:04 UTC") }

// Readers names those whom it is for.
func (s status) Readers() string { return strings.Join(s.To, ", ") }

func initial(name string) string {
	for _, r := range name {
		return string(unicode.ToUpper(r))
	}
	return "?"
}

func hue(name string) uint32 {
	var h uint32
	for _, r := range name {
		h = h*31 + uint32(r)
	}
	return h % 10
}
