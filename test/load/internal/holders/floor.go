package holders

import (
	"strconv"

	"cometproxy/test/load/internal/crowd"
	"cometproxy/test/load/internal/raw"
)

// The floor keeps a number per socket and a list per channel, and writes to a
// list what cometproxy would write: the same bytes to the same sockets. No HTTP,
// no window, no timeout: what is left is the kernel's work.
//
//	GET  /c0000012/CURSOR    waits for what is newer
//	POST /c0000012           publishes
type floor struct {
	*loop
	conns    []place // by descriptor
	channels []*room // by number
	reply    []byte
	out      []byte
}

// A place is where a waiting connection stands.
type place struct{ channel, index int32 } // channel -1: it does not wait

type room struct {
	seq              uint64
	id, body, answer []byte // of the newest message
	waiting          []int32
}

func serveFloor(address string) error {
	l, err := newLoop(address)
	if err != nil {
		return err
	}
	f := &floor{loop: l}
	l.request, l.gone = f.take, f.leave
	return l.run()
}

func (f *floor) take(fd int, head, body []byte) bool {
	path := between(head, "/", " ")
	const nameSize = len("c0000012")
	if len(path) < nameSize {
		return f.refuse(fd)
	}
	number, ok := crowd.ParseChannel(path[:nameSize])
	if !ok {
		return f.refuse(fd)
	}
	for len(f.channels) <= number {
		f.channels = append(f.channels, &room{})
	}
	if head[0] == 'P' {
		return f.publish(fd, number, head, body)
	}
	seq, _ := strconv.ParseUint(string(path[min(len(path), nameSize+len("/")+len(cursorHead)):]), 10, 64)
	f.wait(fd, number, seq)
	return true
}

func (f *floor) refuse(fd int) bool {
	raw.Write(fd, []byte("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"))
	return true
}

func (f *floor) wait(fd, number int, seq uint64) {
	r := f.channels[number]
	if r.seq > seq {
		raw.Write(fd, r.answer)
		return
	}
	for len(f.conns) <= fd {
		f.conns = append(f.conns, place{channel: -1})
	}
	f.conns[fd] = place{int32(number), int32(len(r.waiting))}
	r.waiting = append(r.waiting, int32(fd))
}

// Cursors look like cometproxy's.
const cursorHead = "AWGOKtsN"

// format makes the answer to the newest message as cometproxy does, to the byte.
func (r *room) format(number int, message []byte) {
	id := appendPadded(append(r.id[:0], cursorHead...), r.seq)
	body := append(r.body[:0], `{"messages":[{"channel":"room:`...)
	body = crowd.AppendChannel(body, number)
	body = append(append(body, `","id":"`...), id...)
	body = append(append(body, `","data":`...), message...)
	body = append(append(body, `}],"cursor":"`...), id...)
	body = append(body, `"}`...)
	b := append(r.answer[:0], "HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 21:07:08 GMT\r\nContent-Type: application/json\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(append(b, "\r\nComet-Cursor: "...), id...)
	b = append(b, "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n"...)
	r.id, r.body, r.answer = id, body, append(b, body...)
}

// appendPadded appends a number as long as the rest of a cursor is.
func appendPadded(b []byte, n uint64) []byte {
	for divisor := uint64(1e14); divisor > 0; divisor /= 10 {
		b = append(b, byte('0'+n/divisor%10))
	}
	return b
}

func (f *floor) publish(fd, number int, head, body []byte) bool {
	if !bodyIsComplete(head, body) {
		return false
	}
	r := f.channels[number]
	r.seq++
	r.format(number, body)
	for _, waiting := range r.waiting {
		raw.Write(int(waiting), r.answer)
		f.conns[waiting].channel = -1
	}
	released := len(r.waiting)
	r.waiting = r.waiting[:0]
	reply := strconv.AppendInt(append(f.reply[:0], `{"released":`...), int64(released), 10)
	f.reply = append(reply, '}')
	f.out = append(f.out[:0], "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "...)
	f.out = append(strconv.AppendInt(f.out, int64(len(f.reply)), 10), "\r\n\r\n"...)
	f.out = append(f.out, f.reply...)
	raw.Write(fd, f.out)
	return true
}

// leave takes a connection that ends out of its list.
func (f *floor) leave(fd int) {
	if fd >= len(f.conns) || f.conns[fd].channel < 0 {
		return
	}
	at := f.conns[fd]
	r := f.channels[at.channel]
	last := len(r.waiting) - 1
	moved := r.waiting[last]
	r.waiting[at.index] = moved
	f.conns[moved].index = at.index
	r.waiting = r.waiting[:last]
	f.conns[fd].channel = -1
}
