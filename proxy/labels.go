package proxy

import "sync"

// labels are short names of routes, by which holds remember theirs: a hold has room
// for two bytes more, and there is one for each parked client. They outlive a reload,
// as holds do.
type labels struct {
	mu    sync.Mutex
	known map[string]uint16 // guarded by mu
	texts []string          // guarded by mu: by label; 0 is no route
}

// maxLabels is how many routes are told apart; there are more only after many reloads
// with ever new ones.
const maxLabels = 1 << 12

// of is the label of a route, 0 if there are too many.
func (l *labels) of(text string) uint16 {
	l.mu.Lock()
	defer l.mu.Unlock()
	label, ok := l.known[text]
	if ok || len(l.texts) == maxLabels {
		return label
	}
	if l.known == nil {
		l.known, l.texts = make(map[string]uint16), make([]string, 1)
	}
	label = uint16(len(l.texts))
	l.known[text], l.texts = label, append(l.texts, text)
	return label
}

// text is the route that has a label, "" if none has.
func (l *labels) text(label uint16) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if int(label) >= len(l.texts) {
		return ""
	}
	return l.texts[label]
}
