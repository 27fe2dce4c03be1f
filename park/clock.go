package park

import "time"

// tick is how exact time-outs are: none is early, and none is later than this.
const tick = 100 * time.Millisecond

// A clock calls turn once a tick. It sleeps while nobody waits for a time.
type clock struct {
	base    time.Time     // static: ticks count from here
	wake    chan struct{} // cap 1: somebody waits
	waiting func() bool   // static: tells whether anybody does
	turn    func()        // static
}

func newClock(base time.Time, waiting func() bool, turn func()) *clock {
	return &clock{base: base, wake: make(chan struct{}, 1), waiting: waiting, turn: turn}
}

// start is called when the first one begins to wait. It does not block.
func (c *clock) start() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run goes on until done is closed.
func (c *clock) run(done <-chan struct{}) {
	timer := time.NewTimer(tick)
	defer timer.Stop()
	for {
		if !c.waiting() {
			select {
			case <-c.wake:
			case <-done:
				return
			}
		}
		timer.Reset(tick - time.Since(c.base)%tick)
		select {
		case <-timer.C:
			c.turn()
		case <-done:
			return
		}
	}
}
