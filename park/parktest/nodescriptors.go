//go:build linux || darwin

package parktest

import (
	"os"
	"syscall"
	"testing"
	"time"

	"cometproxy/park"
)

// testNoDescriptors: the process has none left for the clients that wait to be
// accepted. They are when there are some again, and those that are in are served
// meanwhile.
func testNoDescriptors(t *testing.T, newLot func(park.Options) park.Lot) {
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Skip(err)
	}
	r := newRig(t, newLot, park.Options{})
	in := r.dial()
	in.send("say in\n")
	in.want("in")
	ln := listenTCP(t)
	r.ln = ln
	var waiting []*client
	for range 30 {
		waiting = append(waiting, r.dial())
	}
	limit := old
	limit.Cur = nextDescriptor(t) + 10
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Skip(err)
	}
	restore := func() { _ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old) }
	defer restore()
	r.listen(ln)
	if ev := receive(t, r.events, "a failure"); ev.Kind != park.AcceptFailed || ev.Err == nil {
		t.Fatalf("got %+v", ev)
	}
	in.send("park\n")
	r.lot.Answer(r.hold().id, []byte("still in\n"), false)
	in.want("still in")
	time.Sleep(100 * time.Millisecond)
	if n := len(r.events); n > 20 {
		t.Errorf("%d more failures in a moment: no pause", n)
	}
	restore()
	for _, c := range waiting {
		c.send("say at last\n")
		c.want("at last")
	}
}

// nextDescriptor is the smallest number free.
func nextDescriptor(t *testing.T) uint64 {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return uint64(f.Fd())
}
