//go:build linux

package apps

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestGRIPLoop runs the poll loop of docs/grip.md. It begins while messages are
// published, and one batch is more than the proxy keeps, so that it is told of a
// gap; it ends up with everything, in order.
func TestGRIPLoop(t *testing.T) {
	node := need(t, "node", "nodejs")
	var stored atomic.Int64 // messages are the numbers up to this one
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Grip-Channel", "news")
		if r.URL.Path == "/state" {
			fmt.Fprint(w, stored.Load())
			return
		}
		w.Header().Set("Grip-Hold", "response")
		w.WriteHeader(http.StatusNoContent)
	}))
	defer app.Close()

	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	public, internal := freeAddress(t), freeAddress(t)
	file := filepath.Join(t.TempDir(), "cometproxy.toml")
	config := fmt.Sprintf("public = {listen = [%q]}\ninternal = {listen = [%q]}\nhistory = {messages = 5}\nbackend = [{name = \"app\", urls = [%q]}]\n", public, internal, app.URL)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, "", nil, path, "-config", file).waitFor(public)

	publish := func(n int) {
		var items []string
		for range n {
			items = append(items, fmt.Sprintf(`{"channel":"news","text":"%d"}`, stored.Add(1)))
		}
		wantReply(t, send(t, client, "POST", "http://"+internal+"/publish/", "application/json",
			strings.NewReader(`{"items":[`+strings.Join(items, ",")+`]}`)), 200, "Published\n")
	}
	page := start(t, "grip", []string{"SITE=http://" + public}, node, "loop.mjs")
	for round := range 60 {
		switch {
		case round == 50:
			publish(50)
		default:
			for range rand.IntN(4) * rand.IntN(4) { // up to nine, most often none to three
				publish(1)
			}
		}
		time.Sleep(rand.N(40 * time.Millisecond))
		for limit := time.Now().Add(20 * time.Second); round == 20 && page.output() == "" && time.Now().Before(limit); {
			time.Sleep(10 * time.Millisecond) // for the page's beginning, on a slow machine
		}
	}
	last := strconv.FormatInt(stored.Load(), 10)
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		lines := strings.Fields(page.output())
		if len(lines) > 0 && lines[len(lines)-1] == last {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the page did not get to %s", last)
		}
	}
	have, states, messages := int64(-1), 0, 0
	for line := range strings.Lines(page.output()) {
		text, isState := strings.CutPrefix(strings.TrimSpace(line), "state ")
		n, err := strconv.ParseInt(text, 10, 64)
		switch {
		case err != nil:
			t.Fatalf("the page prints %q", line)
		case isState:
			have, states = max(have, n), states+1
		case n > have+1:
			t.Fatalf("the page has %d, and gets %d next", have, n)
		default:
			have, messages = max(have, n), messages+1
		}
	}
	t.Logf("%s messages: %d came by the loop, %d fetches of everything", last, messages, states)
	if states < 2 || messages == 0 {
		t.Error("there was no gap, or nothing else")
	}
}
