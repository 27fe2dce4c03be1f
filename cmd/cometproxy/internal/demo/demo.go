// Package demo is the web app that "cometproxy demo" puts behind the proxy: a
// wall of short statuses that every open browser window sees at once.
//
// It is deliberately the plainest app there is. It works on one request at a
// time and knows nothing of waiting clients: it stores a status, then tells the
// proxy with one HTTP POST. The browsers wait at the proxy (/events/wall), so
// thousands of them cost this app nothing.
package demo

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	channel     = "wall"
	maxStatuses = 200 // kept; older ones are forgotten
	maxName     = 40  // characters
	maxText     = 280 // characters
	maxBody     = 16 << 10
)

// A status is one entry of the wall, in the store, in GET /statuses and as the
// message that is published.
type status struct {
	ID   string    `json:"id"`
	Name string    `json:"name"`
	Text string    `json:"text"`
	Time time.Time `json:"time"`
}

// App is the status wall, an http.Handler. Make one with New.
type App struct {
	// Logf is told of each publish that failed; nil means log.Printf. Set it
	// before the first request.
	Logf func(format string, args ...any)

	// Static after New.
	publishURL string
	run        string // begins every status id, so that ids of two runs differ
	client     *http.Client
	sameOrigin *http.CrossOriginProtection

	// worker is held while a request is worked on: this app has exactly one
	// worker, like PHP's built-in server or a single synchronous Django worker.
	// An app like that cannot keep even two long polls open. Behind cometproxy
	// it need not: the waiting is done there.
	worker sync.Mutex
	// Below: only whoever holds worker.
	statuses []status // oldest first
	count    int      // statuses ever stored
}

var _ http.Handler = (*App)(nil)

// New returns an app that publishes to the internal listener at publishURL,
// such as http://127.0.0.1:5561.
func New(publishURL string) *App {
	// Never through a proxy of the environment: the listener is next door.
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	return &App{
		publishURL: strings.TrimRight(publishURL, "/"),
		run:        strings.ToLower(rand.Text()[:8]),
		client:     &http.Client{Transport: transport, Timeout: 5 * time.Second},
		sameOrigin: http.NewCrossOriginProtection(),
	}
}

// ServeHTTP takes the whole request off the wire, has the one worker make the
// answer, and sends that. As with the web server in front of any such worker, a
// slow client does not occupy it.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var out answer
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		out = problem(http.StatusRequestEntityTooLarge, fmt.Sprintf("The request's body is larger than %d bytes.", maxBody))
	case err != nil:
		out = problem(http.StatusBadRequest, "The request's body could not be read.")
	default:
		out = a.work(r, body)
	}
	h := w.Header()
	for name, value := range out.header {
		h.Set(name, value)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(out.body)))
	w.WriteHeader(out.code)
	_, _ = w.Write(out.body) // net/http leaves it out for HEAD; a client that is gone is no news
}

// answer is a whole response.
type answer struct {
	code   int
	header map[string]string
	body   []byte
}

// work makes the answer to one request, one at a time.
func (a *App) work(r *http.Request, body []byte) answer {
	a.worker.Lock()
	defer a.worker.Unlock()

	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch r.URL.Path {
	case "/":
		if !read {
			return notAllowed("GET, HEAD")
		}
		return a.page(r, http.StatusOK, entry{}, "")
	case "/statuses":
		if read {
			return a.list()
		}
		if r.Method == http.MethodPost {
			return a.post(r, body)
		}
		return notAllowed("GET, HEAD, POST")
	}
	return problem(http.StatusNotFound, "There is only / and /statuses here.")
}

// list is what a page fetches when it starts, and when it is told of a gap.
func (a *App) list() answer {
	var list struct {
		Statuses []status `json:"statuses"` // newest first
		ID       string   `json:"id"`       // of the newest; "" when there is none
	}
	list.Statuses = a.newestFirst()
	if len(list.Statuses) > 0 {
		list.ID = list.Statuses[0].ID
	}
	return jsonAnswer(http.StatusOK, list)
}

func (a *App) newestFirst() []status {
	list := make([]status, 0, len(a.statuses))
	for i := len(a.statuses) - 1; i >= 0; i-- {
		list = append(list, a.statuses[i])
	}
	return list
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
	script := !in.form || strings.Contains(r.Header.Get("Accept"), "application/json")
	if err != nil && script {
		return problem(code, err.Error())
	}
	if err != nil { // a form sent without JavaScript: the page again, with what was typed
		return a.page(r, code, in, err.Error())
	}

	s := a.store(in)
	// Only what is stored is published. The other way round a page that
	// refetches at that moment would miss a status its channel already had.
	if err := a.publish(s); err != nil {
		// The status is stored all the same; pages see it when they refetch.
		a.logf("demo: status %s is stored but not published: %v", s.ID, err)
	}

	if script {
		return jsonAnswer(http.StatusCreated, s)
	}
	return answer{code: http.StatusSeeOther, header: map[string]string{"Location": "/"}}
}

func (a *App) store(in entry) status {
	a.count++
	s := status{
		ID:   fmt.Sprintf("%s-%d", a.run, a.count),
		Name: in.name,
		Text: in.text,
		Time: time.Now().UTC().Truncate(time.Millisecond),
	}
	if len(a.statuses) == maxStatuses {
		a.statuses = append(a.statuses[:0], a.statuses[1:]...)
	}
	a.statuses = append(a.statuses, s)
	return s
}

// publish hands a status to the proxy. This is all that an app does to be live.
func (a *App) publish(s status) error {
	body, err := json.Marshal(s)
	if err != nil {
		return err
	}
	req, err := http.NewRequest(http.MethodPost, a.publishURL+"/channels/"+channel, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", s.ID)
	resp, err := a.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	reply, _ := io.ReadAll(io.LimitReader(resp.Body, 300)) // for the log only
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %q", resp.Status, reply)
	}
	return nil
}

func (a *App) logf(format string, args ...any) {
	if a.Logf != nil {
		a.Logf(format, args...)
		return
	}
	log.Printf(format, args...)
}

// entry is what somebody wants to post.
type entry struct {
	name, text string
	form       bool // came from a form, not from a script
}

// parse reads an entry in either of its forms. With an error goes the status of
// the answer; without one that is the status for an entry that check refuses.
func parse(contentType string, body []byte) (entry, int, error) {
	media, _, _ := mime.ParseMediaType(contentType)
	switch media {
	case "application/json":
		var in struct{ Name, Text string }
		if err := json.Unmarshal(body, &in); err != nil {
			return entry{}, http.StatusBadRequest, errors.New(`The body is not JSON of the form {"name":"…","text":"…"}.`)
		}
		return entry{name: in.Name, text: in.Text}, http.StatusBadRequest, nil
	case "application/x-www-form-urlencoded":
		in, err := url.ParseQuery(string(body))
		e := entry{name: in.Get("name"), text: in.Get("text"), form: true}
		if err != nil {
			return e, http.StatusBadRequest, errors.New("The form could not be read.")
		}
		return e, http.StatusBadRequest, nil
	}
	return entry{}, http.StatusUnsupportedMediaType,
		errors.New("Send a status as application/json or application/x-www-form-urlencoded.")
}

// check returns the entry tidied, or says to its writer what is wrong with it.
func (e entry) check() (entry, error) {
	if !utf8.ValidString(e.name) || !utf8.ValidString(e.text) {
		return e, errors.New("Name and text must be UTF-8.")
	}
	e.name = strings.Join(strings.Fields(e.name), " ")
	e.text = strings.TrimSpace(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(e.text))
	switch {
	case e.name == "":
		return e, errors.New("Please give a name.")
	case utf8.RuneCountInString(e.name) > maxName:
		return e, fmt.Errorf("A name has at most %d characters.", maxName)
	case e.text == "":
		return e, errors.New("Please write something.")
	case utf8.RuneCountInString(e.text) > maxText:
		return e, fmt.Errorf("A status has at most %d characters.", maxText)
	case strings.ContainsFunc(e.name, unicode.IsControl),
		strings.ContainsFunc(e.text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }):
		return e, errors.New("Name and text may not contain control characters.")
	}
	return e, nil
}

func jsonAnswer(code int, v any) answer {
	body, err := json.Marshal(v)
	if err != nil {
		return problem(http.StatusInternalServerError, err.Error())
	}
	return answer{code: code, header: map[string]string{"Content-Type": "application/json"}, body: append(body, '\n')}
}

// problem is an error answer as RFC 9457 has it.
func problem(code int, detail string) answer {
	out := jsonAnswer(code, struct {
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{http.StatusText(code), code, detail})
	out.header["Content-Type"] = "application/problem+json"
	return out
}

func notAllowed(allow string) answer {
	out := problem(http.StatusMethodNotAllowed, "Allowed here: "+allow+".")
	out.header["Allow"] = allow
	return out
}
