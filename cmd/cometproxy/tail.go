package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const tailUsage = `
Usage: cometproxy tail [flags] CHANNEL...
       cometproxy tail [flags] -url URL

Follows channels as a client does: by long polls on a public route, with cursors,
and prints each message on a line. For a CHANNEL the route is the one of the
configuration that clients get it from, at its [public] listen or tls_listen, whose
certificates are trusted; URL is any route that holds.

Examples:
  cometproxy tail room:42
  cometproxy tail -json -from earliest room:42 everyone
  cometproxy tail -url https://site.example/events/42
  cometproxy tail -cacert ca.pem -url https://10.0.0.5:8443/events/42
`

// A tail is what is followed.
type tail struct {
	target  string   // URL without cursor and wait
	host    string   // Host header, if not the URL's
	https   bool     // say that a proxy in front was reached by https
	only    []string // channels; empty: all that come
	client  *http.Client
	cursor  string
	printer *tailPrinter
}

// runTail follows until it is interrupted.
func runTail(args []string, stdout, stderr io.Writer) int {
	flags := newFlags("tail", tailUsage, stdout)
	file := flags.String("config", defaultConfig, "`FILE` with the routes (default "+defaultConfig+")")
	address := flags.String("url", "", "`URL` of a route that holds, in place of channels")
	from := flags.String("from", "now", "`WHERE` to begin: now, earliest (all that is kept) or a cursor")
	count := flags.Int("n", -1, "end after `N` messages")
	ca := flags.String("cacert", "", "`FILE` with the authority (PEM) of the listener's certificate; the configuration's own are trusted without")
	insecure := flags.Bool("insecure", false, "take any certificate")
	asJSON := flags.Bool("json", false, "print each message as a JSON object")
	if code, done := parseFlags(flags, args, stderr); done {
		return code
	}
	if *insecure && *ca != "" {
		return usageError(stderr, "tail", "-cacert and -insecure exclude each other")
	}
	if (*address == "") == (flags.NArg() == 0) {
		return usageError(stderr, "tail", "name channels, or a route with -url")
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	printer := &tailPrinter{out: stdout, notes: stderr, asJSON: *asJSON, left: *count, done: cancel}
	plan := tailPlan{file: *file, url: *address, names: flags.Args(), ca: *ca, insecure: *insecure}
	tails, err := plan.tails()
	if err != nil {
		fmt.Fprintf(stderr, "cometproxy tail: %v\n", err)
		return exitFailed
	}
	failed := make([]error, len(tails))
	var wg sync.WaitGroup
	for i, t := range tails {
		t.cursor, t.printer = *from, printer
		wg.Go(func() {
			if failed[i] = t.follow(ctx); failed[i] != nil {
				cancel()
			}
		})
	}
	wg.Wait()
	if err := errors.Join(failed...); err != nil {
		fmt.Fprintf(stderr, "cometproxy tail: %v\n", err)
		return exitFailed
	}
	return exitOK
}

// follow polls until ctx ends. What passes by itself is tried again.
func (t *tail) follow(ctx context.Context) error {
	pause := time.Second
	for ctx.Err() == nil {
		after, err := t.poll(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errNoRoute), errors.Is(err, errUntrusted):
			return err
		case err != nil:
			after = max(after, pause)
			t.printer.note("%v; trying again in %s", err, after)
			after += rand.N(pause / 4) // those that were cut off together do not come back together
			pause = min(2*pause, 30*time.Second)
		default:
			pause = time.Second
		}
		select {
		case <-ctx.Done():
		case <-time.After(after):
		}
	}
	return nil
}

// errUntrusted: who answers is not known to be who is meant.
var errUntrusted = errors.New("not trusted")

// errNoRoute: there is nothing to follow at this URL.
var errNoRoute = errors.New("this is no route of cometproxy that holds")

// poll is one long poll. after is what the answer asks to wait before the next.
func (t *tail) poll(ctx context.Context) (after time.Duration, err error) {
	u, err := url.Parse(t.target)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errNoRoute, err)
	}
	query := u.Query()
	query.Set("cursor", t.cursor)
	u.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errNoRoute, err)
	}
	request.Host = t.host
	if t.https {
		request.Header.Set("X-Forwarded-Proto", "https")
	}
	response, err := t.client.Do(request)
	if err != nil {
		return 0, plainPollError(t.target, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<20))
	if err != nil {
		return 0, fmt.Errorf("%s: the answer broke off: %w", t.target, err)
	}
	after = retryAfter(response.Header.Get("Retry-After"), time.Now())
	cursor := response.Header.Get("Comet-Cursor")
	switch {
	case response.StatusCode >= 500 || response.StatusCode == http.StatusTooManyRequests || response.StatusCode == http.StatusRequestTimeout:
		return after, fmt.Errorf("%s answered %s", t.target, printable(response.Status))
	case response.StatusCode/100 != 2 || cursor == "":
		return 0, fmt.Errorf("%w: %s answered %s%s", errNoRoute, t.target, printable(response.Status), detailOf(body))
	}
	t.cursor = cursor
	return after, t.printer.answer(t, body)
}

// retryAfter is what a Retry-After says, in seconds or as a date; at most an hour.
func retryAfter(text string, now time.Time) time.Duration {
	var after time.Duration
	if s, err := strconv.ParseUint(text, 10, 31); err == nil {
		after = time.Duration(s) * time.Second
	} else if date, err := http.ParseTime(text); err == nil {
		after = date.Sub(now)
	}
	return min(max(after, 0), time.Hour)
}

// detailOf is what a problem in JSON, or a line of text, says, or nothing.
func detailOf(body []byte) string {
	var problem struct{ Detail string }
	if json.Unmarshal(body, &problem) != nil {
		if line := strings.TrimSpace(string(body)); len(line) < 200 && !strings.ContainsAny(line, "\n<") {
			problem.Detail = line
		}
	}
	if problem.Detail == "" {
		return ""
	}
	return ": " + printable(problem.Detail)
}

func plainPollError(target string, err error) error {
	var dns *net.DNSError
	var authority x509.UnknownAuthorityError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nothing listens at %s", target)
	case errors.As(err, &dns):
		return fmt.Errorf("there is no host %q", dns.Name)
	case errors.As(err, &authority):
		return fmt.Errorf("%w: nobody vouches for the certificate of %s: name its authority with -cacert FILE, or take any with -insecure", errUntrusted, target)
	case errors.As(err, &certificate):
		return fmt.Errorf("%w: the certificate of %s: %w (-cacert FILE says whom to trust, -insecure takes any)", errUntrusted, target, certificate.Err)
	case errors.Is(err, errUntrusted):
		return fmt.Errorf("%s: %w", target, errors.Unwrap(err))
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return fmt.Errorf("%w: %s speaks plain HTTP: write http://", errNoRoute, target)
	}
	return err
}
