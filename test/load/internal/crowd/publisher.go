package crowd

import (
	"errors"
	"net/netip"

	"cometproxy/test/load/internal/raw"
)

// A publisher is a connection that publishes one message after the other.
type publisher struct {
	fd      int
	busy    bool
	channel int32
	partial []byte
}

// Publish publishes the next message of a channel, as soon as a publisher is
// free. Before another one is published the first must have come to somebody, or
// its publish be over (Current): on two connections they could change places.
func (c *Crowd) Publish(channel int) {
	c.channels[channel].pending++
	c.wanted.push(int32(channel))
}

// PublishSettled publishes the next message of a client's channel, as soon as
// its poll is sure to be parked.
func (c *Crowd) PublishSettled(i int) {
	one := &c.clients[i]
	if c.settle == 0 || one.polling && !one.refused && c.now()-one.polled >= c.settle {
		c.Publish(int(one.channel))
		return
	}
	c.after(c.settle, func() { c.PublishSettled(i) })
}

// Publishing tells whether a publish is under way or wanted.
func (c *Crowd) Publishing() bool {
	return c.wanted.head < len(c.wanted.list) || len(c.free) < len(c.publishers)
}

// publishWanted lets free publishers publish what is wanted.
func (c *Crowd) publishWanted() error {
	for len(c.free) > 0 {
		ch, ok := c.wanted.pop()
		if !ok {
			return nil
		}
		i := c.free[len(c.free)-1]
		c.free = c.free[:len(c.free)-1]
		c.channels[ch].seq++
		if err := c.send(int(i), ch); err != nil {
			return err
		}
	}
	return nil
}

// send writes the newest message of a channel, on a new connection if the server
// has closed the old one.
func (c *Crowd) send(i int, ch int32) (err error) {
	p := &c.publishers[i]
	p.busy, p.channel = true, ch
	c.out = c.post.append(c.out[:0], int(ch), c.channels[ch].seq, nil)
	c.channels[ch].sent = c.now()
	for range 2 {
		if err = c.connectPublisher(i); err != nil {
			return err
		}
		if err = raw.Write(p.fd, c.out); err == nil {
			return nil
		}
		c.hangUpPublisher(p)
	}
	return err
}

func (c *Crowd) connectPublisher(i int) (err error) {
	p := &c.publishers[i]
	if p.fd >= 0 {
		return nil
	}
	if p.fd, err = raw.Dial(c.publishAt, netip.Addr{}); err != nil {
		p.fd = -1
		return err
	}
	return c.urgent.Add(p.fd, publisherToken(i))
}

func (c *Crowd) hangUpPublisher(p *publisher) {
	raw.Close(p.fd)
	p.fd, p.partial = -1, p.partial[:0]
}

func (c *Crowd) readPublisher(i int) error {
	p := &c.publishers[i]
	if p.fd < 0 {
		return nil
	}
	text, err := c.read(p.fd, p.partial)
	switch {
	case errors.Is(err, raw.ErrAgain):
		return nil
	case err != nil:
		c.hangUpPublisher(p)
		if p.busy {
			c.refused(i, 0, []byte(err.Error()))
		}
		return nil
	}
	var a answer
	if err := parseAnswer(text, nil, &a); err != nil {
		return err
	}
	if a.size == 0 {
		p.partial = append(p.partial[:0], text...)
		return nil
	}
	p.partial = p.partial[:0]
	if a.close {
		c.hangUpPublisher(p)
	}
	if a.status >= 300 {
		c.refused(i, a.status, a.body)
		return nil
	}
	c.Tally.Published++
	c.done(i)
	return nil
}

func (c *Crowd) done(i int) {
	c.channels[c.publishers[i].channel].pending--
	c.publishers[i].busy = false
	c.free = append(c.free, int32(i))
}

// refused tries a publish again, with the same number.
func (c *Crowd) refused(i, status int, body []byte) {
	c.Tally.refuse(status, body)
	ch := c.publishers[i].channel
	c.after(retryAfter, func() {
		if err := c.send(i, ch); err != nil {
			c.Tally.fault("publishing again: %v", err)
			c.done(i)
		}
	})
}
