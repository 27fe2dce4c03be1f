package harness

import (
	"bytes"
	"strings"
	"sync"
)

// logLines collects a process's log.
type logLines struct {
	mu    sync.Mutex
	lines []string // guarded by mu
	rest  []byte   // guarded by mu: of a line without its end
}

func newLogLines() *logLines { return new(logLines) }

func (l *logLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, b...)
	for {
		line, after, ok := bytes.Cut(l.rest, []byte{'\n'})
		if !ok {
			return len(b), nil
		}
		l.lines = append(l.lines, string(line))
		l.rest = after
	}
}

func (l *logLines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.lines...)
}

func lastLines(lines []string, n int) string {
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "\n")
}
