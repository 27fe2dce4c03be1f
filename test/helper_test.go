package test

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

// helperRole names the environment variable that makes the test binary a helper
// process, which has descriptors of its own.
const helperRole = "COMETPROXY_TEST_ROLE"

// A flood is what a helper process does: that many clients connect and poll, and
// wait.
type flood struct {
	Address string
	Target  string
	Clients int
}

// floodCounts are what became of a flood's clients.
type floodCounts struct {
	Held     int // waiting
	Released int // answered with a message
	Refused  int // 503 with Retry-After
	Closed   int // without an answer
	Odd      int // any other answer, or none that is to be expected
	Example  string
}

// helper is the main function of a helper process. It does what the role says,
// reports in one line of JSON on standard output, goes on to wait until standard
// input ends, gives the clients some seconds to be released, and reports again.
func helper(role string) int {
	var f flood
	if err := json.Unmarshal([]byte(role), &f); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	var mu sync.Mutex
	var counts floodCounts
	var sent, ended sync.WaitGroup
	tokens := make(chan struct{}, 64)
	sent.Add(f.Clients)
	for range f.Clients {
		ended.Go(func() {
			tokens <- struct{}{}
			c, err := harness.NewClient(f.Address)
			if err == nil {
				defer c.Close()
				err = c.SendGet(f.Target)
			}
			mu.Lock()
			counts.Held++
			mu.Unlock()
			<-tokens
			sent.Done()
			what, example := became(c, err)
			mu.Lock()
			counts.Held--
			*what(&counts)++
			if example != "" {
				counts.Example = example
			}
			mu.Unlock()
		})
	}
	report := func() {
		mu.Lock()
		defer mu.Unlock()
		json.NewEncoder(os.Stdout).Encode(counts)
	}
	sent.Wait()
	time.Sleep(time.Second)
	report()
	io.Copy(io.Discard, os.Stdin)
	done := make(chan struct{})
	go func() { ended.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
	}
	report()
	return 0
}

// became says which of the counts a client belongs to at last.
func became(c *harness.Client, err error) (what func(*floodCounts) *int, example string) {
	var a *harness.Answer
	if err == nil {
		a, err = c.ReadTo("GET", time.Minute)
	}
	switch {
	case harness.TimedOut(err):
		return func(f *floodCounts) *int { return &f.Odd }, err.Error()
	case err != nil:
		return func(f *floodCounts) *int { return &f.Closed }, ""
	case a.Status == 503 && a.Header.Get("Retry-After") != "":
		return func(f *floodCounts) *int { return &f.Refused }, ""
	case a.Status == 200:
		return func(f *floodCounts) *int { return &f.Released }, ""
	}
	return func(f *floodCounts) *int { return &f.Odd }, fmt.Sprintf("%d %s", a.Status, a.Body)
}

// A floodHelper is a running helper process.
type floodHelper struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.Closer
	json  *json.Decoder
}

func startFlood(t *testing.T, f flood) *floodHelper {
	t.Helper()
	role, _ := json.Marshal(f)
	h := &floodHelper{t: t, cmd: exec.Command(os.Args[0])}
	h.cmd.Env = append(os.Environ(), helperRole+"="+string(role))
	h.cmd.Stderr = os.Stderr
	in, err := h.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	h.stdin, h.json = in, json.NewDecoder(out)
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		h.cmd.Process.Kill()
		h.cmd.Wait()
	})
	return h
}

// counts reads the next report.
func (h *floodHelper) counts() (c floodCounts) {
	h.t.Helper()
	if err := h.json.Decode(&c); err != nil {
		h.t.Fatal("the helper process: ", err)
	}
	if strings.TrimSpace(c.Example) != "" {
		h.t.Error("the helper process got: ", c.Example)
	}
	return c
}

// finish lets the helper wait for its clients' releases and end.
func (h *floodHelper) finish() floodCounts {
	h.t.Helper()
	h.stdin.Close()
	return h.counts()
}
