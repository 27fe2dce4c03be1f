package park

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/valyala/fasthttp/fasthttputil"
)

// TestStaleFire: the wheel took a slot out and was slow; by then the connection
// has another deadline.
func TestStaleFire(t *testing.T) {
	r := newCostRig(t, NewGoroutine, 1)
	r.parkAll() // until in an hour
	slot := r.ids[0].slot()
	r.lot.fire(slot)
	if len(r.ends) > 0 {
		t.Errorf("got %+v", <-r.ends)
	}
	r.lot.Answer(r.ids[0], answerOne, false) // idle now, its deadline is not due either
	r.lot.fire(slot)
	if s := r.lot.Stats(); s.Idle != 1 {
		t.Errorf("got %+v", s)
	}
	r.lot.Close(r.ids[0])
	r.lot.fire(slot)
	if err := r.lot.Check(); err != nil {
		t.Error(err)
	}
}

func TestErrors(t *testing.T) {
	op := func(err error) error { return &net.OpError{Op: "read", Err: err} }
	for _, test := range []struct {
		err  error
		want bool
	}{
		{op(os.ErrDeadlineExceeded), true},
		{fasthttputil.ErrTimeout, true},
		{op(os.NewSyscallError("read", syscall.ETIMEDOUT)), false}, // keep-alive gave the peer up
		{op(net.ErrClosed), false},
		{errors.New("x"), false},
	} {
		if got := isTimeout(test.err); got != test.want {
			t.Errorf("isTimeout(%v) = %v", test.err, got)
		}
	}
	if !isClosed(fasthttputil.ErrInmemoryListenerClosed) || !isClosed(op(net.ErrClosed)) {
		t.Error("a closed listener is not taken for one")
	}
}

// TestWithRoom: there is always room until the bound, and never beyond.
func TestWithRoom(t *testing.T) {
	b := make([]byte, 0)
	for len(b) < maxKept {
		b = withRoom(b)
		if cap(b) == len(b) || cap(b) > maxKept {
			t.Fatalf("len %d, cap %d", len(b), cap(b))
		}
		b = b[:min(cap(b), len(b)+700)]
	}
}
