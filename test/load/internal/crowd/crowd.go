package crowd

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"time"

	"cometproxy/test/load/internal/raw"
)

// Options of a Crowd.
type Options struct {
	Clients    int
	Urgent     int // the last so many clients are served first, with the publishers
	Channels   int // clients spread over them
	Place      func(client int) (channel int)
	Publishers int // connections that publish, each one message at a time

	// Pause is between two reads. A client that reads eagerly makes each write of the
	// server wake it up, and the server pays. 0: eager.
	Pause time.Duration
	Batch int // answers read before the urgent ones are looked at again; 0: as many as there are

	// Patience is after how long a message that has not come is lost. 0: 10 s.
	Patience time.Duration

	// Received is called when a client has the newest message of its channel, after
	// which it does not poll by itself.
	Received func(client int, published, now time.Duration)
}

// A Crowd is clients and publishers. All its methods are for one goroutine.
type Crowd struct {
	Tally Tally

	o          Options
	address    netip.AddrPort
	keep       []Keep
	poll       request
	post       request
	settle     time.Duration
	clients    []client
	channels   []channel
	publishers []publisher
	free       []int32 // publishers without a request
	wanted     queue[int32]
	later      []later
	bulk       *raw.Poller
	urgent     *raw.Poller // of urgent clients and publishers
	publishAt  netip.AddrPort
	out        []byte // a request being made
	in         []byte // an answer being read
	begin      time.Time
}

// A channel is what was published to it last.
type channel struct {
	seq     uint32
	pending int32         // publishes that are wanted or under way
	sent    time.Duration // when its publish was written
}

// A later is something to do at a time.
type later struct {
	at time.Duration
	do func()
}

// Tokens of the pollers: clients by their index, publishers below zero.
func publisherToken(i int) int32 { return int32(-1 - i) }

// New makes a crowd; nothing is connected yet.
func New(t *Target, o Options) (*Crowd, error) {
	if err := raw.Supported(); err != nil {
		return nil, err
	}
	if len(t.Keep) > maxKept {
		return nil, fmt.Errorf("a target keeps %d headers at most", maxKept)
	}
	c := &Crowd{o: o, keep: t.Keep, poll: t.pollRequest(), post: t.publishRequest(), settle: t.Settle,
		clients: make([]client, o.Clients), channels: make([]channel, o.Channels), publishers: make([]publisher, o.Publishers),
		in: make([]byte, 1<<18), begin: time.Now()}
	if c.o.Patience == 0 {
		c.o.Patience = 10 * time.Second
	}
	var err error
	if c.address, err = resolve(t.Address); err != nil {
		return nil, err
	}
	if c.publishAt, err = resolve(t.publishAddress()); err != nil {
		return nil, err
	}
	for i := range c.clients {
		place := i % o.Channels
		if o.Place != nil {
			place = o.Place(i)
		}
		c.clients[i] = client{fd: -1, channel: int32(place)}
		for k := range t.Keep {
			c.clients[i].kept[k] = []byte(t.Keep[k].Start)
		}
	}
	for i := range c.publishers {
		c.publishers[i].fd = -1
		c.free = append(c.free, int32(i))
	}
	if c.bulk, err = raw.NewPoller(); err != nil {
		return nil, err
	}
	c.urgent, err = raw.NewPoller()
	return c, err
}

// Leave closes the clients' connections, as browsers do that are closed.
func (c *Crowd) Leave() {
	for i := range c.clients {
		c.hangUp(&c.clients[i])
	}
}

// Close closes all connections.
func (c *Crowd) Close() {
	c.Leave()
	for i := range c.publishers {
		if p := &c.publishers[i]; p.fd >= 0 {
			raw.Close(p.fd)
			p.fd = -1
		}
	}
	c.bulk.Close()
	c.urgent.Close()
}

func (c *Crowd) now() time.Duration { return time.Since(c.begin) }

// ErrLate is what Run returns when its time is up.
var ErrLate = errors.New("the time is up")

// Run reads and writes until done says so. Done is called after each batch.
func (c *Crowd) Run(limit time.Duration, done func() bool) error {
	runtime.LockOSThread() // waking another thread for each event would cost more than the event
	defer runtime.UnlockOSThread()
	end := c.now() + limit
	for !done() {
		if c.now() > end {
			return ErrLate
		}
		c.doLater()
		if err := c.publishWanted(); err != nil {
			return err
		}
		if err := c.step(); err != nil {
			return err
		}
	}
	return nil
}

// step serves the sockets that are ready.
func (c *Crowd) step() error {
	var wait time.Duration
	eager := c.o.Pause == 0 && c.o.Urgent == len(c.clients)
	if eager {
		wait = time.Millisecond
	}
	first, err := c.urgent.Wait(raw.MaxEvents, wait)
	if err != nil {
		return err
	}
	for _, token := range first {
		if err := c.serve(token); err != nil {
			return err
		}
	}
	if eager {
		return nil
	}
	batch := raw.MaxEvents
	if c.o.Batch > 0 {
		batch = c.o.Batch
	}
	rest, err := c.bulk.Wait(batch, 0)
	if err != nil {
		return err
	}
	for _, token := range rest {
		if err := c.serve(token); err != nil {
			return err
		}
	}
	if len(rest) < batch {
		raw.Sleep(c.o.Pause)
	}
	return nil
}

func (c *Crowd) serve(token int32) error {
	if token < 0 {
		return c.readPublisher(int(-1 - token))
	}
	return c.readClient(int(token))
}

// after does something some time later, which is rare: refusals and the like.
func (c *Crowd) after(d time.Duration, do func()) {
	c.later = append(c.later, later{c.now() + d, do})
}

func (c *Crowd) doLater() {
	if len(c.later) == 0 {
		return
	}
	now, due := c.now(), c.later
	c.later = nil
	for _, l := range due {
		if l.at > now {
			c.later = append(c.later, l)
		} else {
			l.do()
		}
	}
}

// read reads from a socket behind what is there of an answer, and returns the
// whole, which is valid until the next read.
func (c *Crowd) read(fd int, partial []byte) ([]byte, error) {
	copy(c.in, partial)
	if len(partial) == len(c.in) {
		return nil, fmt.Errorf("an answer is longer than %d bytes", len(c.in))
	}
	n, err := raw.Read(fd, c.in[len(partial):])
	if err != nil {
		return nil, err
	}
	return c.in[:len(partial)+n], nil
}

// A queue is first in, first out.
type queue[T any] struct {
	list []T
	head int
}

func (q *queue[T]) push(v T) { q.list = append(q.list, v) }

func (q *queue[T]) pop() (v T, ok bool) {
	if q.head == len(q.list) {
		return v, false
	}
	v = q.list[q.head]
	if q.head++; q.head == len(q.list) || q.head > 1<<16 {
		q.list = q.list[:copy(q.list, q.list[q.head:])]
		q.head = 0
	}
	return v, true
}

// Retrying tells whether something that a server refused is still to be asked
// for again.
func (c *Crowd) Retrying() bool { return len(c.later) > 0 }

// Now is the time of a Crowd, which Received is given.
func (c *Crowd) Now() time.Duration { return c.now() }
