package presence

import "time"

// A deadline is when a channel has left unless somebody comes.
type deadline struct {
	at      time.Time
	channel string
}

// deadlines are a heap (container/heap), the soonest first.
type deadlines []deadline

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, k int) bool { return d[i].at.Before(d[k].at) }
func (d deadlines) Swap(i, k int)      { d[i], d[k] = d[k], d[i] }

// Push implements heap.Interface.
func (d *deadlines) Push(x any) { *d = append(*d, x.(deadline)) }

// Pop implements heap.Interface.
func (d *deadlines) Pop() any {
	last := len(*d) - 1
	x := (*d)[last]
	(*d)[last] = deadline{} // or it would keep the name in memory
	*d = (*d)[:last]
	return x
}
