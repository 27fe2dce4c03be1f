package demo

import (
	"crypto/rand"
	"slices"
	"strings"
	"time"
)

const maxStatuses = 200 // kept; older ones are forgotten

// A status is one entry of the wall: in the store, in GET /statuses, and in what
// is published.
type status struct {
	ID   string    `json:"id"` // random, so it does not tell what else was posted
	Name string    `json:"name"`
	Text string    `json:"text"`
	Time time.Time `json:"time"`
	To   []string  `json:"to,omitempty"` // names of those it is for; none: everybody

	readers []string // ids of those who may see it, its author among them; nil: everybody
}

// visibleTo reports whether the person of that id may see it.
func (s *status) visibleTo(id string) bool {
	return s.readers == nil || slices.Contains(s.readers, id)
}

// statuses are what the wall keeps, oldest first.
type statuses []status

// add stores a status and completes it.
func (list *statuses) add(s status) status {
	s.ID = strings.ToLower(rand.Text())
	s.Time = time.Now().UTC().Truncate(time.Millisecond)
	if len(*list) == maxStatuses {
		*list = append((*list)[:0], (*list)[1:]...)
	}
	*list = append(*list, s)
	return s
}

// since returns the statuses newer than that of the id. If the id is not known
// these are all: it is one that was forgotten, or none at all.
func (list statuses) since(id string) statuses {
	for i, s := range slices.Backward(list) {
		if s.ID == id {
			return list[i+1:]
		}
	}
	return list
}

// forReader returns those that the person of that id may see, newest first.
func (list statuses) forReader(id string) listing {
	out := listing{Statuses: []status{}}
	for _, s := range slices.Backward(list) {
		if s.visibleTo(id) {
			out.Statuses = append(out.Statuses, s)
		}
	}
	if len(out.Statuses) > 0 {
		out.ID = out.Statuses[0].ID
	}
	return out
}

// A listing is what pages are told.
type listing struct {
	Statuses []status `json:"statuses"`         // newest first
	ID       string   `json:"id"`               // of the newest; "" when there is none
	People   people   `json:"people,omitempty"` // who is signed in, where people do
}
