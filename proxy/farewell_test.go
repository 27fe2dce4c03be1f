package proxy

import "testing"

// TestRefusedHead: the last answer on a connection has no body if it is to HEAD.
func TestRefusedHead(t *testing.T) {
	virtual(t, Options{}, func(t *testing.T, s *site) {
		c := s.dial()
		c.send("HEAD /events/1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
		r, err := readReply(c.br, true)
		if err != nil || r.status != 400 || r.field("Connection") != "close" {
			t.Errorf("%v %s", err, r.raw)
		}
		c.closedByServer()
	})
}
