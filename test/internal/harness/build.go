// Package harness builds the cometproxy binary, runs it as its users do, and
// speaks to it over real sockets.
package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var built struct {
	once sync.Once
	dir  string
	path string
	err  error
}

// Binary builds cometproxy once and returns its path.
func Binary(t testing.TB) string {
	t.Helper()
	built.once.Do(build)
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

func build() {
	if built.dir, built.err = os.MkdirTemp("", "cometproxy-test-"); built.err != nil {
		return
	}
	built.path = filepath.Join(built.dir, "cometproxy")
	args := []string{"build", "-o", built.path}
	if Race {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "cometproxy/cmd/cometproxy")...).CombinedOutput()
	if err != nil {
		built.err = fmt.Errorf("building cometproxy: %w\n%s", err, out)
	}
}

// Main runs the package's tests and removes what Binary built.
func Main(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// Scale is how large a test may be: full, or small with -short and under the
// race detector.
func Scale(full, small int) int {
	if testing.Short() || Race {
		return small
	}
	return full
}
