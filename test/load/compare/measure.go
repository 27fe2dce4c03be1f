package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cometproxy/test/load/internal/figures"
	"cometproxy/test/load/internal/servers"
)

// A comparison is measurements under way.
type comparison struct {
	o       options
	dir     string // for programs and reports
	load    string // the load generator
	comet   string // the cometproxy
	servers []string
	verbs   []string
	taken   taking
}

// prepare builds what is needed, and leaves out servers that are not installed.
func prepare(o options) (*comparison, error) {
	dir, err := os.MkdirTemp("", "compare-")
	if err != nil {
		return nil, err
	}
	c := &comparison{o: o, dir: dir, load: filepath.Join(dir, "load"), comet: o.binary, verbs: words(o.verbs)}
	c.taken = taking{Date: time.Now().Format(time.DateOnly), Rounds: o.rounds, Clients: o.clients, Reports: []figures.Report{}}
	if err := c.build(); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	for _, name := range words(o.servers) {
		missing, err := servers.Missing(name)
		if err != nil {
			os.RemoveAll(dir)
			return nil, err
		}
		if missing != "" {
			c.leaveOut(name, missing)
			continue
		}
		c.servers = append(c.servers, name)
	}
	return c, nil
}

func (c *comparison) build() (err error) {
	if c.comet == "" {
		c.comet, err = servers.BuildCometproxy(c.dir)
	} else {
		c.comet, err = filepath.Abs(c.comet)
	}
	if err != nil {
		return err
	}
	if out, err := exec.Command("go", "build", "-o", c.load, "cometproxy/test/load").CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

func (c *comparison) leaveOut(name, why string) {
	fmt.Fprintf(os.Stderr, "%s is left out: %s\n", name, why)
	c.taken.Left = append(c.taken.Left, name+": "+why)
	c.servers = slices.DeleteFunc(c.servers, func(s string) bool { return s == name })
}

// measure goes round by round through verbs and servers. What there is is
// written after each round.
func (c *comparison) measure() error {
	begin := time.Now()
	for round := range c.o.rounds {
		for _, verb := range c.verbs {
			for i, name := range slices.Clone(c.servers) {
				if !fits(verb, name) {
					continue
				}
				fmt.Fprintf(os.Stderr, "%6.0f s  round %d of %d, %s, %s (%d of %d)\n",
					time.Since(begin).Seconds(), round+1, c.o.rounds, verb, name, i+1, len(c.servers))
				if err := c.one(verb, name); err != nil {
					return err
				}
			}
		}
		if err := os.MkdirAll(filepath.Dir(figuresFile(c.o.docs)), 0o755); err != nil {
			return err
		}
		if err := figures.WriteJSON(figuresFile(c.o.docs), c.taken); err != nil {
			return err
		}
	}
	return nil
}

// fits tells whether a server can do what a measurement asks for: small channels
// while a huge one is served are too much for holds that an app is asked for
// each time, on two cores.
func fits(verb, name string) bool {
	return verb != "mixed" || name != "pushpin" && name != "cometproxy-grip"
}

// one is one measurement of one server.
func (c *comparison) one(verb, name string) error {
	file := filepath.Join(c.dir, "report.json")
	os.Remove(file)
	args := []string{verb, "-server", name, "-binary", c.comet, "-json", file}
	switch verb {
	case "park":
		args = append(args, "-clients", fmt.Sprint(c.o.clients), "-channels", "1", "-rounds", "4", "-max", "0", "-quick")
	case "fanout":
		args = append(args, "-clients", fmt.Sprint(c.o.clients))
	case "churn":
		args = append(args, "-channels", fmt.Sprint(min(2000, c.o.clients)))
	case "mixed":
		small := min(2000, c.o.clients/2)
		args = append(args, "-clients", fmt.Sprint(c.o.clients), "-channels", fmt.Sprint(small), "-rate", "1000")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.load, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // its servers end with it
	cmd.WaitDelay = 30 * time.Second
	out, err := cmd.CombinedOutput()
	switch text := string(out); {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		fmt.Fprintf(os.Stderr, "%s of %s took longer than 15 minutes and is not counted\n", verb, name)
		return nil
	case err != nil && strings.Contains(text, servers.ErrNoParker.Error()):
		c.leaveOut(name, servers.ErrNoParker.Error())
		return nil
	case err != nil:
		fmt.Fprintf(os.Stderr, "%s of %s failed and is not counted: %v\n%s\n", verb, name, err, text)
		return nil
	}
	return c.keep(file)
}

func (c *comparison) keep(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var r figures.Report
	if err := json.Unmarshal(text, &r); err != nil {
		return err
	}
	c.taken.Reports = append(c.taken.Reports, r)
	return nil
}
