package crowd

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// A Target is how to speak to one server. In its texts {channel} stands for a
// channel's name, {message} for the message, {message:json} for the same inside
// of a JSON string, and {NAME} for what Keep keeps under that name.
type Target struct {
	Address string   // host:port that clients connect to
	Poll    string   // request target of a poll
	Headers []string // "Name: value" of a poll; left out while a {NAME} in it is empty
	Keep    []Keep   // what an answer says for the next poll
	Cookies int      // bytes of cookies in each poll

	PublishAddress string // host:port; empty: Address
	Publish        string // request target of a publish, a POST
	PublishHeaders []string
	PublishBody    string // empty: {message}

	// Settle is how long a poll takes until it is sure to be parked, for servers that
	// lose what is published before. 0: nothing is lost, because each poll says
	// where it goes on.
	Settle time.Duration
}

// Keep is a header of answers whose value the next poll repeats. The first poll has
// Start, if there is one: a position before everything that will be published, so
// that nothing is missed by who is parked late.
type Keep struct{ Name, Header, Start string }

// browserHeaders are what Chrome 140 on Windows sends with a fetch() of the
// same site, less Host and Cookie.
const browserHeaders = "Connection: keep-alive\r\n" +
	"sec-ch-ua-platform: \"Windows\"\r\n" +
	"User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n" +
	"sec-ch-ua: \"Chromium\";v=\"140\", \"Not=A?Brand\";v=\"24\", \"Google Chrome\";v=\"140\"\r\n" +
	"sec-ch-ua-mobile: ?0\r\n" +
	"Accept: */*\r\n" +
	"Sec-Fetch-Site: same-origin\r\n" +
	"Sec-Fetch-Mode: cors\r\n" +
	"Sec-Fetch-Dest: empty\r\n" +
	"Referer: https://www.example.com/rooms/42\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Accept-Language: en-GB,en-US;q=0.9,en;q=0.8,de;q=0.7\r\n"

// cookies makes a Cookie header of about n bytes: a few as apps and trackers
// leave them.
func cookies(n int) string {
	if n <= 0 {
		return ""
	}
	b := "Cookie: session=s%3AYmFzZTY0LWxvb2tpbmctc2Vzc2lvbi1pZA.signature; theme=dark"
	for i := 1; len(b) < n; i++ {
		value := strings.Repeat("4f1c9a7e", 16)
		b += fmt.Sprintf("; _tracker_%d=GA1.2.%s", i, value[:min(len(value), max(1, n-len(b)))])
	}
	return b + "\r\n"
}

// pollRequest compiles the requests of clients.
func (t *Target) pollRequest() request {
	text := "GET " + t.Poll + " HTTP/1.1\r\nHost: " + t.Address + "\r\n" + browserHeaders + cookies(t.Cookies)
	return compile(text, t.Headers, "", t.Keep)
}

// publishRequest compiles the requests of publishers.
func (t *Target) publishRequest() request {
	body := t.PublishBody
	if body == "" {
		body = "{message}"
	}
	bare := compile("", nil, body, nil)
	size := len(bare.append(nil, 0, 0, nil)) - len("\r\n")
	text := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", t.Publish, t.publishAddress(), size)
	return compile(text, t.PublishHeaders, body, nil)
}

func (t *Target) publishAddress() string {
	if t.PublishAddress != "" {
		return t.PublishAddress
	}
	return t.Address
}

// resolve makes an address of numbers.
func resolve(address string) (netip.AddrPort, error) {
	found, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(found.AddrPort().Addr().Unmap(), uint16(found.Port)), nil
}
