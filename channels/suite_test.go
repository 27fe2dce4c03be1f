package channels_test

import (
	"testing"

	"cometproxy/channels"
	"cometproxy/channels/channelstest"
)

func TestHub(t *testing.T) {
	channelstest.Run(t, func(o channels.Options) channelstest.Engine { return channels.New(o) })
}
