package park

import "time"

const (
	defaultIdleTimeout   = 75 * time.Second
	defaultEvictAfter    = time.Second
	defaultFinishTimeout = 30 * time.Second
	defaultMaxFinishers  = 1024
)

// withDefaults is a copy of o in which only IdleTimeout, for never, and EvictAfter,
// for at once, can be negative.
func (o Options) withDefaults() Options {
	if o.Event == nil {
		panic("park: Options.Event is required")
	}
	if o.IdleTimeout == 0 {
		o.IdleTimeout = defaultIdleTimeout
	}
	if o.EvictAfter == 0 {
		o.EvictAfter = defaultEvictAfter
	}
	if o.FinishTimeout <= 0 {
		o.FinishTimeout = defaultFinishTimeout
	}
	if o.MaxFinishers <= 0 {
		o.MaxFinishers = defaultMaxFinishers
	}
	return o
}
