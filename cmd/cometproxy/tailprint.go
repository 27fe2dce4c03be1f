package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// A tailPrinter prints the messages of several tails.
type tailPrinter struct {
	mu     sync.Mutex
	out    io.Writer
	notes  io.Writer
	asJSON bool
	left   int // messages to print; negative: no bound
	done   func()
}

type tailMessage struct {
	Channel    string          `json:"channel"`
	ID         string          `json:"id"`
	Type       string          `json:"type,omitempty"`
	Data       json.RawMessage `json:"data,omitempty"`
	DataBase64 *string         `json:"data_base64,omitempty"`
}

// answer prints the messages of a poll's answer.
func (p *tailPrinter) answer(t *tail, body []byte) error {
	if len(body) == 0 {
		return nil
	}
	var news struct {
		Messages    []tailMessage
		Gap         bool
		GapChannels []string `json:"gap_channels"`
	}
	if err := json.Unmarshal(body, &news); err != nil {
		return fmt.Errorf("%w: its answer is not JSON", errNoRoute)
	}
	if news.Gap {
		p.note("gap: messages may be missing here, of %s", printable(strings.Join(news.GapChannels, ", ")))
	}
	for _, m := range news.Messages {
		if len(t.only) == 0 || slices.Contains(t.only, m.Channel) {
			p.print(&m)
		}
	}
	return nil
}

func (p *tailPrinter) print(m *tailMessage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left == 0 {
		return
	}
	if p.asJSON {
		line, _ := json.Marshal(m) // it was JSON
		fmt.Fprintf(p.out, "%s\n", escapeC1(string(line)))
	} else {
		text := string(m.Data)
		var quoted string
		switch {
		case m.DataBase64 != nil:
			text = "(" + printable(m.Type) + ") base64 " + printable(*m.DataBase64)
		case json.Unmarshal(m.Data, &quoted) == nil:
			text = printable(quoted)
		default:
			text = escapeC1(text)
		}
		fmt.Fprintf(p.out, "%s  %s  %s\n", time.Now().Format("15:04:05.000"), printable(m.Channel), text)
	}
	if p.left--; p.left == 0 {
		p.done()
	}
}

// escapeC1 writes DEL and the C1 control characters, which JSON may have as they are
// and some terminals obey, as JSON's escapes.
func escapeC1(text string) string {
	if !strings.ContainsFunc(text, isC1) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if isC1(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isC1(r rune) bool { return r >= 0x7f && r <= 0x9f }

func (p *tailPrinter) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.notes, "cometproxy tail: "+format+"\n", args...)
}
