package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

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

// A crowd is many clients of one server, each on a connection of its own.
type crowd struct {
	address  string // of the server
	headers  string // of each request, with the empty line
	wait     int    // seconds that each poll asks for
	clients  []*client
	dialling chan struct{} // places for dials under way
}

// A client polls one room and whatever its route adds. While it waits it is a
// connection, a goroutine and these few words.
type client struct {
	crowd  *crowd
	conn   net.Conn
	index  int // among the crowd
	room   int
	cursor string
}

func newCrowd(address string, clients, rooms, cookieBytes, wait int) *crowd {
	c := &crowd{address: address, wait: wait, dialling: make(chan struct{}, 64),
		headers: "Host: " + address + "\r\n" + browserHeaders + cookies(cookieBytes) + "\r\n"}
	for i := range clients {
		c.clients = append(c.clients, &client{crowd: c, index: i, room: i % rooms})
	}
	return c
}

// each does something with every client at once, each in a goroutine of its
// own, and returns how many failed and the first failure.
func (c *crowd) each(do func(*client) error) error {
	var all sync.WaitGroup
	var mu sync.Mutex
	var first error
	failed := 0
	for _, one := range c.clients {
		all.Go(func() {
			if err := do(one); err != nil {
				mu.Lock()
				defer mu.Unlock()
				if failed++; first == nil {
					first = err
				}
			}
		})
	}
	all.Wait()
	if failed > 0 {
		return fmt.Errorf("%d of %d clients failed, the first with: %w", failed, len(c.clients), first)
	}
	return nil
}

// connect opens the connections. Source addresses are spread over the loopback
// network, so that none runs out of ports.
func (c *crowd) connect() error {
	const perSource = 5000
	return c.each(func(one *client) error {
		c.dialling <- struct{}{}
		defer func() { <-c.dialling }()
		source := net.IPv4(127, 0, 1, byte(1+one.index/perSource))
		d := net.Dialer{Timeout: 20 * time.Second, LocalAddr: &net.TCPAddr{IP: source}}
		conn, err := d.Dial("tcp", c.address)
		one.conn = conn
		return err
	})
}

// leave closes all connections, as a browser does that is closed.
func (c *crowd) leave() {
	for _, one := range c.clients {
		if one.conn != nil {
			one.conn.Close()
		}
	}
}

// poll sends a poll from the client's cursor.
func (c *client) poll() error {
	request := make([]byte, 0, 4096)
	request = fmt.Appendf(request, "GET /events/%d?cursor=%s&wait=%d HTTP/1.1\r\n", c.room, c.cursor, c.crowd.wait)
	request = append(request, c.crowd.headers...)
	_, err := c.conn.Write(request)
	return err
}

// answer reads an answer, keeps its cursor and returns its status and body.
func (c *client) answer() (status int, body []byte, err error) {
	buf := make([]byte, 0, 1024)
	for {
		head, rest, found := bytes.Cut(buf, []byte("\r\n\r\n"))
		if found {
			status, length, err := c.readHead(head)
			if err != nil || len(rest) >= length {
				return status, rest, err
			}
			body = append(body, rest...)
			body = append(body, make([]byte, length-len(rest))...)
			_, err = io.ReadFull(c.conn, body[len(rest):])
			return status, body, err
		}
		if len(buf) == cap(buf) {
			return 0, nil, errors.New("the head of an answer is too long")
		}
		n, err := c.conn.Read(buf[len(buf):cap(buf)])
		if err != nil {
			return 0, nil, err
		}
		buf = buf[:len(buf)+n]
	}
}

func (c *client) readHead(head []byte) (status, length int, err error) {
	line, rest, _ := strings.Cut(string(head), "\r\n")
	if _, err := fmt.Sscanf(line, "HTTP/1.1 %d", &status); err != nil {
		return 0, 0, fmt.Errorf("this is no answer: %q", line)
	}
	for line := range strings.SplitSeq(rest, "\r\n") {
		name, value, _ := strings.Cut(line, ": ")
		switch strings.ToLower(name) {
		case "content-length":
			if length, err = strconv.Atoi(value); err != nil {
				return 0, 0, err
			}
		case "comet-cursor":
			c.cursor = value
		}
	}
	return status, length, nil
}
