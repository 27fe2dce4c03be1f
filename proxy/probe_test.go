package proxy

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

const probePath = "/.well-known/cometproxy"

// TestProbe: what it tells of a request, and what not.
func TestProbe(t *testing.T) {
	virtual(t, Options{Probe: probePath}, func(t *testing.T, s *site) {
		c := s.dial()
		nonces := make(map[string]bool)
		connection := ""
		for range 2 {
			r := c.poll(probePath, "X-Secret-Of-The-CDN: hush", "Accept-Encoding: gzip", "Via: 1.1 a", "via: 1.1 <b>")
			var got probeReport
			if err := json.Unmarshal([]byte(r.body), &got); err != nil || r.status != 200 {
				t.Fatal(err, r.raw)
			}
			if got.HTTP != "1.1" || got.Values["Via"] != "1.1 a, 1.1 <b>" || got.Values["Accept-Encoding"] != "gzip" || got.Timeout != 25 || got.Max != 60 {
				t.Errorf("%+v", got)
			}
			if strings.Contains(r.raw, "hush") || !strings.Contains(r.body, "X-Secret-Of-The-CDN") || strings.Contains(r.body, "<") {
				t.Error(r.raw)
			}
			if r.field("Comet-Probe") != "1" || r.field("Cache-Control") != "no-store" || r.field("X-Content-Type-Options") != "nosniff" ||
				r.field("Content-Type") != "application/json" || r.field("Comet-Cursor") == "" || len(r.raw) > 5000 {
				t.Error(r.raw)
			}
			nonces[got.Nonce] = true
			if connection != "" && got.Connection != connection {
				t.Errorf("one connection has two names, %s and %s", connection, got.Connection)
			}
			connection = got.Connection
		}
		if len(nonces) != 2 {
			t.Error("the same nonce twice")
		}
		if r := s.dial().poll(probePath); strings.Contains(r.body, connection) {
			t.Error("two connections have one name")
		}
	})
}

// TestProbeIsSmall: many long header lines do not make its answer large.
func TestProbeIsSmall(t *testing.T) {
	virtual(t, Options{Probe: probePath}, func(t *testing.T, s *site) {
		var lines []string
		for i := range 150 {
			lines = append(lines, fmt.Sprintf("X-%d-%s: %s", i, strings.Repeat("a", 300), "v"))
		}
		if r := s.dial().poll(probePath, lines...); r.status != 200 || len(r.body) > 24<<10 {
			t.Errorf("%d bytes: %.80s", len(r.raw), r.raw)
		}
	})
}

// TestProbeHolds: as long as it is asked to, like a poll.
func TestProbeHolds(t *testing.T) {
	virtual(t, Options{Probe: probePath, MaxParked: 1}, func(t *testing.T, s *site) {
		c := s.dial()
		for _, w := range []struct {
			query string
			took  time.Duration
		}{{"?wait=8", 8 * time.Second}, {"?wait=600", 60 * time.Second}, {"?wait=0", 0}} {
			start := time.Now()
			r := c.poll(probePath + w.query)
			between(t, w.query, time.Since(start), w.took, w.took+tick)
			if r.status != 204 || r.field("Comet-Probe") != "1" && w.took > 0 || r.field("Comet-Cursor") == "" {
				t.Error(r.raw)
			}
		}
		c.get(probePath + "?wait=30")
		s.quiet()
		if r := s.dial().poll(probePath + "?wait=30"); r.status != 503 || r.field("Retry-After") == "" {
			t.Errorf("beyond limits.parked: %s", r.raw)
		}
		c.answer()
	})
}

// TestProbeRefuses what it is not for.
func TestProbeRefuses(t *testing.T) {
	virtual(t, Options{Probe: probePath}, func(t *testing.T, s *site) {
		for target, want := range map[string]int{probePath + "?wait=x": 400, probePath + "/": 404, probePath + "x": 404, "/.well-known": 404} {
			if r := s.dial().poll(target); r.status != want {
				t.Errorf("%s: %s", target, r.raw)
			}
		}
		c := s.dial()
		c.send("POST " + probePath + " HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
		if r := c.answer(); r.status != 400 || r.field("Connection") != "close" {
			t.Error(r.raw)
		}
		c = s.dial()
		c.send("DELETE " + probePath + " HTTP/1.1\r\nHost: a\r\n\r\n")
		if r := c.answer(); r.status != 405 || r.field("Allow") != "GET, HEAD" {
			t.Error(r.raw)
		}
	})
	virtual(t, Options{}, func(t *testing.T, s *site) {
		if r := s.dial().poll(probePath); r.status != 404 {
			t.Errorf("without the option: %s", r.raw)
		}
	})
}

// TestProbePieces: they come one by one, and of such answers there are few at a time.
func TestProbePieces(t *testing.T) {
	virtual(t, Options{Probe: probePath}, func(t *testing.T, s *site) {
		var all []*client
		for range maxProbing {
			c := s.dial()
			c.get(probePath + "?pieces")
			all = append(all, c)
		}
		time.Sleep(probePause / 2)
		if r := s.dial().poll(probePath + "?pieces"); r.status != 503 || r.field("Retry-After") == "" {
			t.Error(r.raw)
		}
		start := time.Now()
		for _, c := range all {
			r := c.answer()
			if r.status != 200 || strings.Count(r.body, `"piece":`) != probeCount {
				t.Fatal(r.raw)
			}
		}
		between(t, "the pieces", time.Since(start), probePause, 2*probePause)
		c := s.dial()
		c.send("GET " + probePath + "?pieces HTTP/1.0\r\nHost: a\r\n\r\n")
		raw, err := io.ReadAll(c.Conn)
		if err != nil || !strings.HasSuffix(string(raw), "\"of\":3,\"after\":2.000}\n") || strings.Contains(string(raw), "chunked") {
			t.Errorf("by HTTP/1.0: %s %v", raw, err)
		}
		s.quiet()
		if n := s.probing.Load(); n != 0 {
			t.Errorf("%d probes under way", n)
		}
	})
}
