package park_test

import (
	"testing"

	"cometproxy/park"
	"cometproxy/park/parktest"
)

func TestGoroutine(t *testing.T) { parktest.Run(t, park.NewGoroutine) }

func TestEpoll(t *testing.T) { parktest.Run(t, park.NewEpoll) }
