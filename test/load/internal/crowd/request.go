package crowd

import (
	"encoding/json"
	"strings"
)

// A request is a compiled text with places for what differs between requests.
type request struct {
	head  []part
	lines [][]part // header lines, each left out while a kept value in it is empty
	body  []part
}

// A part is literal text, and then something that differs.
type part struct {
	text string
	what int // one of those below, or the index of a kept value
}

const (
	nothing = -1 - iota
	theChannel
	theSeq
	theChannelDigits
)

func compile(head string, lines []string, body string, keep []Keep) request {
	r := request{head: parts(head, keep), body: parts(body, keep)}
	for _, line := range lines {
		r.lines = append(r.lines, parts(line+"\r\n", keep))
	}
	return r
}

// parts splits a text at its {names}. Other braces are text.
func parts(text string, keep []Keep) []part {
	text = strings.ReplaceAll(text, "{message:json}", insideJSON(messageTemplate))
	text = strings.ReplaceAll(text, "{message}", messageTemplate)
	places := map[string]int{"{channel}": theChannel, "{:channel}": theChannelDigits, "{:seq}": theSeq}
	for i, k := range keep {
		places["{"+k.Name+"}"] = i
	}
	var list []part
	begin := 0
	for at := 0; at < len(text); at++ {
		for name, what := range places {
			if strings.HasPrefix(text[at:], name) {
				list = append(list, part{text[begin:at], what})
				begin = at + len(name)
				at = begin - 1
				break
			}
		}
	}
	return append(list, part{text[begin:], nothing})
}

const messageTemplate = messageHead + "{:channel}" + messageMiddle + "{:seq}" + messageTail

func insideJSON(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string always marshals
	}
	return string(b[1 : len(b)-1])
}

// append appends the request for a channel, a number and the values kept.
func (r *request) append(b []byte, channel int, seq uint32, kept [][]byte) []byte {
	b, _ = appendParts(b, r.head, channel, seq, kept)
	for _, line := range r.lines {
		if longer, all := appendParts(b, line, channel, seq, kept); all {
			b = longer
		}
	}
	b = append(b, "\r\n"...)
	b, _ = appendParts(b, r.body, channel, seq, kept)
	return b
}

// appendParts tells, too, whether no value was empty.
func appendParts(b []byte, list []part, channel int, seq uint32, kept [][]byte) (_ []byte, all bool) {
	all = true
	for i := range list {
		b = append(b, list[i].text...)
		switch what := list[i].what; what {
		case nothing:
		case theChannel:
			b = AppendChannel(b, channel)
		case theChannelDigits:
			b = appendDigits(b, uint64(channel), channelDigits)
		case theSeq:
			b = appendDigits(b, uint64(seq), seqDigits)
		default:
			b = append(b, kept[what]...)
			all = all && len(kept[what]) > 0
		}
	}
	return b, all
}
