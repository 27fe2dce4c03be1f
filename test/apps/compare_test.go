//go:build linux

package apps

import (
	"bufio"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
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

// compare sends the probes to both addresses and wants the same answers; to the
// proxy also all of them over one connection. What the app makes up at random is
// told by random.
func compare(t *testing.T, app, proxy string, random *regexp.Regexp, probes []probe) {
	t.Helper()
	answers := make([]*raw, len(probes)) // of the app itself
	for i, p := range probes {
		t.Run(p.name, func(t *testing.T) {
			direct, err := exchange(app, p.method, p.bytes())
			if err != nil {
				t.Fatalf("the app itself: %v", err)
			}
			answers[i] = direct
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
	t.Run("one after the other", func(t *testing.T) { sequence(t, proxy, random, probes, answers, false) })
	t.Run("all at once", func(t *testing.T) { sequence(t, proxy, random, probes, answers, true) })
}

// sequence sends the probes over one connection, and over another one whenever
// that is closed: each after the answer to the one before, or all at once. Over
// a connection that lost its place all further answers would be wrong.
func sequence(t *testing.T, proxy string, random *regexp.Regexp, probes []probe, answers []*raw, atOnce bool) {
	connections := 0
	for next := 0; next < len(probes); connections++ {
		c, err := net.DialTimeout("tcp", proxy, 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(30 * time.Second))
		if atOnce {
			go func() {
				for _, p := range probes[next:] {
					c.Write(p.bytes())
				}
			}()
		}
		for in, closed := bufio.NewReader(c), false; next < len(probes) && !closed; next++ {
			p, want := probes[next], answers[next]
			if !atOnce {
				if _, err := c.Write(p.bytes()); err != nil {
					t.Fatalf("%s: %v", p.name, err)
				}
			}
			got, err := readRaw(in, p.method)
			if err != nil {
				t.Fatalf("%s: %v", p.name, err)
			}
			if want != nil && (got.status != want.status || scrub(string(got.body), random) != scrub(string(want.body), random)) {
				t.Errorf("%s: %s %.200q\nwithout the proxy, over a connection of its own\n%s %.200q", p.name, got.status, got.body, want.status, want.body)
			}
			closed = slices.ContainsFunc(got.header, func(l string) bool { return strings.EqualFold(l, "Connection: close") })
		}
	}
	t.Logf("%d requests over %d connections", len(probes), connections)
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
		case "connection", "keep-alive", "transfer-encoding", "x-request-id":
			continue
		case "date", "expires":
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
