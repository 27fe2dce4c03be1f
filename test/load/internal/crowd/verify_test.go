package crowd

import "testing"

// TestVerify: what a client gets is compared with what was published.
func TestVerify(t *testing.T) {
	message := func(seq uint32) string { return string(AppendMessage(nil, 1, seq)) }
	for _, tc := range []struct {
		name, body string
		news       bool
		want       Tally
	}{
		{"the next one", message(3), true, Tally{Received: 1}},
		{"two", "[" + message(3) + "," + message(4) + "]", true, Tally{Received: 2}},
		{"one is missing", message(4), true, Tally{Received: 1, Lost: 1}},
		{"one it has", message(2), false, Tally{Doubled: 1}},
		{"one that was never published", message(5), false, Tally{Wrong: 1}},
		{"another channel's", string(AppendMessage(nil, 2, 3)), false, Tally{Wrong: 1}},
		{"nothing", "{}", false, Tally{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := &Crowd{channels: make([]channel, 3)}
			c.channels[1].seq = 4
			one := &client{channel: 1, seq: 2}
			news := c.verify(one, []byte(tc.body))
			got := c.Tally
			got.Faults = nil
			if news != tc.news || got.Received != tc.want.Received || got.Lost != tc.want.Lost || got.Doubled != tc.want.Doubled || got.Wrong != tc.want.Wrong {
				t.Errorf("news %v, %+v; want %v, %+v", news, got, tc.news, tc.want)
			}
		})
	}
}
