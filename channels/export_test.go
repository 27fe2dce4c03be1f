package channels

// OnLink makes the hub call f after each link that Park makes.
func (h *Hub) OnLink(f func()) { h.afterLink = func(*Waiter, int) { f() } }
