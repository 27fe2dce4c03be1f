package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// lister answers as the internal listener does, n channels a page.
func lister(t *testing.T, pages ...string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := 0
		fmt.Sscanf(r.URL.Query().Get("after"), "page%d", &n)
		fmt.Fprint(w, pages[n])
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestChannelsLargePage: a page may have 1,000 names of 255 bytes, which JSON makes
// six times as long.
func TestChannelsLargePage(t *testing.T) {
	var items []string
	for i := range 1000 {
		items = append(items, fmt.Sprintf(`{"name":"%04d%s","waiters":1,"oldest_waiter_seconds":0.5}`, i, strings.Repeat(`\u003c`, 251)))
	}
	url := lister(t, `{"channels":[`+strings.Join(items, ",")+`],"next":"page1"}`, `{"channels":[{"name":"z","waiters":0,"messages":3,"id":"x"}]}`)
	code, stdout, stderr := invoke("channels", "-url", url)
	if lines := strings.Count(stdout, "\n"); code != exitOK || lines != 1002 {
		t.Errorf("exit %d, %d lines, %s", code, lines, stderr)
	}
	if _, stdout, _ := invoke("channels", "-url", url, "-json"); !strings.Contains(stdout, `"name":"0999<<`) && !strings.Contains(stdout, `"name":"0999\u003c`) {
		t.Errorf("%.300s", stdout)
	}
}

func TestChannelsTooLarge(t *testing.T) {
	url := lister(t, strings.Repeat(" ", maxReply+1))
	if code, _, stderr := invoke("channels", "-url", url); code != exitFailed || !strings.Contains(stderr, "is larger than 16 MiB") {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

// TestChannelsSorted: the order holds within fractions of a second.
func TestChannelsSorted(t *testing.T) {
	url := lister(t, `{"channels":[{"name":"a","waiters":1,"messages":3,"oldest_waiter_seconds":9.5},{"name":"b","waiters":2,"messages":1,"oldest_waiter_seconds":10.0004},`+
		`{"name":"c","waiters":10,"messages":2,"oldest_waiter_seconds":10.0009},{"name":"d","waiters":2,"messages":2,"oldest_waiter_seconds":0.25}]}`)
	for by, want := range map[string]string{"name": "a b c d", "waiters": "c b d a", "messages": "a c d b", "oldest": "c b a d"} {
		code, stdout, stderr := invoke("channels", "-sort", by, "-url", url)
		var names []string
		for line := range strings.Lines(stdout) {
			names = append(names, strings.Fields(line)[0])
		}
		if got := strings.Join(names[1:], " "); code != exitOK || got != want {
			t.Errorf("%s: exit %d, %q, want %q, %s", by, code, got, want, stderr)
		}
	}
}
