package park

import "time"

const (
	defaultIdleTimeout   = 75 * time.Second
	defaultFinishTimeout = 30 * time.Second
	defaultMaxFinishers  = 1024
)

// withDefaults is a copy of o in which only IdleTimeout can be negative, for
// never.
func (o Options) withDefaults() Options {
	if o.Event == nil {
		panic("park: Options.Event is required")
	}
	if o.IdleTimeout == 0 {
		o.IdleTimeout = defaultIdleTimeout
	}
	if o.FinishTimeout <= 0 {
		o.FinishTimeout = defaultFinishTimeout
	}
	if o.MaxFinishers <= 0 {
		o.MaxFinishers = defaultMaxFinishers
	}
	return o
}
