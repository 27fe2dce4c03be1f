package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"cometproxy/cmd/cometproxy/internal/config"
)

const tailUsage = `
Usage: cometproxy tail [flags] CHANNEL...
       cometproxy tail [flags] -url URL

Follows channels as a client does: by long polls on a public route, with cursors,
and prints each message on a line. For a CHANNEL the route is one of the
configuration whose channels can have that name; URL is any route that holds.

Examples:
  cometproxy tail room:42
  cometproxy tail -json -from earliest room:42 everyone
  cometproxy tail -url https://site.example/events/42
`

// A tail is what is followed.
type tail struct {
	target  string   // URL without cursor and wait
	host    string   // Host header, if not the URL's
	only    []string // channels; empty: all that come
	client  *http.Client
	cursor  string
	printer *tailPrinter
}

// A tailPrinter prints the messages of several tails.
type tailPrinter struct {
	mu     sync.Mutex
	out    io.Writer
	notes  io.Writer
	asJSON bool
	left   int // messages to print; negative: no bound
	done   func()
}

type tailMessage struct {
	Channel    string          `json:"channel"`
	ID         string          `json:"id"`
	Type       string          `json:"type,omitempty"`
	Data       json.RawMessage `json:"data,omitempty"`
	DataBase64 *string         `json:"data_base64,omitempty"`
}

// runTail follows until it is interrupted.
func runTail(args []string, stdout, stderr io.Writer) int {
	flags := newFlags("tail", tailUsage, stdout)
	file := flags.String("config", defaultConfig, "`FILE` with the routes (default "+defaultConfig+")")
	address := flags.String("url", "", "`URL` of a route that holds, in place of channels")
	from := flags.String("from", "now", "`WHERE` to begin: now, earliest (all that is kept) or a cursor")
	count := flags.Int("n", -1, "end after `N` messages")
	asJSON := flags.Bool("json", false, "print each message as a JSON object")
	if code, done := parseFlags(flags, args, stderr); done {
		return code
	}
	if (*address == "") == (flags.NArg() == 0) {
		return usageError(stderr, "tail", "name channels, or a route with -url")
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	printer := &tailPrinter{out: stdout, notes: stderr, asJSON: *asJSON, left: *count, done: cancel}
	tails, err := planTails(*file, *address, flags.Args())
	if err != nil {
		fmt.Fprintf(stderr, "cometproxy tail: %v\n", err)
		return exitFailed
	}
	failed := make([]error, len(tails))
	var wg sync.WaitGroup
	for i, t := range tails {
		t.cursor, t.printer = *from, printer
		wg.Go(func() {
			if failed[i] = t.follow(ctx); failed[i] != nil {
				cancel()
			}
		})
	}
	wg.Wait()
	if err := errors.Join(failed...); err != nil {
		fmt.Fprintf(stderr, "cometproxy tail: %v\n", err)
		return exitFailed
	}
	return exitOK
}

// planTails finds out what to poll.
func planTails(file, address string, names []string) ([]*tail, error) {
	client := &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{DisableCompression: true}}
	if address != "" {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("%q is no URL: write http://host/path or https://host/path", address)
		}
		return []*tail{{target: address, client: client}}, nil
	}
	c, problems := config.Load(file)
	if c == nil {
		return nil, fmt.Errorf("the configuration has problems:\n%s", strings.TrimSpace(problems.Errors().String()))
	}
	base := reachable(c.Public.Listen)
	if base == "" {
		return nil, fmt.Errorf("%s has no [public] listen with a port of its own: say with -url which route to poll", file)
	}
	var tails []*tail
	for _, name := range names {
		path, host := routeTo(c, name)
		if path == "" {
			return nil, fmt.Errorf("no route of %s yields the channel %q: look at the PUBLIC lines of cometproxy check, or name a route with -url", file, name)
		}
		tails = append(tails, &tail{target: "http://" + base + path, host: host, only: []string{name}, client: client})
	}
	return tails, nil
}

var parameter = regexp.MustCompile(`\\\{([^}]*)\\\}`)

// routeTo is the path of a native route that has a channel, empty if there is none.
func routeTo(c *config.Config, channel string) (path, host string) {
	for i := range c.Routes {
		r := &c.Routes[i]
		for _, template := range r.Channels {
			filled, ok := fill(r.Path, template, channel)
			if ok && !strings.HasPrefix(r.Host, "*") {
				return filled, r.Host
			}
		}
	}
	return "", ""
}

// fill puts into a route's path the parameters that a channel of that template has.
func fill(path, template, channel string) (filled string, ok bool) {
	var names []string
	pattern := parameter.ReplaceAllStringFunc(regexp.QuoteMeta(template), func(p string) string {
		names = append(names, p[2:len(p)-2])
		return "(.+)"
	})
	values := regexp.MustCompile("^" + pattern + "$").FindStringSubmatch(channel)
	if values == nil {
		return "", false
	}
	for i, name := range names {
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(values[i+1]))
	}
	return path, !strings.ContainsAny(path, "{}") // all that the path needs
}

// follow polls until ctx ends. What passes by itself is tried again.
func (t *tail) follow(ctx context.Context) error {
	pause := time.Second
	for ctx.Err() == nil {
		after, err := t.poll(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errNoRoute):
			return err
		case err != nil:
			t.printer.note("%v; trying again in %s", err, max(after, pause))
			after, pause = max(after, pause), min(2*pause, 30*time.Second)
		default:
			pause = time.Second
		}
		select {
		case <-ctx.Done():
		case <-time.After(after):
		}
	}
	return nil
}

// errNoRoute: there is nothing to follow at this URL.
var errNoRoute = errors.New("this is no route of cometproxy that holds")

// poll is one long poll. after is what the answer asks to wait before the next.
func (t *tail) poll(ctx context.Context) (after time.Duration, err error) {
	u, err := url.Parse(t.target)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errNoRoute, err)
	}
	query := u.Query()
	query.Set("cursor", t.cursor)
	u.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errNoRoute, err)
	}
	request.Host = t.host
	response, err := t.client.Do(request)
	if err != nil {
		return 0, plainPollError(t.target, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<20))
	if err != nil {
		return 0, fmt.Errorf("%s: the answer broke off: %w", t.target, err)
	}
	if s, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil {
		after = time.Duration(s) * time.Second
	}
	cursor := response.Header.Get("Comet-Cursor")
	switch {
	case response.StatusCode >= 500 || response.StatusCode == http.StatusTooManyRequests:
		return after, fmt.Errorf("%s answered %s", t.target, response.Status)
	case response.StatusCode/100 != 2 || cursor == "":
		return 0, fmt.Errorf("%w: %s answered %s", errNoRoute, t.target, response.Status)
	}
	t.cursor = cursor
	return after, t.printer.answer(t, body)
}

func plainPollError(target string, err error) error {
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nothing listens at %s", target)
	case errors.As(err, &dns):
		return fmt.Errorf("there is no host %q", dns.Name)
	}
	return err
}

// answer prints the messages of a poll's answer.
func (p *tailPrinter) answer(t *tail, body []byte) error {
	if len(body) == 0 {
		return nil
	}
	var news struct {
		Messages    []tailMessage
		Gap         bool
		GapChannels []string `json:"gap_channels"`
	}
	if err := json.Unmarshal(body, &news); err != nil {
		return fmt.Errorf("%w: its answer is not JSON", errNoRoute)
	}
	if news.Gap {
		p.note("gap: messages may be missing here, of %s", printable(strings.Join(news.GapChannels, ", ")))
	}
	for _, m := range news.Messages {
		if len(t.only) == 0 || slices.Contains(t.only, m.Channel) {
			p.print(&m)
		}
	}
	return nil
}

func (p *tailPrinter) print(m *tailMessage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left == 0 {
		return
	}
	if p.asJSON {
		line, _ := json.Marshal(m) // it was JSON
		fmt.Fprintf(p.out, "%s\n", line)
	} else {
		text := string(m.Data)
		var quoted string
		switch {
		case m.DataBase64 != nil:
			text = "(" + m.Type + ") base64 " + *m.DataBase64
		case json.Unmarshal(m.Data, &quoted) == nil:
			text = printable(quoted)
		}
		fmt.Fprintf(p.out, "%s  %s  %s\n", time.Now().Format("15:04:05.000"), printable(m.Channel), text)
	}
	if p.left--; p.left == 0 {
		p.done()
	}
}

func (p *tailPrinter) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.notes, "cometproxy tail: "+format+"\n", args...)
}
