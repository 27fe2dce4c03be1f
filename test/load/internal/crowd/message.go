package crowd

import (
	"bytes"
	"strconv"
)

// Messages are JSON, all of one size, so that every server copies the same bytes:
//
//	{"load":"c0000012","seq":"0000000345","text":"..."}
const (
	messageHead   = `{"load":"c`
	messageMiddle = `","seq":"`
	messageTail   = `","text":"a message of a usual size, about as long as a line of chat"}`

	channelDigits = 7
	seqDigits     = 10

	// MessageSize is the bytes of every message.
	MessageSize = len(messageHead) + channelDigits + len(messageMiddle) + seqDigits + len(messageTail)
)

// AppendMessage appends the message of a channel with a number, from 1.
func AppendMessage(b []byte, channel int, seq uint32) []byte {
	b = append(b, messageHead...)
	b = appendDigits(b, uint64(channel), channelDigits)
	b = append(b, messageMiddle...)
	b = appendDigits(b, uint64(seq), seqDigits)
	return append(b, messageTail...)
}

// AppendChannel appends a channel's name.
func AppendChannel(b []byte, channel int) []byte {
	return appendDigits(append(b, 'c'), uint64(channel), channelDigits)
}

func appendDigits(b []byte, n uint64, width int) []byte {
	var digits [20]byte
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = byte('0' + n%10)
		n /= 10
	}
	return append(b, digits[len(digits)-width:]...)
}

// nextMessage finds the first message in b and returns what follows it. Found
// and not ok is something that begins like a message and is none: damaged.
func nextMessage(b []byte) (channel int, seq uint32, rest []byte, found, ok bool) {
	at := bytes.Index(b, []byte(messageHead))
	if at < 0 {
		return 0, 0, nil, false, false
	}
	b = b[at:]
	if len(b) < MessageSize {
		return 0, 0, nil, true, false
	}
	message, rest := b[:MessageSize], b[MessageSize:]
	c, okChannel := digits(message[len(messageHead):][:channelDigits])
	message = message[len(messageHead)+channelDigits:]
	okMiddle := string(message[:len(messageMiddle)]) == messageMiddle
	s, okSeq := digits(message[len(messageMiddle):][:seqDigits])
	okTail := string(message[len(messageMiddle)+seqDigits:]) == messageTail
	return int(c), uint32(s), rest, true, okChannel && okMiddle && okSeq && okTail
}

func digits(b []byte) (n uint64, ok bool) {
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, true
}

// ParseChannel is the number of a channel's name.
func ParseChannel(name []byte) (int, bool) {
	if len(name) != 1+channelDigits || name[0] != 'c' {
		return 0, false
	}
	n, err := strconv.Atoi(string(name[1:]))
	return n, err == nil
}
