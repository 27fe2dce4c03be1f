package route

import (
	"testing"
)

// hotCases are the paths every request takes, with what they may allocate.
var hotCases = []struct {
	name, host, target string
	allocs             float64
}{
	{"NativeOneParam", "app.example.com:8000", "/events/42?cursor=abc&wait=25", 2}, // the slice and the name
	{"NativeTwoNames", "app.example.com", "/rooms/42", 2},                          // "everyone" is the route's own
	{"NativeEscaped", "app.example.com", "/events/caf%C3%A9", 2},
	{"NativeFixed", "app.example.com", "/all", 0},
	{"Backend", "app.example.com:8000", "/app/users/42/edit?x=y", 0},
	{"BackendEscaped", "app.example.com", "/app/%20/../%zz//x", 0},
	{"BackendWildcardHost", "x.y.example.com", "/index.html", 0},
	{"NotFound", "other.test", "/nothing", 0},
	{"Absolute", "", "http://app.example.com/app", 0},
}

func hotTable(tb testing.TB) *Table {
	return mustTable(tb, []Route{
		{Path: "/events/{room}", Channels: []string{"room:{room}"}},
		{Path: "/rooms/{room}", Channels: []string{"room:{room}", "everyone"}},
		{Path: "/all", Channels: []string{"everyone", "news"}},
		{Path: "/app", Backend: "app"},
		{Host: "admin.example.com", Path: "/", Backend: "admin"},
		{Host: "*.y.example.com", Path: "/", Backend: "y"},
	})
}

func TestAllocs(t *testing.T) {
	table := hotTable(t)
	for _, c := range hotCases {
		host, target := []byte(c.host), []byte(c.target)
		got := testing.AllocsPerRun(100, func() { table.Match(host, target) })
		if got > c.allocs {
			t.Errorf("%s: %v allocations; want at most %v", c.name, got, c.allocs)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	table := hotTable(b)
	for _, c := range hotCases {
		b.Run(c.name, func(b *testing.B) {
			host, target := []byte(c.host), []byte(c.target)
			b.ReportAllocs()
			for b.Loop() {
				table.Match(host, target)
			}
		})
	}
}

// TestSlashesAreCheap: a target of many segments costs time in proportion to its
// length, and no stack.
func TestSlashesAreCheap(t *testing.T) {
	table := hotTable(t)
	target := []byte("/events")
	for range 100_000 {
		target = append(target, "/a/%2e%2e"...)
	}
	target = append(target, "/42"...)
	if _, err := table.Match(nil, target); show(Match{}, err) != "BadPath" {
		t.Errorf("got %v; want BadPath", err)
	}
}
