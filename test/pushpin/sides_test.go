//go:build linux

package pushpin

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

// What both sign with.
const (
	sigKey    = "changeme"
	sigIssuer = "pushpin"
)

// A side is one of the two that are compared.
type side interface {
	name() string
	publicAddress() string
	controlAddress() string

	// asksAgain is whether the app is asked a second time for each hold, which may
	// go wrong.
	asksAgain() bool

	// awaitHolds waits until requests are held on a channel: that many at this
	// moment, or that many since the beginning.
	awaitHolds(channel string, now, sinceStart int) error
}

// comet is a running cometproxy.
type comet struct{ s *harness.Server }

func startComet(t *testing.T, app *harness.Backend) *comet {
	t.Helper()
	const internal = "[internal]\nlisten = [\"127.0.0.1:0\"]\ndebug = true\npage = \"off\"\n"
	s := harness.Start(t, internal+fmt.Sprintf("[grip]\nsig_key = %q\nsig_iss = %q\n", sigKey, sigIssuer)+app.Config(""))
	return &comet{s}
}

func (c *comet) name() string           { return "cometproxy" }
func (c *comet) publicAddress() string  { return c.s.Public[0] }
func (c *comet) controlAddress() string { return c.s.Internal[0] }

func (c *comet) asksAgain() bool { return false }

func (c *comet) awaitHolds(channel string, now, _ int) error {
	state := ""
	for end := time.Now().Add(harness.Patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		var n int
		if n, state = c.waiters(channel); n == now {
			return nil
		}
	}
	return fmt.Errorf("cometproxy does not hold %d requests on %s: %s", now, channel, state)
}

func (c *comet) waiters(channel string) (n int, state string) {
	res, err := http.Get("http://" + c.controlAddress() + "/channels/" + url.PathEscape(channel))
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	var answer struct{ Waiters int }
	b, _ := io.ReadAll(res.Body)
	json.Unmarshal(b, &answer)
	return answer.Waiters, string(b)
}
