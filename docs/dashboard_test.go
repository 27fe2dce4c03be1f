package docs

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// TestDashboard: what the Grafana dashboard asks for is what docs/metrics.md has,
// which TestMetrics compares with a scrape.
func TestDashboard(t *testing.T) {
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "deploy/grafana/cometproxy.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	page := read(t, "docs/metrics.md")
	queries := 0
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			queries++
			for _, name := range regexp.MustCompile(`cometproxy_\w+`).FindAllString(target.Expr, -1) {
				if name = strings.TrimSuffix(name, "_bucket"); !strings.Contains(page, "`"+name+"`") {
					t.Errorf("%s: there is no metric %s", p.Title, name)
				}
			}
			if strings.Count(target.Expr, "(") != strings.Count(target.Expr, ")") {
				t.Errorf("%s: %s", p.Title, target.Expr)
			}
		}
	}
	if queries < 12 {
		t.Errorf("%d queries", queries)
	}
}
