package proxy

import (
	"strings"
	"testing"
)

// TestProfiles: the index is where its links work, and nothing else is an index.
func TestProfiles(t *testing.T) {
	virtual(t, Options{Internal: InternalOptions{Debug: true}}, func(t *testing.T, s *site) {
		if r := s.request("GET", "/debug/pprof/", ""); r.status != 200 || !strings.Contains(r.body, "heap?debug=1") {
			t.Error(r.raw)
		}
		if r := s.request("GET", "/debug/pprof", ""); r.status != 302 || !strings.HasSuffix(r.field("Location"), "/debug/pprof/") {
			t.Error(r.raw)
		}
		if r := s.request("GET", "/debug/pprof/goroutine?debug=1", ""); r.status != 200 || !strings.Contains(r.body, "goroutine profile") {
			t.Error(r.raw)
		}
		for _, path := range []string{"/debug/", "/debug/x", "/debug/pprof/x", "/debug/pprof/heap/"} {
			if r := s.request("GET", path, ""); r.status != 404 || !strings.Contains(r.body, "/debug/pprof/") {
				t.Error(r.raw)
			}
		}
	})
}
