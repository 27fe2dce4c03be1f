// Package channelstest is the conformance suite of the channels package: what
// the memory hub, and every engine that is to stand in its place, must do.
//
//	func TestHub(t *testing.T) {
//		channelstest.Run(t, func(o channels.Options) channelstest.Engine { return channels.New(o) })
//	}
package channelstest

import "cometproxy/channels"

// Engine is what is tested; see channels.Hub for what each method promises.
type Engine interface {
	Look(*channels.Query) channels.Ending
	Prepare(w *channels.Waiter, q *channels.Query, after uint64) (gen uint32)
	Park(w *channels.Waiter, names []string) bool
	End(w *channels.Waiter, gen uint32, why channels.Reason) bool
	Free(*channels.Waiter)
	Publish(channels.Item) channels.Result
	PublishOnce(it channels.Item, key string, digest [32]byte) (r channels.Result, repeated bool, err error)
	PublishNew(channels.Item) (r channels.Result, repeated bool)
	Delete(name string) channels.Result
	Drain()
	Sweep()
	Cursor(number uint64) channels.Cursor
	Number(channels.Cursor) (number uint64, ok bool)
	Position() uint64
	PositionOf(channel, id string) (number uint64, ok bool)
	Info(name string) (channels.Info, bool)
	List(prefix, after string, limit int) ([]channels.Info, bool)
	Stats() channels.Stats
	Check() error
}

// New makes the engine under test.
type New func(channels.Options) Engine

var _ Engine = (*channels.Hub)(nil)
