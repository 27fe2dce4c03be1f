package test

import (
	"strings"
	"testing"

	"cometproxy/test/internal/harness"
)

const rules = `
[[route]]
path = "/shop/cart"
backend = "app"
strip_prefix = "/shop"
methods = ["GET", "POST"]
max_body = "100"
set_request_headers = { X-Tenant = "a", Host = "inner.example" }
remove_request_headers = ["cookie", "Accept"]
set_answer_headers = { X-Frame-Options = "DENY" }
remove_answer_headers = ["x-powered-by"]
[[route]]
path = "/secure"
redirect = "https"
[[route]]
path = "/old"
redirect = "https://new.example/base"
status = 307
[[route]]
path = "/down"
status = 503
body = "<p>back at noon"
type = "text/html"
set_answer_headers = { Retry-After = "3600" }
`

// TestRouteRules: what a route changes of requests and answers.
func TestRouteRules(t *testing.T) {
	t.Parallel()
	s, b := startApp(t, rules, func(x *harness.Exchange) {
		x.Answer(200, "hello", "X-Powered-By: app", "x-frame-options: ALLOW", "X-Kept: 1")
	})
	for target, want := range map[string]string{
		"/shop/cart": "/cart", "/shop/cart/a%2Fb?x=/shop": "/cart/a%2Fb?x=/shop", "/shop/cart/../cart": "/cart/../cart",
		"http://localhost/shop/cart?": "/cart?", "HTTP://localhost/shop/cart": "/cart", "/shop/cart//": "/cart//",
	} {
		a := s.Client(t).Get(t, target, "X-Tenant: forged", "COOKIE: a=b", "accept: x", "X-Own: 1")
		x := b.Requests()[len(b.Requests())-1]
		if a.Status != 200 || x.Target != want {
			t.Errorf("%s: %d, the app got %s", target, a.Status, x.Target)
		}
		if x.Header.Get("Cookie")+x.Header.Get("Accept") != "" || strings.Join(x.Header["X-Tenant"], ",") != "a" ||
			strings.Join(x.Header["Host"], ",") != "inner.example" || x.Header.Get("X-Own") != "1" || x.Header.Get("X-Forwarded-Host") != "localhost" {
			t.Errorf("the app got %q", x.Lines)
		}
		if a.Header.Get("X-Powered-By") != "" || strings.Join(a.Header["X-Frame-Options"], ",") != "DENY" || a.Header.Get("X-Kept") != "1" {
			t.Errorf("the client got %v", a.Header)
		}
	}
	before := len(b.Requests())
	for _, c := range []struct {
		request string
		status  int
		header  string
		value   string
		body    string
	}{
		{"PUT /shop/cart HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 405, "Allow", "GET, POST", "use GET, POST"},
		{"POST /shop/cart HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n" + strings.Repeat("x", 101), 413, "Content-Type", "application/problem+json", "larger than 100 bytes"},
		{"GET /%73hop/cart HTTP/1.1\r\nHost: a\r\n\r\n", 400, "Content-Type", "application/problem+json", "write the path's beginning"},
		{"GET /secure/a%2Fb?c=d HTTP/1.1\r\nHost: shop.example:8080\r\n\r\n", 308, "Location", "https://shop.example/secure/a%2Fb?c=d", ""},
		{"GET http://shop.example/secure HTTP/1.1\r\nHost: shop.example\r\n\r\n", 308, "Location", "https://shop.example/secure", ""},
		{"GET http://t/secure HTTP/1.1\r\nHost: t\r\n\r\n", 308, "Location", "https://t/secure", ""},
		{"GET /secure HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 308, "Location", "https://[::1]/secure", ""},
		{"POST /old/x?y HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", 307, "Location", "https://new.example/base/old/x?y", ""},
		{"GET /down HTTP/1.1\r\nHost: a\r\n\r\n", 503, "Retry-After", "3600", "<p>back at noon"},
		{"GET /down HTTP/1.1\r\nHost: a\r\n\r\n", 503, "Content-Type", "text/html", ""},
	} {
		a := s.Client(t).Do(t, c.request)
		if a.Status != c.status || a.Header.Get(c.header) != c.value || !strings.Contains(string(a.Body), c.body) {
			t.Errorf("%.50q: %d %v\n%s", c.request, a.Status, a.Header, a.Body)
		}
	}
	if n := len(b.Requests()); n != before {
		t.Errorf("the app got %d requests that were not for it", n-before)
	}
	chunked := "POST /shop/cart HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("a\r\n0123456789\r\n", 11) + "0\r\n\r\n"
	if a := s.Client(t).Do(t, chunked); a.Status != 413 {
		t.Errorf("a chunked body that is too large: %d %s", a.Status, a.Body)
	}
	if a := s.Client(t).Do(t, req("HEAD", "/shop/cart")); a.Status != 200 {
		t.Errorf("HEAD where GET is allowed: %d", a.Status)
	}
}
