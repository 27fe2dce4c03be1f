// Command compare measures cometproxy beside its peers, and writes
// docs/benchmarks.md with its plots.
//
//	go run ./test/load/compare -clients 18000 -rounds 4
//	go run ./test/load/compare -from docs/benchmarks/figures.json
//
// Each measurement is a run of test/load, in a process of its own, with a server
// that is started for it. Servers take turns, so that whatever else the machine
// does meets all of them. The second form only writes the page anew.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"cometproxy/test/load/internal/figures"
	"cometproxy/test/load/internal/raw"
)

// flags of the command.
type options struct {
	clients, rounds int
	servers, verbs  string
	binary, docs    string
	from            string
}

const (
	allServers = "floor,cometproxy-epoll,cometproxy-goroutine,nchan,nchan-2,nethttp,tornado,cometproxy-grip,pushpin"
	allVerbs   = "park,fanout,churn,mixed"
)

func main() {
	if err := run(os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	var o options
	set := flag.NewFlagSet("compare", flag.ContinueOnError)
	set.IntVar(&o.clients, "clients", 18000, "how many clients connect; a process may have so many open files (ulimit -n), less a few")
	set.IntVar(&o.rounds, "rounds", 4, "how often each server is measured")
	set.StringVar(&o.servers, "servers", allServers, "whom to measure, in this order; test/load -h lists more")
	set.StringVar(&o.verbs, "verbs", allVerbs, "what to measure")
	set.StringVar(&o.binary, "binary", "", "cometproxy to measure; default: built from this source")
	set.StringVar(&o.docs, "docs", "docs", "directory for benchmarks.md, and benchmarks/ with plots and figures.json")
	set.StringVar(&o.from, "from", "", "measure nothing: write the page from this figures.json")
	if err := set.Parse(args); err != nil {
		return err
	}
	if set.NArg() > 0 || o.clients < 1 || o.rounds < 1 {
		return errors.New("compare takes flags only, and -clients and -rounds of 1 at least")
	}
	if o.from != "" {
		taken, err := read(o.from)
		if err != nil {
			return err
		}
		return write(o.docs, taken)
	}
	if err := raw.Supported(); err != nil {
		return err
	}
	c, err := prepare(o)
	if err != nil {
		return err
	}
	defer os.RemoveAll(c.dir)
	if err := c.measure(); err != nil {
		return err
	}
	return write(o.docs, &c.taken)
}

// A taking is all that was measured in one go, as figures.json has it.
type taking struct {
	Date    string           `json:"date"`
	Rounds  int              `json:"rounds"`
	Clients int              `json:"clients"`
	Left    []string         `json:"left_out,omitempty"` // servers that are not here, and why
	Reports []figures.Report `json:"reports"`
}

func read(file string) (*taking, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	t := new(taking)
	if err := json.Unmarshal(text, t); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return t, nil
}

// figuresFile is where the figures stand, and with them the plots.
func figuresFile(docs string) string { return filepath.Join(docs, "benchmarks", "figures.json") }

// words splits a list with commas.
func words(list string) (all []string) {
	for word := range strings.SplitSeq(list, ",") {
		if word = strings.TrimSpace(word); word != "" {
			all = append(all, word)
		}
	}
	return all
}
