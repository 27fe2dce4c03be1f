package crowd

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"syscall"
	"time"

	"cometproxy/test/load/internal/raw"
)

// A client is one browser's poll.
type client struct {
	fd      int
	channel int32
	seq     uint32 // newest message it has
	polling bool
	refused bool // and asks again after a while
	polled  time.Duration
	kept    [maxKept][]byte // for the next poll
	partial []byte          // of an answer
}

// What a server refuses is asked for again after so long.
const retryAfter = 200 * time.Millisecond

// Connect connects a range of clients. Source addresses are spread over the
// loopback network, so that none runs out of ports.
func (c *Crowd) Connect(from, to int) error {
	for i := from; i < to; i++ {
		if err := c.connect(i); err != nil {
			return fmt.Errorf("client %d: %w", i+1, err)
		}
	}
	return nil
}

func (c *Crowd) connect(i int) (err error) {
	const perSource = 5000
	source := netip.Addr{}
	if c.address.Addr().Is4() && c.address.Addr().IsLoopback() {
		source = netip.AddrFrom4([4]byte{127, 0, 1, byte(1 + i/perSource)})
	}
	one := &c.clients[i]
	if one.fd, err = raw.Dial(c.address, source); err != nil {
		one.fd = -1
		return err
	}
	poller := c.bulk
	if i >= len(c.clients)-c.o.Urgent {
		poller = c.urgent
	}
	return poller.Add(one.fd, int32(i))
}

func (c *Crowd) hangUp(one *client) {
	if one.fd >= 0 {
		raw.Close(one.fd)
	}
	one.fd, one.partial = -1, one.partial[:0]
}

// Poll lets a client poll from where it is, on a new connection if the old one
// is closed.
func (c *Crowd) Poll(i int) {
	one := &c.clients[i]
	one.polling, one.refused, one.polled = true, false, c.now()
	if one.fd < 0 {
		if err := c.connect(i); err != nil {
			c.Tally.fault("connecting again: %v", err)
			c.pollLater(i)
			return
		}
		c.Tally.Reconnected++
	}
	c.out = c.poll.append(c.out[:0], int(one.channel), 0, one.kept[:])
	if err := raw.Write(one.fd, c.out); err != nil {
		c.closed(i, err)
	}
}

// pollLater lets a client poll again that was refused.
func (c *Crowd) pollLater(i int) {
	c.clients[i].refused = true
	c.after(retryAfter, func() { c.Poll(i) })
}

// closed notes that the server closed a connection. Between polls it may.
func (c *Crowd) closed(i int, err error) {
	one := &c.clients[i]
	c.hangUp(one)
	if one.polling {
		if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
			c.Tally.fault("%v", err)
		}
		c.Tally.Closed++
		c.pollLater(i)
	}
}

func (c *Crowd) readClient(i int) error {
	one := &c.clients[i]
	if one.fd < 0 {
		return nil // closed since the poller told of it
	}
	text, err := c.read(one.fd, one.partial)
	switch {
	case errors.Is(err, raw.ErrAgain):
		return nil
	case err != nil:
		c.closed(i, err)
		return nil
	}
	var a answer
	if err := parseAnswer(text, c.keep, &a); err != nil {
		return err
	}
	if a.size == 0 {
		one.partial = append(one.partial[:0], text...)
		return nil
	}
	one.partial = one.partial[:0]
	if a.size < len(text) || !one.polling {
		c.Tally.fault("client %d got %d bytes that it has not asked for", i, len(text)-a.size)
	}
	for k, value := range a.kept {
		if value != nil {
			one.kept[k] = append(one.kept[k][:0], value...)
		}
	}
	if a.close {
		c.hangUp(one)
	}
	c.take(i, one, &a)
	return nil
}

// take looks at what an answer says.
func (c *Crowd) take(i int, one *client, a *answer) {
	switch a.status {
	case 200:
	case 204, 304, 408: // its time was up
		c.Tally.Empty++
		c.Poll(i)
		return
	default:
		c.Tally.refuse(a.status, a.body)
		c.pollLater(i)
		return
	}
	if !c.verify(one, a.body) {
		c.Tally.Empty++
		c.after(10*time.Millisecond, func() { c.Poll(i) })
		return
	}
	at := &c.channels[one.channel]
	if one.seq != at.seq {
		c.Poll(i) // there is more to come
		return
	}
	one.polling = false
	if c.o.Received != nil {
		c.o.Received(i, at.sent, c.now())
	}
}

// verify compares the messages of a body with what was published, and tells
// whether there was news.
func (c *Crowd) verify(one *client, body []byte) (news bool) {
	for rest := body; ; {
		channel, seq, after, found, ok := nextMessage(rest)
		if !found {
			return news
		}
		newest := c.channels[one.channel].seq
		switch {
		case !ok, channel != int(one.channel), seq > newest:
			c.Tally.Wrong++
			c.Tally.fault("client of channel %d got %.200q", one.channel, body)
			return news
		case seq <= one.seq:
			c.Tally.Doubled++
		default:
			c.Tally.Received++
			c.Tally.Lost += int(seq - one.seq - 1)
			one.seq, news = seq, true
		}
		rest = after
	}
}

// Behind counts the clients that lack the newest message of their channel.
func (c *Crowd) Behind() (n int) {
	for i := range c.clients {
		if one := &c.clients[i]; one.seq != c.channels[one.channel].seq {
			n++
		}
	}
	return n
}

// Polls tells whether a client has a poll under way.
func (c *Crowd) Polls(i int) bool { return c.clients[i].polling }

// Current tells whether a client has all there is, polls for more, and nothing is
// on its way.
func (c *Crowd) Current(i int) bool {
	one := &c.clients[i]
	at := &c.channels[one.channel]
	return one.polling && one.seq == at.seq && at.pending == 0
}

// GiveUp declares lost what clients wait for longer than patience, and returns
// these clients. They go on waiting for the next message.
func (c *Crowd) GiveUp() (late []int) {
	for i := range c.clients {
		one := &c.clients[i]
		at := &c.channels[one.channel]
		if one.seq == at.seq || c.now()-at.sent < c.o.Patience {
			continue
		}
		c.Tally.Lost += int(at.seq - one.seq)
		one.seq = at.seq
		late = append(late, i)
	}
	return late
}
