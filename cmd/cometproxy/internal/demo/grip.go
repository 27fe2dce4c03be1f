package demo

import (
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	gripIssuer  = "cometproxy" // as [grip] sig_iss has it
	holdSeconds = "25"         // below what proxies in between wait for an answer
)

// GripApp is the status wall on which a status goes to everybody, or to some
// people only; an http.Handler. Make one with NewGrip.
//
// People sign in, and a page polls /updates. The proxy asks the app with every
// poll, and the app answers at once: with what is new; or, if nothing is, with
// the instruction to hold the poll on channels that it chooses by its own
// session. So it alone decides who hears what.
//
// # Why a page misses nothing
//
// A page polls with the id of the newest status that it has, which /statuses
// told it first.
//
//   - What was stored before the poll reaches the worker is in the worker's
//     answer: it looks into its store and answers at once with what is newer.
//   - What is stored after that is also published after that, because the one
//     worker stores and publishes in one go. The proxy has noted, when it passed
//     the poll on, how far its channels were, and a hold begins there: what is
//     published while the app's answer is still on its way ends the hold, too.
//   - What could not be published goes first with the next that can. So no page
//     is told of a status before it was told of all older ones, and "the newest
//     that I have" does stand for them. If no other comes, the next poll finds it.
//
// What comes twice, the page shows once. A status that is forgotten, or that this
// app has never had, counts as none: the answer is all there is.
type GripApp struct {
	site
	key []byte // static; with it the proxy signs what it passes on

	// Below: only whoever holds worker.
	people    people
	published string // id of the newest status that is published
}

var _ http.Handler = (*GripApp)(nil)

// NewGrip returns an app that publishes to the internal listener at publishURL,
// such as http://127.0.0.1:5561. The key is the proxy's [grip] sig_key.
func NewGrip(publishURL, key string) *GripApp {
	return &GripApp{site: newSite(publishURL), key: []byte(key)}
}

// ServeHTTP implements http.Handler.
func (a *GripApp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.serve(w, r, a.work)
}

func (a *GripApp) work(r *http.Request, body []byte) answer {
	if err := a.sameOrigin.Check(r); err != nil {
		return problem(http.StatusForbidden, "Forms are sent from this site's own page only.")
	}
	me := a.people.of(r, time.Now())
	post := r.Method == http.MethodPost
	switch path := r.URL.Path; {
	case path == "/" && isRead(r):
		return a.page(r, http.StatusOK, entry{to: []string{everybody}}, "")
	case path == "/statuses" && isRead(r):
		return a.list(me)
	case path == "/statuses" && post:
		return a.post(r, me, body)
	case path == "/updates" && isRead(r):
		return a.updates(r, me)
	case path == "/signin" && post:
		return a.signIn(r, me, body)
	case path == "/signout" && post:
		return a.signOut(me)
	case path == "/", path == "/updates":
		return notAllowed("GET, HEAD")
	case path == "/statuses":
		return notAllowed("GET, HEAD, POST")
	case path == "/signin", path == "/signout":
		return notAllowed("POST")
	}
	return problem(http.StatusNotFound, "There is only /, /statuses, /updates, /signin and /signout here.")
}

func stranger() answer {
	return problem(http.StatusUnauthorized, "Nobody is signed in here. Sign in first, at /.")
}

// list is what a page fetches when it starts, and whenever it is not sure.
func (a *GripApp) list(me *person) answer {
	if me == nil {
		return stranger()
	}
	return jsonAnswer(http.StatusOK, a.news(a.statuses, me))
}

// updates answers a poll: with what is newer than the status that the page names
// as its newest, or with a hold. A poll that names none wants what comes from now on.
func (a *GripApp) updates(r *http.Request, me *person) answer {
	if !a.proxied(r) {
		// Nobody would follow the instruction: the page would get an empty answer
		// at once, again and again.
		return problem(http.StatusForbidden, "Polls come through the proxy, which signs them; this one did not.")
	}
	if me == nil {
		return stranger()
	}
	newer := statuses{}
	if q := r.URL.Query(); q.Has("after") {
		newer = a.statuses.since(q.Get("after"))
	}
	news := a.news(newer, me)
	out := jsonAnswer(http.StatusOK, news)
	if len(news.Statuses) > 0 {
		return out
	}
	// The proxy keeps this answer for when the time is up. Who is signed in is
	// still true then: had it changed, that would have ended the hold.
	out.header["Grip-Hold"] = "response"
	out.header["Grip-Channel"] = channel + ", " + personChannel(me.ID)
	out.header["Grip-Timeout"] = holdSeconds
	return out
}

// proxied reports whether a request came through the proxy.
func (a *GripApp) proxied(r *http.Request) bool {
	_, err := jwt.Parse(r.Header.Get("Grip-Sig"), func(*jwt.Token) (any, error) { return a.key, nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuer(gripIssuer), jwt.WithExpirationRequired())
	return err == nil
}

// news is what a page of this person is told.
func (a *GripApp) news(list statuses, me *person) listing {
	out := list.forReader(me.ID)
	out.People = a.people
	return out
}

// page renders the wall, or the form to sign in. In and complaint are those of a
// form that was refused.
func (a *GripApp) page(r *http.Request, code int, in entry, complaint string) answer {
	values := pageValues{
		Name: in.name, Text: in.text, Error: complaint,
		People: true, Me: a.people.of(r, time.Now()),
		Public: "http://" + r.Host, Internal: a.publishURL,
	}
	if values.Me != nil {
		values.Statuses = a.statuses.forReader(values.Me.ID).Statuses
		values.Choices = a.people.choices(values.Me, in.to)
	}
	return gripPage.answer(code, values)
}
