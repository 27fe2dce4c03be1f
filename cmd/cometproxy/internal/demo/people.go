package demo

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	maxPeople     = 200
	sessionCookie = "cometproxy_demo_session"
	sessionAge    = 10 * time.Minute // without a request; an open page polls far more often
	everybody     = "everybody"      // stands in a form where people's ids stand
)

// A person is somebody who is signed in. There are no accounts: who signs in
// twice is two persons.
type person struct {
	ID   string `json:"id"` // random: a name does not lead to it
	Name string `json:"name"`

	session string    // the secret in the cookie
	seen    time.Time // of the last request
}

// personChannel is where what is for one person is published.
func personChannel(id string) string { return "person-" + id }

// Initial and Hue are for the template, as those of a status.
func (p person) Initial() string { return initial(p.Name) }
func (p person) Hue() uint32     { return hue(p.Name) }

// people are those who are signed in, in the order in which they came.
type people []*person

// signIn adds a person, under a name that nobody else has at the moment.
func (list *people) signIn(name string, now time.Time) (*person, error) {
	list.expire(now)
	if len(*list) == maxPeople {
		return nil, errors.New("Too many people are signed in. Please try again later.")
	}
	if strings.EqualFold(name, everybody) {
		return nil, errors.New("That would be everybody. Please choose another name.")
	}
	for _, p := range *list {
		if strings.EqualFold(p.Name, name) {
			return nil, fmt.Errorf("Somebody is signed in as %s. Please choose another name.", p.Name)
		}
	}
	p := &person{ID: strings.ToLower(rand.Text()), Name: name, session: rand.Text(), seen: now}
	*list = append(*list, p)
	return p, nil
}

// signOut ends a session.
func (list *people) signOut(p *person) {
	*list = slices.DeleteFunc(*list, func(q *person) bool { return q == p })
}

// expire ends the sessions that have not been used for long.
func (list *people) expire(now time.Time) {
	*list = slices.DeleteFunc(*list, func(p *person) bool { return now.Sub(p.seen) >= sessionAge })
}

// of returns who sends a request, or nil.
func (list *people) of(r *http.Request, now time.Time) *person {
	list.expire(now)
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return nil
	}
	for _, p := range *list {
		if p.session == cookie.Value {
			p.seen = now
			return p
		}
	}
	return nil
}

// find returns the person of an id, or nil.
func (list people) find(id string) *person {
	for _, p := range list {
		if p.ID == id {
			return p
		}
	}
	return nil
}

// A choice is one of those to whom a status can go.
type choice struct {
	ID, Name string
	Chosen   bool
}

// choices are everybody, and everybody but me one by one.
func (list people) choices(me *person, chosen []string) []choice {
	all := []choice{{everybody, "Everybody", slices.Contains(chosen, everybody)}}
	for _, p := range list {
		if p != me {
			all = append(all, choice{p.ID, p.Name, slices.Contains(chosen, p.ID)})
		}
	}
	return all
}
