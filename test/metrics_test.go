package test

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

// scrape reads the figures of /metrics by their names with labels.
func scrape(t *testing.T, s *harness.Server) map[string]float64 {
	t.Helper()
	c := s.Inside(t)
	defer c.Close()
	a := c.Get(t, "/metrics")
	if a.Status != 200 || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/plain") {
		t.Fatalf("%d %v", a.Status, a.Header)
	}
	figures := make(map[string]float64)
	for lines := bufio.NewScanner(bytes.NewReader(a.Body)); lines.Scan(); {
		at := strings.LastIndexByte(lines.Text(), ' ')
		if v, err := strconv.ParseFloat(lines.Text()[at+1:], 64); err == nil && !strings.HasPrefix(lines.Text(), "#") {
			figures[lines.Text()[:at]] = v
		}
	}
	return figures
}

func endReasons() []string { return []string{"message", "delete", "deadline", "gone", "drain"} }

// reconciles checks what is said of every scrape.
func reconciles(t *testing.T, m map[string]float64) {
	t.Helper()
	sum := m["cometproxy_holds_parked"]
	for _, why := range endReasons() {
		sum += m[fmt.Sprintf("cometproxy_holds_ended_total{reason=%q}", why)]
	}
	if accepted := m["cometproxy_holds_accepted_total"]; accepted != sum {
		t.Errorf("%v holds accepted, %v ended or parked", accepted, sum)
	}
}

// TestMetricsReconcile: clients poll, hang up, ask the app, and are published to,
// at random; the figures agree with each other meanwhile, and at rest with what the
// clients have seen.
func TestMetricsReconcile(t *testing.T) {
	s, _ := startApp(t, eventsRoute, echoTarget)
	all := harness.Scale(100_000, 4000)
	var asked, polls, published, left atomic.Int64
	stop := make(chan struct{})
	scraped := make(chan struct{})
	go func() {
		defer close(scraped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
				reconciles(t, scrape(t, s))
			}
		}
	}()
	inParallel(t, 64, func(k int) error {
		rnd := rand.New(rand.NewPCG(uint64(k), 7))
		c, err := harness.NewClient(s.Public[0])
		if err != nil {
			return err
		}
		defer func() { c.Close() }()
		for range all / 64 {
			room := rnd.IntN(40)
			switch n := rnd.IntN(100); {
			case n < 50:
				asked.Add(1)
				c.SendGet("/app")
			case n < 60:
				published.Add(1)
				if _, err := s.TryPublish(fmt.Sprintf("room:%d", room), "x"); err != nil {
					return err
				}
				continue
			case n < 90:
				polls.Add(1)
				c.SendGet(fmt.Sprintf("/events/%d?wait=0.01", room))
			default:
				left.Add(1)
				c.SendGet(fmt.Sprintf("/events/%d?wait=30", room))
				c.Close()
				if c, err = harness.NewClient(s.Public[0]); err != nil {
					return err
				}
				continue
			}
			if _, err := c.Read(); err != nil {
				return err
			}
		}
		return nil
	})
	close(stop)
	<-scraped
	s.AwaitParked(0, harness.Patience)
	m := scrape(t, s)
	reconciles(t, m)
	for _, why := range endReasons() {
		ended, observed := m[fmt.Sprintf("cometproxy_holds_ended_total{reason=%q}", why)], m[fmt.Sprintf("cometproxy_hold_duration_seconds_count{reason=%q}", why)]
		if ended != observed {
			t.Errorf("%v holds ended by %s, and %v have a duration", ended, why, observed)
		}
	}
	for name, want := range map[string]int64{
		`cometproxy_backend_requests_total{backend="app",code="200"}`:      asked.Load(),
		`cometproxy_backend_request_duration_seconds_count{backend="app"}`: asked.Load(),
		`cometproxy_messages_published_total`:                              published.Load(),
		`cometproxy_publish_requests_total{code="200"}`:                    published.Load(),
		`cometproxy_holds_parked`:                                          0,
		`cometproxy_connections{state="parked"}`:                           0,
	} {
		if got := m[name]; got != float64(want) {
			t.Errorf("%s is %v, want %d", name, got, want)
		}
	}
	t.Logf("%d requests to the app, %d polls, %d publishes, %d hung up", asked.Load(), polls.Load(), published.Load(), left.Load())
}
