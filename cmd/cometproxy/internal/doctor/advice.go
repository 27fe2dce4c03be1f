package doctor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A remedy is what to set in one maker's proxy. "{}" stands for the seconds that
// requests must be allowed to be silent.
type remedy struct {
	where                                                   string
	cut, buffered, compressed, cached, old, kept, forwarded []string
}

var remedies = map[Maker]remedy{
	Nginx: {where: "nginx, in the location of these paths",
		cut:        []string{"proxy_read_timeout {}s;"},
		buffered:   []string{"proxy_buffering off;"},
		compressed: []string{"gzip off;", "proxy_set_header Accept-Encoding \"\";  # if another one behind it compresses"},
		cached:     []string{"proxy_cache off;"},
		old:        []string{"proxy_http_version 1.1;", "proxy_set_header Connection \"\";"},
		kept:       []string{"keepalive 64;  # in an upstream { } with cometproxy's address, and that in proxy_pass"},
		forwarded:  []string{"proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;", "proxy_set_header X-Forwarded-Proto $scheme;", "proxy_set_header Host $host;"}},
	HAProxy: {where: "HAProxy, in the backend (or defaults)",
		cut:        []string{"timeout server {}s", "timeout client {}s   # in the frontend", "timeout tunnel 1h   # WebSockets"},
		buffered:   []string{"option http-no-delay", "no filter that reads whole answers"},
		compressed: []string{"no \"compression algo\" or \"filter compression\" for these paths"},
		cached:     []string{"no \"http-request cache-use\" for these paths"},
		old:        []string{"no \"http-request set-header Connection close\", and http-reuse safe"},
		kept:       []string{"option http-keep-alive", "http-reuse safe"},
		forwarded:  []string{"option forwardfor", "http-request set-header X-Forwarded-Proto https if { ssl_fc }   # in the frontend"}},
	Apache: {where: "Apache (mod_proxy), for these paths",
		cut:        []string{"ProxyTimeout {}", "or: ProxyPass \"/events/\" \"http://127.0.0.1:8000/events/\" timeout={}"},
		buffered:   []string{"ProxyPass ... flushpackets=on"},
		compressed: []string{"SetEnvIf Request_URI \"^/events/\" no-gzip=1 no-brotli=1"},
		cached:     []string{"CacheDisable \"/events/\""},
		old:        []string{"no force-proxy-request-1.0 and no proxy-nokeepalive"},
		kept:       []string{"no proxy-nokeepalive, no disablereuse=On"},
		forwarded:  []string{"ProxyAddHeaders On", "RequestHeader set X-Forwarded-Proto \"https\"   # in the virtual host of https"}},
	Caddy: {where: "Caddy, in reverse_proxy",
		cut:        []string{"transport http { response_header_timeout {}s }"},
		buffered:   []string{"flush_interval -1"},
		compressed: []string{"no \"encode\" for these paths"}},
	Traefik: {where: "Traefik",
		cut:        []string{"serversTransport.forwardingTimeouts.responseHeaderTimeout = \"{}s\"", "entryPoints.NAME.transport.respondingTimeouts.writeTimeout = \"0s\""},
		buffered:   []string{"loadBalancer.responseForwarding.flushInterval = \"-1ms\", and no buffering middleware"},
		compressed: []string{"no compress middleware on this router"}},
	Envoy: {where: "Envoy, in the route",
		cut:        []string{"timeout: 0s", "idle_timeout: {}s"},
		buffered:   []string{"no buffer filter (envoy.filters.http.buffer) on this route"},
		compressed: []string{"no compressor filter on this route"}},
	Varnish: {where: "Varnish, in VCL",
		cut:        []string{"set bereq.first_byte_timeout = {}s;  # vcl_backend_fetch", "set bereq.between_bytes_timeout = {}s;"},
		buffered:   []string{"set beresp.do_stream = true;  # vcl_backend_response"},
		compressed: []string{"set beresp.do_gzip = false;"},
		cached:     []string{"return (pass);  # vcl_recv, for these paths"}},
	Cloudflare: {where: "Cloudflare",
		cut:        []string{"It waits 100 s for an answer (524 then): less is set by a rule, or it is the server behind it that cuts.", "Keep hold.max_timeout below 100s."},
		compressed: []string{"A compression rule for these paths: no compression."},
		cached:     []string{"A cache rule for these paths: bypass cache."}},
	CloudFront: {where: "CloudFront, in the origin and the behaviour of these paths",
		cut:        []string{"Response timeout (OriginReadTimeout): 60 (30 unless you say otherwise), and hold.max_timeout below that"},
		compressed: []string{"Compress objects automatically: No"},
		cached:     []string{"Cache policy: CachingDisabled; origin request policy: AllViewer (or queries and headers are dropped)"}},
	ALB: {where: "AWS load balancer",
		cut: []string{"idle_timeout.timeout_seconds = {} (60 unless you say otherwise)"}},
	Fastly: {where: "Fastly, in the backend (15 s unless you say otherwise)",
		cut:        []string{"first_byte_timeout = {}000  (milliseconds)", "between_bytes_timeout = {}000"},
		buffered:   []string{"set beresp.do_stream = true;  # vcl_fetch"},
		compressed: []string{"no gzip for application/json"},
		cached:     []string{"return(pass);  # vcl_recv, for these paths"}},
	Akamai: {where: "Akamai, in the property's rule for these paths",
		cut:        []string{"Read timeout (forward): {} seconds"},
		compressed: []string{"Last mile acceleration (gzip): never"},
		cached:     []string{"Caching: no store"}},
	Google: {where: "Google load balancer, in the backend service",
		cut:        []string{"timeoutSec: {} (30 unless you say otherwise)"},
		compressed: []string{"compressionMode: DISABLED"},
		cached:     []string{"enableCDN: false, or cacheMode: USE_ORIGIN_HEADERS"}},
	Azure: {where: "Azure Front Door",
		cut:    []string{"Origin response timeout: {} seconds (30 to 240)"},
		cached: []string{"no caching on this route"}},
	Heroku: {where: "Heroku",
		cut: []string{"Its router waits 30 s for an answer, and that cannot be changed: hold.max_timeout = \"28s\"."}},
}

// unnamed are those to look at when nobody shows himself.
var unnamed = []Maker{Nginx, HAProxy, Apache}

// advise says what to set, for each one in between that is known.
func advise(r *Report, e *Evidence, s *holding) (all []Advice) {
	longest := serverMax(e)
	if longest == 0 {
		longest = time.Minute // hold.max_timeout, unless it is set
	}
	need := roundUp(max(e.Longest, longest) + 10*time.Second)
	found := func(name, verdict string) bool { return r.Verdict(name) == verdict }
	makers := makersIn(r.Through)
	for _, m := range makers {
		rem := remedies[m]
		var lines []string
		for _, x := range []struct {
			found bool
			lines []string
		}{
			{found("holds", "cut"), rem.cut},
			{found("buffering", "buffered"), rem.buffered},
			{found("compression", "compressed"), rem.compressed},
			{found("caching", "cached"), rem.cached},
			{found("protocol", "HTTP/1.0") || found("protocol", "no keep-alive"), rem.old},
			{found("protocol", "HTTP/1.0") || found("protocol", "no keep-alive"), rem.kept},
			{found("headers", "incomplete"), rem.forwarded},
		} {
			if x.found {
				lines = append(lines, x.lines...)
			}
		}
		for i := range lines {
			lines[i] = strings.ReplaceAll(lines[i], "{}", strconv.Itoa(int(need.Seconds())))
		}
		if len(lines) > 0 {
			all = append(all, Advice{rem.where, lines})
		}
	}
	if found("holds", "cut") {
		all = append(all, orShorter(s, e)...)
	}
	return all
}

func makersIn(through []Between) (makers []Maker) {
	for _, b := range through {
		if _, known := remedies[b.Maker]; known && !slices.Contains(makers, b.Maker) {
			makers = append(makers, b.Maker)
		}
	}
	if len(makers) == 0 {
		return unnamed
	}
	return makers
}

// orShorter is what cometproxy can do itself about a cut.
func orShorter(s *holding, e *Evidence) []Advice {
	limit := (s.first * 4 / 5).Truncate(time.Second)
	if limit < time.Second {
		return nil
	}
	lines := []string{"[hold]", fmt.Sprintf("timeout = \"%ds\"", int(min(limit, 25*time.Second).Seconds())), fmt.Sprintf("max_timeout = \"%ds\"", int(limit.Seconds()))}
	if own := serverTimeout(e); own > 0 && own < s.first {
		lines = []string{"[hold]", fmt.Sprintf("max_timeout = \"%ds\"  # clients that ask for nothing get %s, which come through", int(limit.Seconds()), seconds(own))}
	}
	return []Advice{{"If that cannot be changed, in cometproxy.toml", lines}}
}

// serverMax is what cometproxy lets clients ask for; 0: it is not known.
func serverMax(e *Evidence) time.Duration {
	return ofEcho(e, func(x *Echo) float64 { return x.Max })
}

func serverTimeout(e *Evidence) time.Duration {
	return ofEcho(e, func(x *Echo) float64 { return x.Timeout })
}

func ofEcho(e *Evidence, field func(*Echo) float64) time.Duration {
	if e.Probe == nil {
		return 0
	}
	for _, x := range e.Probe.Echoes {
		if x.Echo != nil {
			return time.Duration(field(x.Echo) * float64(time.Second))
		}
	}
	return 0
}
