package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"cometproxy/cmd/cometproxy/internal/doctor"
)

const doctorUsage = `
Usage: cometproxy doctor [flags] URL

Asks through the public URL, as clients do, and tells whether something in between
(nginx, HAProxy, Apache, a load balancer, a CDN) cuts a hold, buffers, compresses or
caches answers, or changes them, and what to set there. URL is a route that holds,
or, better, the probe, which [public] probe = "/.well-known/cometproxy" switches on;
of a URL that holds, it is looked for there too.

The exit code is 0 if all is fine, or what was found only costs something (as
HTTP/1.0 does), 1 if something is to be changed or nothing that holds was reached, 2
if the command line is wrong.

Examples:
  cometproxy doctor https://site.example/events/42
  cometproxy doctor -hold 8s https://site.example/.well-known/cometproxy
  cometproxy doctor -connect 10.0.0.5:443 https://site.example/   (past the CDN)
`

// runDoctor examines a URL and prints what it found.
func runDoctor(args []string, stdout, stderr io.Writer) int {
	o := doctor.Options{Header: make(http.Header)}
	flags := newFlags("doctor", doctorUsage, stdout)
	flags.DurationVar(&o.Longest, "hold", 55*time.Second, "`TIME` of the longest hold to try (default 55s, for many cut at 60s); it takes as long as that")
	flags.StringVar(&o.Probe, "probe", doctor.DefaultProbe, "`PATH` at which the probe is looked for (default "+doctor.DefaultProbe+")")
	flags.StringVar(&o.Connect, "connect", "", "`ADDRESS` host:port to connect to, whatever the URL says: past what stands in between")
	header := func(line string) error { return addHeader(o.Header, line) }
	flags.Func("header", "`LINE` \"Name: value\" to send with each request; may be repeated", header)
	roots := flags.String("cacert", "", "`FILE` of PEM certificates to trust in place of the system's")
	flags.BoolVar(&o.Insecure, "insecure", false, "go on whatever the certificate is")
	asJSON := flags.Bool("json", false, "print the report as a JSON object")
	if code, done := parseFlags(flags, args, stderr); done {
		return code
	}
	switch {
	case flags.NArg() == 0:
		return usageError(stderr, "doctor", "name a URL")
	case flags.NArg() > 1:
		return usageError(stderr, "doctor", "unexpected %q after the URL; put flags before it", flags.Arg(1))
	case o.Longest < time.Second || o.Longest > time.Hour:
		return usageError(stderr, "doctor", "-hold is a time from 1s to 1h, not %s", o.Longest)
	}
	o.URL = flags.Arg(0)
	if why := complete(&o, *roots); why != "" {
		return usageError(stderr, "doctor", "%s", why)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if !*asJSON && o.Longest > 10*time.Second {
		fmt.Fprintf(stderr, "cometproxy doctor: asking; this takes up to %s (-hold)\n", o.Longest)
	}
	e, err := doctor.Examine(ctx, o)
	switch {
	case err != nil:
		return usageError(stderr, "doctor", "%v", err)
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "cometproxy doctor: interrupted")
		return exitFailed
	}
	r := doctor.Judge(e)
	if *asJSON {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		encoder.Encode(r)
	} else {
		r.Print(stdout)
	}
	if r.Found {
		return exitFailed
	}
	return exitOK
}

// complete checks what flags say, and reads files; it returns what is wrong.
func complete(o *doctor.Options, roots string) string {
	if !strings.HasPrefix(o.Probe, "/") {
		return fmt.Sprintf("-probe is a path that begins with /, not %q", o.Probe)
	}
	if o.Connect != "" {
		if _, _, err := net.SplitHostPort(o.Connect); err != nil {
			return fmt.Sprintf("-connect is host:port, not %q", o.Connect)
		}
	}
	if roots == "" {
		return ""
	}
	pem, err := os.ReadFile(roots)
	if err != nil {
		return err.Error()
	}
	if o.Roots = x509.NewCertPool(); !o.Roots.AppendCertsFromPEM(pem) {
		return roots + " has no certificates in PEM"
	}
	return ""
}

// addHeader adds "Name: value" to lines.
func addHeader(lines http.Header, line string) error {
	name, value, ok := strings.Cut(line, ":")
	if name = strings.TrimSpace(name); !ok || name == "" || strings.ContainsAny(line, "\r\n") {
		return fmt.Errorf("write \"Name: value\"")
	}
	lines.Add(name, strings.TrimSpace(value))
	return nil
}
