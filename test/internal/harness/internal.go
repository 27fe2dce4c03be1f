package harness

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// Stats are the figures of GET /debug/stats that tests look at.
type Stats struct {
	Channels struct {
		Channels, Messages, Tombstones int
		Waiting                        int64
		Gaps                           uint64
	}
	Connections struct {
		Idle, Active, Parked, Finishing       int64
		Accepted, Refused, Evicted, Unwritten uint64
	}
	Backends map[string]struct{ Active, Idle, Waiting, Tunnels int }
	GRIP     map[string]uint64
	Spool    struct {
		Pipes int
		Bytes int64
	}
	Active int
}

// Stats asks for the figures.
func (s *Server) Stats() (st Stats) {
	s.t.Helper()
	status, body, err := s.call("GET", "/debug/stats", nil, "")
	if err == nil && status == 200 {
		err = json.Unmarshal(body, &st)
	}
	if err != nil || status != 200 {
		s.t.Errorf("GET /debug/stats: %d %.200s %v", status, body, err)
	}
	return st
}

// AwaitParked waits until exactly n polls are held, in connections and in the
// hub alike, and returns how long that took.
func (s *Server) AwaitParked(n int, within time.Duration) time.Duration {
	s.t.Helper()
	begin := time.Now()
	for {
		st := s.Stats()
		if st.Connections.Parked == int64(n) && st.Channels.Waiting == int64(n) {
			return time.Since(begin)
		}
		if time.Since(begin) > within || s.t.Failed() {
			s.t.Errorf("%d connections parked and %d polls waiting after %s; want %d", st.Connections.Parked, st.Channels.Waiting, within, n)
			return time.Since(begin)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Free makes the process give memory back and returns the MiB it still has;
// 0 where the system does not tell.
func (s *Server) Free() float64 {
	s.t.Helper()
	if status, body, err := s.call("POST", "/debug/free", nil, ""); err != nil || status != 200 {
		s.t.Errorf("POST /debug/free: %d %s %v", status, body, err)
	}
	return s.memory("VmRSS:")
}

// Peak is the most MiB that the process has had so far; 0 where the system does
// not tell.
func (s *Server) Peak() float64 { return s.memory("VmHWM:") }

func (s *Server) memory(name string) float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.PID()))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), name)
	kb, _ := strconv.Atoi(strings.Fields(rest)[0])
	return float64(kb) / 1024
}

// Published is the answer to a publish.
type Published struct {
	Channel  string `json:"channel"`
	ID       string `json:"id"`
	Released int    `json:"released"`
}

// TryPublish publishes a text message.
func (s *Server) TryPublish(channel, text string) (p Published, err error) {
	status, body, err := s.call("POST", "/channels/"+url.PathEscape(channel), nil, text)
	if err == nil && status != 200 {
		err = fmt.Errorf("publishing on %s: %d %s", channel, status, body)
	}
	if err == nil {
		err = json.Unmarshal(body, &p)
	}
	return p, err
}

// Publish is TryPublish that must succeed.
func (s *Server) Publish(channel, text string) Published {
	s.t.Helper()
	p, err := s.TryPublish(channel, text)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// Item of a batch: a text, or formats of GRIP's.
type Item struct {
	Channel string         `json:"channel"`
	ID      string         `json:"id,omitempty"`
	Text    string         `json:"text,omitempty"`
	Formats map[string]any `json:"formats,omitempty"`
}

// GRIPItem is a message for holds that the app asked for.
func GRIPItem(channel, id, body string) Item {
	return Item{Channel: channel, ID: id, Formats: map[string]any{"http-response": map[string]string{"body": body}}}
}

// TryPublishAll publishes a batch.
func (s *Server) TryPublishAll(items []Item) ([]Published, error) {
	b, err := json.Marshal(map[string]any{"items": items})
	if err != nil {
		return nil, err
	}
	status, body, err := s.call("POST", "/publish/", map[string]string{"Prefer": "return=representation"}, string(b))
	if err == nil && status != 200 {
		err = fmt.Errorf("publishing a batch: %d %s", status, body)
	}
	var answer struct{ Items []Published }
	if err == nil {
		err = json.Unmarshal(body, &answer)
	}
	return answer.Items, err
}

// Delete deletes a channel and returns how many holds that ended.
func (s *Server) Delete(channel string) int {
	s.t.Helper()
	var p Published
	status, body, err := s.call("DELETE", "/channels/"+url.PathEscape(channel), nil, "")
	if err == nil {
		err = json.Unmarshal(body, &p)
	}
	if err != nil || status != 200 {
		s.t.Fatalf("DELETE: %d %s %v", status, body, err)
	}
	return p.Released
}
