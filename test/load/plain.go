package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"text/tabwriter"
	"time"

	"cometproxy/test/load/internal/figures"
	"cometproxy/test/load/internal/servers"
)

// A passing is what wrk and the processor say of ordinary requests through one
// proxy, an entry for each round.
type passing struct{ rate, p99, cpu []float64 } // requests/s, ms, us

// runPlain lets wrk ask for one page through each proxy in turn, and prints the
// medians beside nginx's.
func runPlain(args []string) error {
	set := flag.NewFlagSet("plain", flag.ContinueOnError)
	rounds := set.Int("rounds", 5, "how often each is measured")
	seconds := set.Int("seconds", 5, "how long")
	connections := set.Int("connections", 64, "keep-alive connections of wrk")
	size := set.Int("bytes", 1024, "size of the page")
	binary := set.String("binary", "", "cometproxy to measure; default: built from this source")
	if err := set.Parse(args); err != nil {
		return err
	}
	wrk, err := exec.LookPath("wrk")
	if err != nil {
		return errors.New("wrk is missing: apt-get install -y wrk")
	}
	if missing := servers.MissingFronts(); missing != "" {
		return errors.New(missing)
	}
	app, err := servers.StartPages(*size)
	if err != nil {
		return err
	}
	defer app.Stop()
	fronts := make(map[string]*servers.Server)
	for _, name := range servers.Fronts {
		if fronts[name], err = servers.StartFront(name, app, servers.Options{Binary: *binary}); err != nil {
			return err
		}
		defer fronts[name].Stop()
	}
	took := make(map[string]*passing)
	for round := range *rounds {
		for _, name := range servers.Fronts {
			fmt.Fprintf(os.Stderr, "round %d of %d: %s\n", round+1, *rounds, name)
			if took[name] == nil {
				took[name] = new(passing)
			}
			if err := took[name].pass(wrk, fronts[name], *connections, *seconds); err != nil {
				return err
			}
		}
	}
	fmt.Printf("wrk: %d connections, %d bytes, %d rounds of %d s, medians\n", *connections, *size, *rounds, *seconds)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\trequests/s\tp99 ms\tCPU us/request\tof nginx's requests/s\tp99\tCPU\t")
	nginx := took["nginx"]
	for _, name := range servers.Fronts {
		p := took[name]
		rate, p99, cpu := figures.Median(p.rate), figures.Median(p.p99), figures.Median(p.cpu)
		fmt.Fprintf(w, "%s\t%.0f\t%.2f\t%.1f\t%.2f x\t%.1f x\t%.1f x\t\n", name, rate, p99, cpu,
			rate/figures.Median(nginx.rate), p99/figures.Median(nginx.p99), cpu/figures.Median(nginx.cpu))
	}
	return w.Flush()
}

var (
	wrkRate  = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	wrkP99   = regexp.MustCompile(`99%\s+([0-9.]+(?:us|ms|s))`)
	wrkCount = regexp.MustCompile(`(\d+) requests in`)
	wrkBad   = regexp.MustCompile(`(?m)^\s*(Non-2xx.*|Socket errors.*)$`)
)

func (p *passing) pass(wrk string, s *servers.Server, connections, seconds int) error {
	before := s.Usage.CPU()
	out, err := exec.Command(wrk, "-t1", "-c", strconv.Itoa(connections), "-d", fmt.Sprintf("%ds", seconds), "--latency", "http://"+s.Target.Address+"/page").CombinedOutput()
	used := s.Usage.CPU() - before
	if err != nil {
		return fmt.Errorf("wrk: %w\n%s", err, out)
	}
	if bad := wrkBad.FindSubmatch(out); bad != nil {
		return fmt.Errorf("%s: %s", s.Name, bad[1])
	}
	rate, p99, count := wrkRate.FindSubmatch(out), wrkP99.FindSubmatch(out), wrkCount.FindSubmatch(out)
	if rate == nil || p99 == nil || count == nil {
		return fmt.Errorf("wrk says\n%s", out)
	}
	perSecond, _ := strconv.ParseFloat(string(rate[1]), 64)
	slowest, err := time.ParseDuration(string(p99[1]))
	if err != nil {
		return err
	}
	n, _ := strconv.ParseFloat(string(count[1]), 64)
	p.rate, p.p99, p.cpu = append(p.rate, perSecond), append(p.p99, figures.MS(slowest)), append(p.cpu, figures.US(used)/n)
	return nil
}
