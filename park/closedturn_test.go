package park

import (
	"net"
	"testing"
	"time"
)

// noHome is a lot that a turn can go back to.
type noHome struct{}

func (noHome) Close(ID)     {}
func (noHome) again(ID)     {}
func (noHome) lend(ID) bool { return false }
func (noHome) returned()    {}

// TestClosedTurn: the HTTP server must not learn from a deadline for writing
// that somebody else has closed the connection: see SetWriteDeadline.
func TestClosedTurn(t *testing.T) {
	ours, theirs := net.Pipe()
	theirs.Close()
	c := newTurn(noHome{}, makeID(0, 1), ours, nil, 'G', false)
	ours.Close()
	if err := c.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Errorf("setting a deadline: %v", err)
	}
	if _, err := c.Write([]byte("x")); err == nil {
		t.Error("written to a closed connection")
	}
}
