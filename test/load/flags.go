package main

import (
	"errors"
	"flag"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"cometproxy/test/load/internal/crowd"
	"cometproxy/test/load/internal/servers"
)

// Flags that all verbs have.
type common struct {
	set      *flag.FlagSet
	server   string
	clients  int
	channels int
	cookies  int
	json     string
	binary   string
	custom   custom
}

// A custom server is one that runs already.
type custom struct {
	poll, publish, body, pids, free    string
	pollHeaders, publishHeaders, keeps list
}

// A list is a flag that may be given several times.
type list []string

func (l *list) String() string         { return strings.Join(*l, ", ") }
func (l *list) Set(value string) error { *l = append(*l, value); return nil }

func newFlags(verb string, clients, channels int) *common {
	f := &common{set: flag.NewFlagSet(verb, flag.ContinueOnError)}
	s := f.set
	s.StringVar(&f.server, "server", "cometproxy", "what to measure; it is started for the measurement:\n"+servers.Names()+"\n")
	s.IntVar(&f.clients, "clients", clients, "how many clients connect; a process may have so many open files (ulimit -n), less a few")
	s.IntVar(&f.channels, "channels", channels, "how many channels they spread over")
	s.IntVar(&f.cookies, "cookies", 1536, "bytes of cookies in each request")
	s.StringVar(&f.json, "json", "", "also write the report to this file")
	s.StringVar(&f.binary, "binary", "", "cometproxy to measure; default: built from this source")
	c := &f.custom
	s.StringVar(&c.poll, "poll", "", "measure a server that runs already: URL of a poll, with {channel} in it")
	s.Var(&c.pollHeaders, "poll-header", "\"Name: value\" of a poll, several allowed; left out while a {NAME} in it has no value")
	s.Var(&c.keeps, "keep", "NAME=HEADER: this header of an answer is {NAME} in the next poll's URL and headers; up to two")
	s.StringVar(&c.publish, "publish", "", "URL of a POST that publishes, with {channel} in it")
	s.Var(&c.publishHeaders, "publish-header", "\"Name: value\" of a publish, several allowed")
	s.StringVar(&c.body, "publish-body", "{message}", "body of a publish; {message:json} is the message inside of a JSON string")
	s.StringVar(&c.pids, "pid", "", "process to measure, with all below it; several with commas")
	s.StringVar(&c.free, "free", "", "URL of a POST that makes the server give memory back")
	return f
}

// profile is a flag that some verbs have.
func (f *common) profile() *string {
	return f.set.String("profile", "", "write a CPU profile of cometproxy, taken meanwhile, to this file")
}

func (f *common) parse(args []string) error {
	if err := f.set.Parse(args); err != nil {
		return err
	}
	if f.set.NArg() > 0 {
		return fmt.Errorf("%s takes flags only, not %q", f.set.Name(), f.set.Arg(0))
	}
	if f.clients < 1 || f.channels < 1 || f.channels > 1e6 {
		return errors.New("-clients and -channels are 1 at least, and 1,000,000 channels at most")
	}
	return nil
}

// start starts the server, or takes the one that runs.
func (f *common) start() (*servers.Server, error) {
	if f.custom.poll == "" {
		return servers.Start(f.server, servers.Options{Binary: f.binary, Cookies: f.cookies})
	}
	t, err := f.custom.target()
	if err != nil {
		return nil, err
	}
	t.Cookies = f.cookies
	var pids []int
	for text := range strings.SplitSeq(f.custom.pids, ",") {
		pid, err := strconv.Atoi(text)
		if err != nil {
			return nil, errors.New("-poll needs -pid: the process to measure, or several with commas")
		}
		pids = append(pids, pid)
	}
	return servers.Custom(t, pids, f.custom.free)
}

func (c *custom) target() (t crowd.Target, err error) {
	if t.Address, t.Poll, err = split("-poll", c.poll); err != nil {
		return t, err
	}
	if t.PublishAddress, t.Publish, err = split("-publish", c.publish); err != nil {
		return t, err
	}
	t.Headers, t.PublishHeaders, t.PublishBody = c.pollHeaders, c.publishHeaders, c.body
	for _, text := range c.keeps {
		name, header, ok := strings.Cut(text, "=")
		if !ok {
			return t, fmt.Errorf("-keep %q: want NAME=HEADER", text)
		}
		t.Keep = append(t.Keep, crowd.Keep{Name: name, Header: header})
	}
	return t, nil
}

// split splits a URL into its address and the rest, in which braces stay as they
// are.
func split(name, text string) (address, target string, err error) {
	rest, ok := strings.CutPrefix(text, "http://")
	if !ok {
		return "", "", fmt.Errorf("%s %q: want a URL that begins with http://", name, text)
	}
	host, path, _ := strings.Cut(rest, "/")
	u, err := url.Parse("http://" + host)
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", name, err)
	}
	port := u.Port()
	if port == "" {
		host += ":80"
	}
	return host, "/" + path, nil
}
