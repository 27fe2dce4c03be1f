package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"cometproxy/test/load/internal/figures"
	"cometproxy/test/load/internal/servers"
)

// TestMain: the servers of the load generator's own are this binary, too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		main()
		return
	}
	os.Exit(m.Run())
}

// measure runs a measurement and returns its report. What it measures means
// nothing with so few clients.
func measure(t *testing.T, verb, server string, args ...string) (r figures.Report) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("this needs Linux")
	}
	switch missing, err := servers.Missing(server); {
	case err != nil:
		t.Fatal(err)
	case missing != "" && os.Getenv("COMETPROXY_NO_SKIP") == "1":
		t.Fatal(missing)
	case missing != "":
		t.Skip(missing)
	}
	file := filepath.Join(t.TempDir(), "report.json")
	if err := run(append([]string{verb, "-server", server, "-json", file}, args...)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if !r.Tally.Clean() || r.Tally.Received == 0 {
		t.Errorf("not all is well: %+v", r.Tally)
	}
	return r
}

func positive(t *testing.T, r figures.Report, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if v, ok := r.Get(key); !ok || v <= 0 {
			t.Errorf("%s of %s is %v, %v", key, r.Server, v, ok)
		}
	}
}

// TestMeasurements runs every measurement of cometproxy.
func TestMeasurements(t *testing.T) {
	binary := ""
	if runtime.GOOS == "linux" {
		var err error
		if binary, err = servers.BuildCometproxy(t.TempDir()); err != nil {
			t.Fatal(err)
		}
	}
	park := measure(t, "park", "cometproxy", "-binary", binary, "-clients", "200", "-channels", "7", "-rounds", "2", "-quick", "-max", "0")
	positive(t, park, "idle", "parked", "freed")
	fanout := measure(t, "fanout", "cometproxy", "-binary", binary, "-clients", "200", "-rounds", "2")
	positive(t, fanout, "first", "median", "p99", "last", "cpu_per_delivery", "cpu_per_poll")
	if want := 400; fanout.Tally.Received != want {
		t.Errorf("received %d; want %d", fanout.Tally.Received, want)
	}
	churn := measure(t, "churn", "cometproxy", "-binary", binary, "-channels", "50", "-seconds", "0.3", "-warm-up", "0s")
	positive(t, churn, "deliveries", "cpu_per_delivery", "p50", "p99")
	mixed := measure(t, "mixed", "cometproxy", "-binary", binary, "-clients", "200", "-channels", "20", "-rounds", "1", "-alone", "200ms")
	positive(t, mixed, "alone_p50", "repoll_p50", "last")
	if _, err := exec.LookPath("slowhttptest"); err != nil {
		if os.Getenv("COMETPROXY_NO_SKIP") == "1" {
			t.Fatal("slowhttptest is missing: apt-get install -y slowhttptest")
		}
		t.Skip("slowhttptest is missing: apt-get install -y slowhttptest")
	}
	slow := measure(t, "slow", "cometproxy-pages", "-binary", binary, "-clients", "100", "-channels", "5", "-slow", "200", "-seconds", "1")
	positive(t, slow, "header_p99", "body_p99", "read_p99", "released")
}

// TestServers lets each server that is here fan out, as each is spoken to in its
// own way.
func TestServers(t *testing.T) {
	for _, name := range []string{"floor", "nethttp", "nchan-2", "tornado"} {
		t.Run(name, func(t *testing.T) {
			r := measure(t, "fanout", name, "-clients", "50", "-rounds", "2")
			positive(t, r, "last", "cpu_per_delivery")
		})
	}
}

// TestCustom measures a server that is described by flags.
func TestCustom(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("this needs Linux")
	}
	s, err := servers.Start("nethttp", servers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	url := "http://" + s.Target.Address + "/{channel}"
	err = run([]string{"fanout", "-clients", "20", "-rounds", "1", "-poll", url + "?seq={seq}", "-keep", "seq=Seq", "-publish", url, "-pid", strconv.Itoa(s.Usage.Roots[0])})
	if err != nil {
		t.Error(err)
	}
}

func TestFlagsThatAreWrong(t *testing.T) {
	for want, args := range map[string][]string{
		"park":             {"nothing"},
		"flags only":       {"park", "more"},
		"1 at least":       {"fanout", "-clients", "0"},
		"there is no":      {"fanout", "-server", "nobody"},
		"-pid":             {"fanout", "-poll", "http://127.0.0.1/{channel}", "-publish", "http://127.0.0.1/"},
		"http://":          {"fanout", "-poll", "127.0.0.1"},
		"NAME=HEADER":      {"fanout", "-poll", "http://127.0.0.1/", "-publish", "http://127.0.0.1/", "-keep", "x"},
		"more -clients":    {"mixed", "-clients", "10", "-channels", "10"},
		"takes a server's": {"serve"},
	} {
		if err := run(args); err == nil || !strings.Contains(err.Error(), want) && runtime.GOOS == "linux" {
			t.Errorf("%q: got %v; want %q in it", args, err, want)
		}
	}
}
