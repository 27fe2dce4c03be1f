package holders

import (
	"bytes"
	"fmt"

	"cometproxy/test/load/internal/raw"
)

// serveApp runs the app behind a GRIP proxy: it answers GET /CHANNEL with a
// hold. It costs as little as an app can.
func serveApp(address string) error {
	l, err := newLoop(address)
	if err != nil {
		return err
	}
	var out []byte
	l.request = func(fd int, head, body []byte) bool {
		channel := between(head, "/", " ")
		if at := bytes.IndexByte(channel, '?'); at >= 0 {
			channel = channel[:at]
		}
		out = fmt.Appendf(out[:0], "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"+
			"Grip-Hold: response\r\nGrip-Channel: %s\r\nGrip-Timeout: 600\r\nContent-Length: 0\r\n\r\n", channel)
		raw.Write(fd, out)
		return true
	}
	return l.run()
}
