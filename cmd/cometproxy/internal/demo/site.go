package demo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"sync"
	"time"
)

const maxBody = 16 << 10 // bytes of a request

// site is what both apps are made of: one worker, the statuses, and the way to
// the proxy's internal listener.
type site struct {
	// Logf is told of each publish that failed; nil means log.Printf. Set it
	// before the first request.
	Logf func(format string, args ...any)

	// Static after newSite.
	publishURL string
	client     *http.Client
	sameOrigin *http.CrossOriginProtection

	// worker is held while a request is worked on: this app has exactly one
	// worker, like PHP's built-in server or a single synchronous Django worker.
	// An app like that cannot keep even two long polls open. Behind cometproxy
	// it need not: the waiting is done there.
	worker sync.Mutex
	// Below: only whoever holds worker.
	statuses statuses
}

func newSite(publishURL string) site {
	// Never through a proxy of the environment: the listener is next door.
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	return site{
		publishURL: strings.TrimRight(publishURL, "/"),
		client:     &http.Client{Transport: transport, Timeout: 5 * time.Second},
		sameOrigin: http.NewCrossOriginProtection(),
	}
}

// serve takes the whole request off the wire, has the one worker make the
// answer, and sends that. As with the web server in front of any such worker, a
// slow client does not occupy it.
func (a *site) serve(w http.ResponseWriter, r *http.Request, work func(r *http.Request, body []byte) answer) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var out answer
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		out = problem(http.StatusRequestEntityTooLarge, fmt.Sprintf("The request's body is larger than %d bytes.", maxBody))
	case err != nil:
		out = problem(http.StatusBadRequest, "The request's body could not be read.")
	default:
		out = a.alone(func() answer { return work(r, body) })
	}
	out.write(w)
}

// alone does the worker's part of one request; the others wait.
func (a *site) alone(work func() answer) answer {
	a.worker.Lock()
	defer a.worker.Unlock()
	return work()
}

// send posts to the proxy's internal listener. Header is a list of names and
// values.
func (a *site) send(path string, body []byte, header ...string) error {
	req, err := http.NewRequest(http.MethodPost, a.publishURL+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
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

func (a *site) logf(format string, args ...any) {
	if a.Logf != nil {
		a.Logf(format, args...)
		return
	}
	log.Printf(format, args...)
}

// isRead reports that a request only reads.
func isRead(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead
}

// isScript reports that an entry came from a script, which wants JSON, and not
// from a form that a browser sent without JavaScript.
func isScript(r *http.Request, in entry) bool {
	return !in.form || strings.Contains(r.Header.Get("Accept"), "application/json")
}

// refused says why an entry is not taken: a form comes back with what was typed.
func refused(r *http.Request, code int, in entry, err error, page func(*http.Request, int, entry, string) answer) answer {
	if isScript(r, in) {
		return problem(code, err.Error())
	}
	return page(r, code, in, err.Error())
}

// posted is the answer to an entry that is stored.
func posted(r *http.Request, in entry, s status) answer {
	if isScript(r, in) {
		return jsonAnswer(http.StatusCreated, s)
	}
	return toPage()
}

// toPage sends a browser that posted a form to the wall.
func toPage() answer {
	return answer{code: http.StatusSeeOther, header: map[string]string{"Location": "/"}}
}
