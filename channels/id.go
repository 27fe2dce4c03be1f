package channels

// PublishNew publishes, unless a message with the same ID was published to the
// same channel by PublishNew before and is still remembered: then it does
// nothing, whatever the message is, and returns that one's result. Of several at
// one time with one id, one publishes and the others wait for it. A message
// without an ID is always new.
func (h *Hub) PublishNew(it Item) (r Result, repeated bool) {
	if it.ID == "" {
		return h.Publish(it), false
	}
	rec, mine := h.ids.take(keyName{it.Channel, it.ID}, struct{}{}, h.clock())
	if mine {
		return rec.publish(h, it), false
	}
	h.stats.repeated.Add(1)
	return rec.wait(), true
}

// PositionOf is the number of the newest message kept of a channel that has this
// id; not ok if none has, as none has "". It goes through what is kept from the
// newest on, and makes no entry.
//
// A look From the number that does not tell of a gap has all that was published
// after that message.
func (h *Hub) PositionOf(channel, id string) (number uint64, ok bool) {
	s, _ := h.shardOf(channel)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[channel]
	if e == nil || id == "" {
		return 0, false
	}
	h.expireLocked(s, e, h.clock())
	defer s.settle(e)
	for i := e.window.count - 1; i >= 0; i-- {
		if m := e.window.at(i); m.ID == id {
			return m.Number, true
		}
	}
	return 0, false
}
