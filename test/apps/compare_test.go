//go:build linux

package apps

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A probe is one request that is sent to the app with and without the proxy.
type probe struct {
	name           string
	method, target string
	header         string // lines, each ended by CRLF
	body           string
	want           string // begins the status line after the protocol, so that the app does what the test is about
}

const publicHost = "www.example.com:8080"

func (p probe) bytes() []byte {
	length := ""
	if p.body != "" && !strings.Contains(p.header, "Transfer-Encoding") {
		length = fmt.Sprintf("Content-Length: %d\r\n", len(p.body))
	}
	return fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\n%s%s\r\n%s", p.method, p.target, publicHost, p.header, length, p.body)
}

// compare sends the probes to both addresses and wants the same answers. What
// the app makes up at random is told by the expressions in random.
func compare(t *testing.T, app, proxy string, random *regexp.Regexp, probes []probe) {
	t.Helper()
	for _, p := range probes {
		t.Run(p.name, func(t *testing.T) {
			direct, err := exchange(app, p.method, p.bytes())
			if err != nil {
				t.Fatalf("the app itself: %v", err)
			}
			if _, status, _ := strings.Cut(direct.status, " "); !strings.HasPrefix(status, p.want) {
				t.Fatalf("the app itself: %s, want %s\n%s", direct.status, p.want, direct.body)
			}
			proxied, err := exchange(proxy, p.method, p.bytes())
			if err != nil {
				t.Fatalf("behind the proxy: %v", err)
			}
			if direct.status != proxied.status {
				t.Errorf("status %q, without the proxy %q", proxied.status, direct.status)
			}
			got, want := endToEnd(proxied.header, random), endToEnd(direct.header, random)
			if !has(want, "content-length:") && p.method != "HEAD" && p.want != "304" {
				got = slices.DeleteFunc(got, lengthLine) // the app's body ended with its connection, or came in chunks
			}
			if !has(want, "date:") {
				got = slices.DeleteFunc(got, dateLine) // which a proxy adds (RFC 9110, section 6.6.1)
			}
			if p.want == "204" {
				want = slices.DeleteFunc(want, lengthLine) // may not be there (RFC 9110, section 8.6)
			}
			if !slices.Equal(got, want) {
				t.Errorf("header\n\t%s\nwithout the proxy\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
			}
			if b, d := scrub(string(proxied.body), random), scrub(string(direct.body), random); b != d {
				t.Errorf("body\n%.2000q\nwithout the proxy\n%.2000q", b, d)
			}
		})
	}
}

var (
	dates   = regexp.MustCompile(`(?i)(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d[ -][A-Z][a-z][a-z][ -]\d{4} \d\d:\d\d:\d\d GMT`)
	someDay = "(a date)"
)

func scrub(s string, random *regexp.Regexp) string {
	if random != nil {
		s = random.ReplaceAllString(s, "(random)")
	}
	return s
}

// endToEnd are the lines that do not concern a single connection. A client may
// not depend on the case of their names, nor on their order, except among those
// of one name: the sort is stable and looks at the names only.
func endToEnd(lines []string, random *regexp.Regexp) []string {
	var list []string
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		name = strings.ToLower(name)
		line = name + ":" + value
		switch name {
		case "connection", "keep-alive", "transfer-encoding":
			continue
		case "date":
			line = dates.ReplaceAllString(line, someDay)
		}
		list = append(list, scrub(line, random))
	}
	slices.SortStableFunc(list, func(a, b string) int {
		a, _, _ = strings.Cut(a, ":")
		b, _, _ = strings.Cut(b, ":")
		return strings.Compare(a, b)
	})
	return list
}

func lengthLine(line string) bool { return strings.HasPrefix(line, "content-length:") }

func dateLine(line string) bool { return strings.HasPrefix(line, "date:") }

func has(lines []string, prefix string) bool {
	return slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(strings.ToLower(l), prefix) })
}
