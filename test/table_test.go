package test

import (
	"encoding/json"
	"strings"
	"testing"

	"cometproxy/test/internal/harness"
)

// A row is one request and what its answer must be.
type row struct {
	name    string
	request string            // raw; {cursor} stands for a cursor from before the server's messages
	status  int               //
	header  map[string]string // value, "*" for any, "" for none, "~x" for one with x in it
	body    string            // what it must be or, with a ~ in front, have in it
	closes  bool              // the connection must end with it
}

const problemType = "application/problem+json"

// checkRows sends each row's request on a connection of its own.
func checkRows(t *testing.T, s *harness.Server, address string, words map[string]string, rows []row) {
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			fill := func(text string) string {
				for k, v := range words {
					text = strings.ReplaceAll(text, "{"+k+"}", v)
				}
				return text
			}
			request := fill(r.request)
			c := s.ClientTo(t, address)
			a := c.Do(t, request)
			checkRow(t, &r, a, fill)
			method, _, _ := strings.Cut(request, " ")
			checkConnection(t, c, a, r.closes, method)
		})
	}
}

func checkRow(t *testing.T, r *row, a *harness.Answer, fill func(string) string) {
	t.Helper()
	if a.Status != r.status {
		t.Fatalf("%d %v %s; want %d", a.Status, a.Header, a.Body, r.status)
	}
	for name, want := range r.header {
		want = fill(want)
		got := strings.Join(a.Header.Values(name), " | ")
		part, contains := strings.CutPrefix(want, "~")
		switch {
		case want == "*" && got != "", contains && strings.Contains(got, part), got == want:
		default:
			t.Errorf("%s: %q; want %q", name, got, want)
		}
	}
	part, contains := strings.CutPrefix(fill(r.body), "~")
	if contains && !strings.Contains(string(a.Body), part) || !contains && r.body != "" && strings.TrimSpace(string(a.Body)) != r.body {
		t.Errorf("body %s; want %s", a.Body, r.body)
	}
	if a.Header.Get("Content-Type") == problemType || r.status >= 400 && r.body == "" {
		checkProblem(t, a)
	}
}

// checkProblem checks the form of an RFC 9457 answer.
func checkProblem(t *testing.T, a *harness.Answer) {
	t.Helper()
	var p struct {
		Type, Title, Detail string
		Status              int
	}
	if a.Header.Get("Content-Type") != problemType {
		t.Errorf("Content-Type %q of %s", a.Header.Get("Content-Type"), a.Body)
	}
	if err := json.Unmarshal(a.Body, &p); err != nil || p.Status != a.Status || p.Type == "" || p.Title == "" || p.Detail == "" {
		t.Errorf("problem %s, %v", a.Body, err)
	}
	if retry := a.Header.Get("Retry-After"); (a.Status == 429 || a.Status == 503) && retry == "" {
		t.Error("no Retry-After")
	}
}

// checkConnection finds out whether the connection goes on.
func checkConnection(t *testing.T, c *harness.Client, a *harness.Answer, closes bool, method string) {
	t.Helper()
	if said := a.Header.Get("Connection") == "close"; said != closes && a.Proto == "HTTP/1.1" && !closes {
		t.Errorf("Connection: %q", a.Header.Get("Connection"))
	}
	if closes {
		if err := c.End(soon()); err != nil {
			t.Error(err)
		}
		return
	}
	c.Send("BREW / HTTP/1.1\r\nHost: localhost\r\nX: y\r\n\r\n")
	if next, err := c.Read(); err != nil || next.Status == 200 {
		t.Errorf("after %s the connection does not go on: %v", method, err)
	}
}
