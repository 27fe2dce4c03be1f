package proxy

import (
	"sync"
	"time"

	"go.uber.org/zap"
)

// A notice is a warning about something that comes in floods: it is logged when
// it begins, and then once a minute with the count while it lasts.
type notice struct {
	log  *zap.Logger // static
	text string      // static

	mu     sync.Mutex
	since  uint64    // guarded by mu: times since it was last logged
	logged time.Time // guarded by mu
	last   time.Time // guarded by mu
	total  uint64    // guarded by mu
}

// count is how often it has happened.
func (n *notice) count() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.total
}

func (n *notice) init(log *zap.Logger, text string) { n.log, n.text = log, text }

func (n *notice) note(fields ...zap.Field) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.since++
	n.total++
	n.last = time.Now()
	if n.last.Sub(n.logged) < time.Minute {
		return
	}
	n.log.Warn(n.text, append(fields, zap.Uint64("times", n.since))...)
	n.logged, n.since = n.last, 0
}

// recent reports that it happened within the last d.
func (n *notice) recent(d time.Duration) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.last.IsZero() && time.Since(n.last) < d
}
