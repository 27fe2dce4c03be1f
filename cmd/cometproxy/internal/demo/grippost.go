package demo

import (
	"errors"
	"net/http"
	"slices"
	"time"
)

// post stores a status and publishes it.
func (a *GripApp) post(r *http.Request, me *person, body []byte) answer {
	in, code, err := parse(r.Header.Get("Content-Type"), body)
	if me == nil {
		return refused(r, http.StatusUnauthorized, in, errors.New("You are signed out. Please sign in again."), a.page)
	}
	in.name = me.Name
	if err == nil {
		in, err = in.check()
	}
	var s status
	if err == nil {
		s, err = a.address(me, in)
	}
	if err != nil {
		return refused(r, code, in, err, a.page)
	}
	s = a.statuses.add(s)
	if err := a.publishNew(); err != nil {
		a.logf("demo: status %s is stored but not published: %v", s.ID, err)
	}
	return posted(r, in, s)
}

// address makes a status for those whom the entry names. It has to name somebody:
// what was for one who is gone must not go to everybody.
func (a *GripApp) address(me *person, in entry) (status, error) {
	s := status{Name: me.Name, Text: in.text}
	switch {
	case len(in.to) == 0:
		return s, errors.New("Please choose for whom this is.")
	case len(in.to) == 1 && in.to[0] == everybody:
		return s, nil
	case slices.Contains(in.to, everybody):
		return s, errors.New("Please choose either everybody or some people.")
	}
	s.readers = []string{me.ID}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(in.to))) {
		p := a.people.find(id)
		if p == nil {
			return s, errors.New("Somebody you chose has signed out. Please choose again.")
		}
		s.To = append(s.To, p.Name)
		if p != me {
			s.readers = append(s.readers, id)
		}
	}
	slices.Sort(s.To)
	return s, nil
}

func (a *GripApp) signIn(r *http.Request, me *person, body []byte) answer {
	in, code, err := parse(r.Header.Get("Content-Type"), body)
	if err == nil {
		in.name, err = checkName(in.name)
	}
	if err != nil {
		return refused(r, code, in, err, a.page)
	}
	if me != nil {
		a.people.signOut(me)
	}
	p, err := a.people.signIn(in.name, time.Now())
	if err != nil {
		return refused(r, http.StatusConflict, in, err, a.page)
	}
	a.announce()
	out := toPage()
	out.header["Set-Cookie"] = (&http.Cookie{
		Name: sessionCookie, Value: p.session, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}).String()
	return out
}

// signOut ends a session, and the polls that were held for it: they get what the
// next poll would get.
func (a *GripApp) signOut(me *person) answer {
	if me != nil {
		a.people.signOut(me)
		if err := a.publish([]string{personChannel(me.ID)}, "", stranger()); err != nil {
			a.logf("demo: the polls of %s end later: %v", me.Name, err)
		}
		a.announce()
	}
	out := toPage()
	out.header["Set-Cookie"] = (&http.Cookie{Name: sessionCookie, Path: "/", MaxAge: -1}).String()
	return out
}
