package demo

import (
	"encoding/json"
	"net/http"
)

const channel = "wall" // of what is for everybody

// App is the status wall that everybody may read, an http.Handler. Browsers wait
// at /events/wall, a route of the proxy. Make one with New.
type App struct{ site }

var _ http.Handler = (*App)(nil)

// New returns an app that publishes to the internal listener at publishURL,
// such as http://127.0.0.1:5561.
func New(publishURL string) *App {
	return &App{newSite(publishURL)}
}

// ServeHTTP implements http.Handler.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.serve(w, r, a.work)
}

func (a *App) work(r *http.Request, body []byte) answer {
	switch r.URL.Path {
	case "/":
		if !isRead(r) {
			return notAllowed("GET, HEAD")
		}
		return a.page(r, http.StatusOK, entry{}, "")
	case "/statuses":
		switch {
		case isRead(r): // what a page fetches when it starts, and when it is told of a gap
			return jsonAnswer(http.StatusOK, a.statuses.forReader(""))
		case r.Method == http.MethodPost:
			return a.post(r, body)
		}
		return notAllowed("GET, HEAD, POST")
	}
	return problem(http.StatusNotFound, "There is only / and /statuses here.")
}

// post stores a status and publishes it.
func (a *App) post(r *http.Request, body []byte) answer {
	if err := a.sameOrigin.Check(r); err != nil {
		return problem(http.StatusForbidden, "Statuses are posted from this site's own page only.")
	}
	in, code, err := parse(r.Header.Get("Content-Type"), body)
	if err == nil {
		in, err = in.check()
	}
	if err != nil {
		return refused(r, code, in, err, a.page)
	}
	s := a.statuses.add(status{Name: in.name, Text: in.text})
	// Only what is stored is published. The other way round a page that
	// refetches at that moment would miss a status its channel already had.
	if err := a.publish(s); err != nil {
		// The status is stored all the same; pages see it when they refetch.
		a.logf("demo: status %s is stored but not published: %v", s.ID, err)
	}
	return posted(r, in, s)
}

// publish hands a status to the proxy. This is all that an app does to be live.
func (a *App) publish(s status) error {
	body, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return a.send("/channels/"+channel, body, "Content-Type", "application/json", "Idempotency-Key", s.ID)
}

// page renders the wall. In and complaint are those of a form that was refused.
func (a *App) page(r *http.Request, code int, in entry, complaint string) answer {
	return nativePage.answer(code, pageValues{
		Statuses: a.statuses.forReader("").Statuses,
		Name:     in.name, Text: in.text, Error: complaint,
		Follow: "/events/wall",
		Public: "http://" + r.Host, Internal: a.publishURL, // the script knows the former better
	})
}
