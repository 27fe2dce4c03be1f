package channels_test

import (
	"os"
	"strconv"
	"testing"
	"time"

	"cometproxy/channels"
	"cometproxy/channels/channelstest"
)

// TestModel runs 1,000,000 random operations (MODEL_OPS says otherwise), split
// over hubs that are short of different things.
func TestModel(t *testing.T) {
	ops := 1_000_000
	if s := os.Getenv("MODEL_OPS"); s != "" {
		ops, _ = strconv.Atoi(s)
	} else if testing.Short() {
		ops = 50_000
	}
	models := []channelstest.Model{
		{Name: "roomy", Channels: 12, Clients: 12},
		{Name: "few channels, one lock", Channels: 3, Clients: 8, Options: channels.Options{Shards: 1}},
		{Name: "short windows", Channels: 8, Clients: 16, Options: channels.Options{Messages: 3, Shards: 4}},
		{Name: "no history", Channels: 8, Clients: 16, Options: channels.Options{Messages: -1}},
		{Name: "few bytes", Channels: 12, Clients: 12, Options: channels.Options{Bytes: 1000, Total: 16 << 10, Shards: 4}},
		{Name: "short memory", Channels: 16, Clients: 12, Options: channels.Options{Age: 300 * time.Microsecond, Messages: 10}},
		{Name: "few tombstones", Channels: 200, Clients: 12, LooseGaps: true,
			Options: channels.Options{Age: 100 * time.Microsecond, Tombstones: 8, Shards: 2}},
	}
	for _, m := range models {
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			m.Ops = ops/len(models) + 1
			m.Run(t, func(o channels.Options, jitter func()) channelstest.Engine {
				h := channels.New(o)
				h.OnLink(jitter)
				return h
			})
		})
	}
}
