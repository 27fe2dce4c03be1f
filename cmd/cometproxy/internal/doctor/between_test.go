package doctor

import (
	"fmt"
	"testing"
)

func TestBetween(t *testing.T) {
	for _, c := range []struct {
		a    Answer
		want string
	}{
		{answer(200, 0, ""), "[]"},
		{answer(200, 0, "", "Server: nginx/1.22.1"), "[{nginx nginx/1.22.1}]"},
		{answer(200, 0, "", "Via: 1.1 cometproxy"), "[]"},
		{answer(200, 0, "", "Server: openresty", "Via: 1.1 google, 2 odd"), "[{nginx openresty} {Google load balancer 1.1 google} { 2 odd}]"},
		{answer(200, 0, "", "Via: 1.1 abc.cloudfront.net (CloudFront)", "X-Amz-Cf-Id: x"), "[{CloudFront 1.1 abc.cloudfront.net (CloudFront)}]"},
		{answer(200, 0, "", "Via: 1.1 varnish", "X-Served-By: cache-fra-1"), "[{Fastly 1.1 varnish}]"},
		{answer(200, 0, "", "Via: 1.1 varnish (Varnish/7.1)"), "[{Varnish 1.1 varnish (Varnish/7.1)}]"},
		{answer(200, 0, "", "Server: cloudflare", "CF-Ray: 1"), "[{Cloudflare cloudflare}]"},
		{answer(504, 0, "<h1>504</h1>\nThe server didn't respond in time."), "[{HAProxy HAProxy}]"},
		{answer(200, 0, "The server didn't respond in time."), "[]"},
		{answer(504, 0, "", "Server: awselb/2.0"), "[{AWS load balancer awselb/2.0}]"},
		{answer(504, 0, "", "Server: \x1b]evil\x07nginx"), "[{nginx ]evilnginx}]"},
	} {
		if got := fmt.Sprint(inAnswer(&c.a)); got != c.want {
			t.Errorf("%v: %s, want %s", c.a.Header, got, c.want)
		}
	}
	e := &Echo{Names: []string{"Host", "CF-Connecting-IP", "cf-connecting-ip", "X-Envoy-Expected-Rq-Timeout-Ms", "X-Forwarded-Server"}, Values: map[string]string{"Via": "1.1 Caddy"}}
	if got, want := fmt.Sprint(inRequest(e)), "[{Cloudflare Cloudflare} {Envoy Envoy} {Caddy 1.1 Caddy}]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestRemedies: whoever can be found is known how to change.
func TestRemedies(t *testing.T) {
	for _, m := range marks {
		if r, ok := remedies[m.maker]; !ok || r.where == "" || len(r.cut) == 0 {
			t.Errorf("nothing to set in %s", m.maker)
		}
	}
	for _, l := range lines {
		if _, ok := remedies[l.maker]; !ok {
			t.Errorf("nothing to set in %s", l.maker)
		}
	}
}
