//go:build linux

package pushpin

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"cometproxy/test/internal/harness"
)

// A scenario is what an app, its clients and a publisher do. In all its texts
// {c} stands for a channel and {p} for a path that no other scenario has.
type scenario struct {
	name  string
	app   appFunc
	steps []step // none: one GET and its answer
	slow  bool   // the app answers nothing before the step decided

	// disturbs is set where others must not be played at the same time.
	disturbs bool
}

// A step is a part of a play. What it finds out becomes a record.
type step func(*play) error

// A play is a scenario at one side.
type play struct {
	at    side
	names *strings.Replacer
	part  *part

	clients  []*client
	pending  []*client // asked, without an answer yet
	asked    int
	heldAt   time.Time // of the last hold
	records  []*record
	problems []string // other than in the records
}

type client struct {
	net.Conn
	r      *bufio.Reader
	method string
	since  time.Time
	held   bool
}

// Pushpin asks the app again a second after the first hold on a channel, and
// loses what is published meanwhile. A publish must come well before.
const secondRequest = 700 * time.Millisecond

var errTooLate = fmt.Errorf("more than %s went by between a hold and the end of a publish: this machine is too busy", secondRequest)

// perform plays a scenario at a side. While Pushpin asks the app again it loses
// items, and now and then a connection ("message out of sequence, canceling" in
// its log, for one hold in some hundreds): then it gets another chance.
func perform(sc *scenario, at side, behind *apps, id int) (p *play, err error) {
	for try := range 4 {
		p, err = performOnce(sc, at, behind, fmt.Sprintf("s%d-%d", id, try))
		lost := errors.Is(err, errTooLate) || errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded)
		if !lost || !at.asksAgain() {
			break
		}
	}
	return p, err
}

func performOnce(sc *scenario, at side, behind *apps, slug string) (*play, error) {
	p := &play{at: at, names: strings.NewReplacer("{c}", "chan-"+slug, "{p}", "/"+slug)}
	app := sc.app
	if app == nil {
		app = always(answer("200 OK", ""))
	}
	p.part = behind.add("/"+slug, app, p.names)
	if !sc.slow {
		decided(p)
	}
	defer func() {
		for _, c := range p.clients {
			c.Close()
		}
	}()
	steps := sc.steps
	if steps == nil {
		steps = []step{get(), answered}
	}
	for i, s := range steps {
		if err := s(p); err != nil {
			return p, fmt.Errorf("%s, step %d: %w", at.name(), i+1, err)
		}
	}
	return p, nil
}

// get sends a GET with header lines, over a connection of its own.
func get(lines ...string) step { return ask("GET", "", lines...) }

// ask sends a request with header lines, over a connection of its own.
func ask(method, body string, lines ...string) step {
	return func(p *play) error { return p.connectAndSend(p.request(method, "{p}", body, lines)) }
}

// askRaw is ask, byte for byte.
func askRaw(raw string) step {
	return func(p *play) error { return p.connectAndSend(p.names.Replace(raw)) }
}

func (p *play) connectAndSend(raw string) error {
	conn, err := harness.Dial(p.at.publicAddress())
	if err != nil {
		return err
	}
	c := &client{Conn: conn, r: bufio.NewReader(conn)}
	p.clients = append(p.clients, c)
	return p.send(c, raw)
}

// getAgain sends a GET over the connection of the first client.
func getAgain(p *play) error { return p.send(p.clients[0], p.request("GET", "{p}", "", nil)) }

func (p *play) send(c *client, raw string) error {
	c.method, _, _ = strings.Cut(raw, " ")
	c.since = time.Now()
	p.pending = append(p.pending, c)
	p.asked++
	c.SetDeadline(time.Now().Add(harness.Patience))
	_, err := c.Write([]byte(raw))
	return err
}

// request is a request as text, with the play's own names in it.
func (p *play) request(method, target, body string, lines []string) string {
	own := make([]string, len(lines))
	for i, line := range lines {
		own[i] = p.names.Replace(line)
	}
	return harness.Request(method, p.names.Replace(target), p.names.Replace(body), own...)
}

// held waits until all requests so far are held on the play's channel.
func held(p *play) error { return heldOn("{c}")(p) }

// heldOn is held of another channel.
func heldOn(channel string) step {
	return func(p *play) error {
		err := p.at.awaitHolds(p.names.Replace(channel), len(p.pending), p.asked)
		if err != nil {
			return fmt.Errorf("%w%s", err, p.early())
		}
		p.heldAt = time.Now()
		p.nowHeld()
		return nil
	}
}

func (p *play) nowHeld() {
	for _, c := range p.pending {
		c.held = true
	}
}

// asked waits until the app has got a request.
func asked(p *play) error {
	for end := time.Now().Add(harness.Patience); p.part.firstRequest() == nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			return errors.New("the app got no request")
		}
	}
	return nil
}

// decided lets a slow app answer.
func decided(p *play) error {
	close(p.part.decided)
	return nil
}

// early is what has been answered that should be held.
func (p *play) early() (all string) {
	for _, c := range p.pending {
		c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if a, err := readAnswer(c.r, toClient, c.method); err == nil {
			all += "; it answered\n" + a.String()
		}
	}
	return all
}

// answered reads the answers to all requests that have none yet.
func answered(p *play) error {
	for _, c := range p.pending {
		a, err := readAnswer(c.r, toClient, c.method)
		if err != nil {
			return err
		}
		a.ofHold, c.held = c.held, false
		p.records = append(p.records, a)
	}
	p.pending = nil
	return nil
}

// timedOut is answered, but only after d. Pushpin takes up to a second and a half
// longer, because of its second request.
func timedOut(d time.Duration) step {
	return func(p *play) error {
		p.nowHeld()
		since := p.pending[0].since
		if err := answered(p); err != nil {
			return err
		}
		if took := time.Since(since); took < d-d/10 || took > d+4*time.Second {
			p.problems = append(p.problems, fmt.Sprintf("the hold lasted %s; want about %s", took, d))
		}
		return nil
	}
}

// publish posts items.
func publish(body string) step { return control("POST", "/publish/", body) }

// control sends a request to where one publishes.
func control(method, target, body string, lines ...string) step {
	return func(p *play) error {
		if body == "" {
			return p.control(p.request(method, target, "", append(lines, "Content-Length: 0")))
		}
		return p.control(p.request(method, target, body, lines))
	}
}

// controlRaw is control, byte for byte.
func controlRaw(raw string) step { return func(p *play) error { return p.control(raw) } }

func (p *play) control(raw string) error {
	conn, err := harness.Dial(p.at.controlAddress())
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(harness.Patience))
	go conn.Write([]byte(raw)) // who refuses a large one does not read it
	method, _, _ := strings.Cut(raw, " ")
	a, err := readAnswer(bufio.NewReader(conn), toPublisher, method)
	if err != nil {
		return err
	}
	p.records = append(p.records, a)
	if !p.heldAt.IsZero() && time.Since(p.heldAt) > secondRequest && p.at.asksAgain() {
		return errTooLate
	}
	return nil
}

// seen records the first request that the app got, with what its signature says
// in place of the signature.
func seen(p *play) error {
	r := p.part.firstRequest()
	if r == nil {
		return fmt.Errorf("the app got no request")
	}
	if token := r.get("Grip-Sig"); token != "" {
		r.set("Grip-Sig", checkToken(token))
	}
	p.records = append(p.records, r)
	return nil
}

// released is the usual play: a request is held, items are published, and the
// client has its answer.
func released(items ...string) []step {
	steps := []step{get(), held}
	for _, it := range items {
		steps = append(steps, publish(it))
	}
	return append(steps, answered)
}

// item is a batch of one item for the play's channel, with an http-response.
func item(response string) string {
	return `{"items":[{"channel":"{c}","formats":{"http-response":` + response + `}}]}`
}
