package harness

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// A Poller polls one target again and again over one connection, with the
// cursor of the answer before.
type Poller struct {
	Address string
	Target  string // path
	Wait    int    // seconds
	Cursor  string
	Gaps    int // answers that told of a gap

	c *Client
}

// Poll does one poll, and connects first if need be.
func (p *Poller) Poll() ([]Message, error) {
	if err := p.Ask(); err != nil {
		return nil, err
	}
	return p.Take()
}

// Ask sends a poll.
func (p *Poller) Ask() (err error) {
	if p.c == nil {
		if p.c, err = NewClient(p.Address); err != nil {
			return err
		}
	}
	return p.c.Send(fmt.Sprintf("GET %s?wait=%d&cursor=%s HTTP/1.1\r\nHost: localhost\r\n\r\n", p.Target, p.Wait, p.Cursor))
}

// Take reads the answer.
func (p *Poller) Take() ([]Message, error) {
	a, err := p.c.ReadTo("GET", time.Duration(p.Wait)*time.Second+Patience)
	if err != nil {
		return nil, err
	}
	n, err := a.News()
	if err != nil {
		return nil, err
	}
	p.Cursor = n.Cursor
	if n.Gap {
		p.Gaps++
	}
	if a.Header.Get("Connection") == "close" {
		p.Close()
	}
	return n.Messages, nil
}

// Drop gives up the poll that was asked: the client goes away, by a reset or in
// order, and has its old cursor.
func (p *Poller) Drop(reset bool) {
	if reset {
		p.c.Reset()
	}
	p.Close()
}

// Close closes the connection.
func (p *Poller) Close() {
	if p.c != nil {
		p.c.Close()
		p.c = nil
	}
}

// TimedOut reports that err is a deadline's.
func TimedOut(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}
