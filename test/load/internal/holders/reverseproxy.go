package holders

import (
	"net/http"
	"net/http/httputil"
	"net/url"
)

// serveReverseProxy runs the reverse proxy of Go's library in front of an app.
func serveReverseProxy(app, address string) error {
	p := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: app})
			r.SetXForwarded()
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 128},
	}
	return http.ListenAndServe(address, p)
}
