package crowd

import (
	"net/netip"
	"testing"
)

func TestCounter(t *testing.T) {
	var c Counter
	c.Limit(2)
	var homes []*Home
	enter := func(from string, wantFull bool) {
		t.Helper()
		home, full := c.Enter(netip.MustParseAddr(from))
		if full != wantFull {
			t.Errorf("%s: full is %t", from, full)
		}
		homes = append(homes, home)
		if err := c.Check(); err != nil {
			t.Error(err)
		}
	}
	enter("192.0.2.1", false)
	enter("::ffff:192.0.2.1", false)
	enter("192.0.2.1", true)
	enter("192.0.2.2", false)
	enter("2001:db8::1", false)
	enter("2001:db8::ffff:1", false)
	enter("2001:db8::2", true)
	enter("2001:db8:0:1::2", false)
	enter("fe80::1%eth0", false)
	if n := c.Places(); n != 7 {
		t.Errorf("%d places", n)
	}
	for _, home := range homes {
		c.Leave(home)
	}
	if n := c.Places(); n != 0 || len(c.of) != 0 {
		t.Errorf("%d places left, of %d", n, len(c.of))
	}
	if home, full := c.Enter(netip.Addr{}); home != nil || full {
		t.Error("no address was counted")
	}
	c.Limit(0)
	if home, full := c.Enter(netip.MustParseAddr("192.0.2.1")); home != nil || full {
		t.Error("counted without a bound")
	}
}
