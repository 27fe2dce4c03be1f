// Package test has the tests of the built binary, over real sockets.
package test

import (
	"os"
	"testing"

	"cometproxy/test/internal/harness"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(helperRole); role != "" {
		os.Exit(helper(role))
	}
	harness.Main(m)
}
