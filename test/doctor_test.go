package test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

const probe = "/.well-known/cometproxy"

// probed is a configuration with a probe and routes that hold.
const probed = "[public]\nlisten = [\"127.0.0.1:0\"]\nprobe = \"" + probe + "\"\n[access_log]\noutput = \"stderr\"\n" + eventsRoute

// diagnosis is what doctor printed with -json.
type diagnosis struct {
	URL     string
	Found   bool
	Through []struct{ Maker, Name string }
	Checks  []struct{ Name, Verdict, Level, Text string }
	Advice  []struct {
		For   string
		Lines []string
	}
	Holds []struct {
		Asked, Took float64
		Outcome     string
	}
	text string
}

// A trial is a run of doctor, and what it is to say.
type trial struct {
	args     []string
	verdicts string   // see want
	says     []string // texts anywhere in the report
	cut      float64  // seconds after which holds are; 0: none is
}

// run runs doctor, and returns what is not as it should be.
func (c *trial) run(t *testing.T) complaints {
	out, errs, code := command(t, append([]string{"doctor", "-json", "-hold", "8s"}, c.args...)...)
	var wrong complaints
	d := &diagnosis{text: out}
	if err := json.Unmarshal([]byte(out), d); err != nil {
		wrong.add("%v: exit %d, %q, %s", c.args, code, out, errs)
		return wrong
	}
	if d.Found != (code == 1) || code > 1 {
		wrong.add("%v: exit %d, found %t", c.args, code, d.Found)
	}
	d.want(&wrong, c.verdicts)
	d.says(&wrong, c.says...)
	d.cutAt(&wrong, c.cut)
	return wrong
}

// complaints are what is not as it should be.
type complaints []string

func (c *complaints) add(format string, args ...any) {
	*c = append(*c, fmt.Sprintf(format, args...))
}

// examine runs doctor for all trials at once, whatever may run in parallel, for
// each does little but wait. The longest hold is of 8 seconds unless args say otherwise.
// What doctor says depends on when things come, and a busy machine makes them come late:
// a trial that fails has another try, by itself.
func examine(t *testing.T, trials map[string]*trial) {
	t.Helper()
	harness.Binary(t)
	runs := make(map[string]chan complaints)
	for name, c := range trials {
		done := make(chan complaints, 1)
		runs[name] = done
		go func() { done <- c.run(t) }()
	}
	for name, c := range trials {
		wrong := <-runs[name]
		t.Run(name, func(t *testing.T) {
			if wrong != nil {
				t.Logf("in the first try: %s", strings.Join(wrong, "\n"))
				wrong = c.run(t)
			}
			for _, text := range wrong {
				t.Error(text)
			}
		})
	}
}

// want compares verdicts, "holds=cut protocol=HTTP/1.0"; of what is not named, fine is
// wanted, unless "rest=any" stands there.
func (d *diagnosis) want(wrong *complaints, verdicts string) {
	wanted := make(map[string]string)
	for _, v := range strings.Split(verdicts, ";") {
		if name, verdict, ok := strings.Cut(strings.TrimSpace(v), "="); ok {
			wanted[name] = verdict
		}
	}
	bad := false
	for _, c := range d.Checks {
		want, named := wanted[c.Name]
		if !named {
			want = "fine"
			if wanted["rest"] == "any" {
				want = c.Verdict
			}
		}
		if c.Verdict != want {
			wrong.add("%s: %s is %s, want %s (%s)", d.URL, c.Name, c.Verdict, want, c.Text)
		}
		bad = bad || c.Level == "bad"
		delete(wanted, c.Name)
	}
	delete(wanted, "rest")
	if len(wanted) > 0 {
		wrong.add("%s: nothing about %v", d.URL, wanted)
	}
	if bad != d.Found {
		wrong.add("%s: found %t", d.URL, d.Found)
	}
}

// says looks for texts anywhere in the report.
func (d *diagnosis) says(wrong *complaints, texts ...string) {
	for _, text := range texts {
		quoted, _ := json.Marshal(text)
		if !strings.Contains(d.text, strings.Trim(string(quoted), `"`)) {
			wrong.add("%s: nothing of %q in %s", d.URL, text, d.text)
		}
	}
}

// A frontCase is a front, and what doctor is to say of it.
type frontCase struct {
	front
	verdicts string
	says     []string
	path     string // empty: the probe
	cut      float64
}

func examineFronts(t *testing.T, cases map[string]*frontCase) {
	t.Helper()
	trials := make(map[string]*trial)
	for name, c := range cases {
		path := c.path
		if path == "" {
			path = probe
		}
		trials[name] = &trial{[]string{"http://" + c.address + path}, c.verdicts, c.says, c.cut}
	}
	examine(t, trials)
}

// cutAt compares when holds were cut; a machine that is busy may be late.
func (d *diagnosis) cutAt(wrong *complaints, want float64) {
	cut := 0
	for _, h := range d.Holds {
		if h.Outcome == "cut" {
			cut++
			if h.Took < want-0.1 || h.Took > want+1.5 {
				wrong.add("%s: one of %g s was cut after %g s, want %g s", d.URL, h.Asked, h.Took, want)
			}
		}
	}
	if (cut > 0) != (want > 0) {
		wrong.add("%s: %d holds were cut", d.URL, cut)
	}
}

// TestDoctorNginx: nginx, as it should be, as it is when nothing is said, and with
// what hurts, alone and together.
func TestDoctorNginx(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, probed)
	s.ClientsStay = true // nginx keeps connections
	const good = "proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header X-Forwarded-For $remote_addr; proxy_buffering off; "
	const short, zip, buffer = "proxy_read_timeout 5s; ", "gzip on; gzip_types application/json; gzip_proxied any; ", "proxy_buffering on; "
	location := func(settings string) front {
		return front{text: "location / { proxy_pass http://cometproxy; " + settings + "}"}
	}
	const old = "proxy_set_header X-Forwarded-For $remote_addr; " // HTTP/1.0 and buffering are what nginx does unless told otherwise
	cases := map[string]*frontCase{
		"good":         {front: location(good), says: []string{"nginx/"}},
		"good poll":    {front: location(good), path: "/events/1"},
		"bare":         {front: location(""), verdicts: "buffering=buffered; protocol=HTTP/1.0; headers=incomplete", says: []string{"proxy_buffering off;", "proxy_http_version 1.1;", "proxy_set_header X-Forwarded-For"}},
		"cut":          {front: location(good + short), verdicts: "holds=cut", cut: 5, says: []string{" with 504 Gateway Timeout by nginx/", "a hold of 4 s came through", "proxy_read_timeout 70s;", "max_timeout = \"4s\""}},
		"cut poll":     {front: location(good + short), verdicts: "holds=cut", path: "/events/1", cut: 5, says: []string{" with 504"}},
		"buffered":     {front: location(old + buffer), verdicts: "buffering=buffered; protocol=HTTP/1.0", says: []string{"proxy_buffering off;"}},
		"not buffered": {front: location(old + "proxy_buffering off;"), verdicts: "protocol=HTTP/1.0"},
		"whole chunks": {front: location(strings.ReplaceAll(good, "buffering off", "buffering on"))}, // which nginx does not keep back
		"compressed":   {front: location(good + zip), verdicts: "compression=compressed", says: []string{"(gzip)", "gzip off;"}},
		"everything": {front: location(old + buffer + short + zip), verdicts: "holds=cut; buffering=buffered; compression=compressed; protocol=HTTP/1.0", cut: 5,
			says: []string{"proxy_read_timeout 70s;", "proxy_buffering off;", "gzip off;"}},
		"cut and compressed": {front: location(good + short + zip), verdicts: "holds=cut; compression=compressed", cut: 5},
		"cached":             {front: location(strings.ReplaceAll(good, "buffering off", "buffering on") + "proxy_cache c; proxy_ignore_headers Cache-Control Vary; proxy_cache_valid any 1m;"), verdicts: "caching=cached; rest=any", says: []string{"proxy_cache off;"}},
		"headers":            {front: location(good + "proxy_hide_header Comet-Cursor; proxy_set_header Prefer \"\";"), verdicts: "headers=changed", says: []string{"Comet-Cursor of answers, Prefer of requests"}},
		"no keep-alive":      {front: location(strings.ReplaceAll(good, "Connection \"\"", "Connection close")), verdicts: "protocol=no keep-alive", says: []string{"keepalive 64;"}},
		"other connections":  {front: front{text: "location / { proxy_pass http://" + s.Public[0] + "; " + good + "}"}, verdicts: "protocol=unknown", says: []string{"none is kept, or many take turns"}},
		"query":              {front: front{text: "location / { rewrite ^ " + probe + "? break; proxy_pass http://cometproxy; " + good + "}"}, verdicts: "holds=changed; rest=any", says: []string{"takes the query away"}},
		"plain nginx":        {front: front{text: "location / { return 200 hello; }"}, path: "/events/1", verdicts: "holds=nothing holds", says: []string{"answered at once with 200 OK by nginx/", "probe = "}},
		"nobody behind":      {front: front{text: "location / { proxy_pass http://127.0.0.1:1; }"}, path: "/events/1", verdicts: "holds=no answer", says: []string{"502 Bad Gateway by nginx/"}},
	}
	servers, upstreams := make(map[string]*front), "proxy_cache_path DIR/cache keys_zone=c:1m;\n"
	for name, c := range cases {
		own := fmt.Sprintf("cometproxy%d", len(servers)) // kept connections of its own
		upstreams += fmt.Sprintf("upstream %s { server %s; keepalive 64; }\n", own, s.Public[0])
		c.text = strings.ReplaceAll(c.text, "http://cometproxy", "http://"+own)
		servers[name] = &c.front
	}
	startNginx(t, upstreams, servers)
	examineFronts(t, cases)
}

// TestDoctorHAProxy: one that shows itself in nothing but its error pages.
func TestDoctorHAProxy(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, probed)
	s.ClientsStay = true
	server := "server a " + s.Public[0] + "\n"
	cases := map[string]*frontCase{
		"fine":       {front: front{text: "option forwardfor\nhttp-reuse safe\n" + server}},
		"cut":        {front: front{text: "timeout server 3s\n" + server}, verdicts: "holds=cut; headers=incomplete", cut: 3, says: []string{" with 504 Gateway Timeout by HAProxy", "timeout server 70s", "a hold of 2 s came through"}},
		"compressed": {front: front{text: "compression algo gzip\ncompression type application/json\n" + server}, verdicts: "compression=compressed; rest=any"},
		"nobody":     {front: front{text: "server a 127.0.0.1:1\n"}, path: "/events/1", verdicts: "holds=no answer", says: []string{"by HAProxy"}},
	}
	sections := make(map[string]*front)
	for name, c := range cases {
		sections[name] = &c.front
	}
	startHAProxy(t, "", sections)
	examineFronts(t, cases)
}

// TestDoctorDirect: cometproxy with nothing in between, routes that hold each in its
// way, and what is no route.
func TestDoctorDirect(t *testing.T) {
	t.Parallel()
	app := func(x *harness.Exchange) {
		if x.Target == "/page" || strings.HasPrefix(x.Target, "/page?") {
			x.Answer(200, "a page")
			return
		}
		x.Answer(200, "nothing new", "Grip-Hold: response", "Grip-Timeout: 5", "Grip-Channel: a")
	}
	b := harness.NewBackend(t, app)
	on := harness.Start(t, probed+b.Config("")+appRoute)
	off := harness.Start(t, "[hold]\ntimeout = \"2s\"\nmax_timeout = \"2s\"\n"+eventsRoute+b.Config("")+appRoute)
	alone := harness.Start(t, eventsRoute)
	trials := make(map[string]*trial)
	for _, c := range []struct {
		name, url, verdicts string
		says                []string
	}{
		{"probe", "http://" + on.Public[0] + probe, "", nil},
		{"events", "http://" + on.Public[0] + "/events/1", "", nil},
		{"GRIP", "http://" + on.Public[0] + "/news", "", []string{"as the app wants it"}},
		{"site", "http://" + on.Public[0] + "/page", "", []string{"itself holds nothing"}},
		{"no probe", "http://" + off.Public[0] + "/events/1", "buffering=unknown;caching=unknown;headers=unknown;protocol=unknown",
			[]string{"cometproxy itself ended one of 6 s after", "hold.max_timeout", "probe = \"/.well-known/cometproxy\""}},
		{"no probe, no hold", "http://" + off.Public[0] + "/page", "holds=nothing holds", []string{"answered at once with 200"}},
		{"no probe, GRIP", "http://" + off.Public[0] + "/news", "buffering=unknown;compression=unknown;caching=unknown;headers=unknown;protocol=unknown", []string{"answered with 200 after 5"}},
		{"a bad path", "http://" + alone.Public[0] + "/events/a%2Fb", "holds=nothing holds", []string{"cometproxy answers with 400 Bad Request: "}},
		{"no route", "http://" + alone.Public[0] + "/", "holds=nothing holds", []string{"cometproxy answers with 404 Not Found: "}},
	} {
		trials[c.name] = &trial{args: []string{"-hold", "6s", c.url}, verdicts: c.verdicts, says: c.says}
	}
	examine(t, trials)
	if !alone.Reload(probed) { // as the advice says
		t.Error("the probe was not switched on")
	}
	examine(t, map[string]*trial{"reloaded": {args: []string{"-hold", "2s", "http://" + alone.Public[0] + "/"}, says: []string{"itself holds nothing"}}})
	out, errs, code := command(t, "doctor", "-hold", "1s", "http://"+on.Public[0]+probe)
	if code != 0 || errs != "" || !strings.Contains(out, "\n  holds        fine  one of 1 s came through") || strings.Contains(out, "What to set") {
		t.Errorf("exit %d, %s%s", code, out, errs)
	}
}

// TestDoctorTLS: what can be wrong with a certificate, and with a port.
func TestDoctorTLS(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	a.issue("a.example")
	a.odd("expired", func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = c.NotBefore.Add(-48*time.Hour), c.NotAfter.Add(-24*time.Hour)
	})
	a.odd("early", func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = c.NotBefore.Add(24*time.Hour), c.NotAfter.Add(48*time.Hour)
	})
	a.self("self")
	s := harness.Start(t, strings.Replace(probed, "probe =", "tls_listen = [\"127.0.0.1:0\"]\nprobe =", 1)+
		fmt.Sprintf("[[certificate]]\ncert = %q\nkey = %q\n", a.file("a.example.pem"), a.file("a.example.key")))
	s.ClientsStay = true
	servers := make(map[string]*front)
	for name, listen := range map[string]string{"a.example": "ssl http2", "expired": "ssl", "early": "ssl", "self": "ssl"} {
		servers[name] = &front{listen: listen, text: fmt.Sprintf("ssl_certificate %s; ssl_certificate_key %s; location / { proxy_pass http://%s; proxy_http_version 1.1; proxy_set_header Connection close; proxy_buffering off; proxy_set_header X-Forwarded-For $remote_addr; }",
			a.file(name+".pem"), a.file(name+".key"), s.Public[0])}
	}
	startNginx(t, "", servers)
	ca := a.file("ca.pem")
	trials := make(map[string]*trial)
	for _, c := range []struct {
		name, url, at, ca string
		verdicts          string
		says              []string
	}{
		{"good", "https://a.example" + probe, servers["a.example"].address, ca, "protocol=no keep-alive; headers=incomplete", []string{"HTTP/2.0, TLS 1.", "X-Forwarded-Proto does not say https"}},
		{"cometproxy's own", "https://a.example" + probe, s.Public[1], ca, "", []string{"HTTP/1.1, TLS 1.3"}},
		{"wrong name", "https://b.example" + probe, servers["a.example"].address, ca, "reached=wrong name", []string{"the certificate is not for b.example: it is for a.example"}},
		{"expired", "https://a.example" + probe, servers["expired"].address, ca, "reached=expired", []string{"expired on ", "Renew it"}},
		{"too early", "https://a.example" + probe, servers["early"].address, ca, "reached=not yet valid", []string{"clock"}},
		{"self-signed", "https://a.example" + probe, servers["self"].address, ca, "reached=self-signed", []string{"-cacert FILE"}},
		{"unknown issuer", "https://a.example" + probe, servers["a.example"].address, "", "reached=unknown issuer", []string{"test authority", "fullchain.pem"}},
		{"http to nginx's TLS", "http://a.example" + probe, servers["a.example"].address, "", "reached=TLS port", []string{"https://a.example" + probe}},
		{"http to cometproxy's TLS", "http://a.example" + probe, s.Public[1], "", "reached=TLS port", []string{"https://a.example" + probe}},
		{"https to a plain port", "https://a.example" + probe, s.Public[0], "", "reached=no TLS", []string{"plain HTTP, not TLS"}},
		{"nothing listens", "https://a.example" + probe, "127.0.0.1:1", "", "reached=refused", []string{"nothing listens"}},
	} {
		args := []string{"-hold", "2s", "-connect", c.at}
		if c.ca != "" {
			args = append(args, "-cacert", c.ca)
		}
		trials[c.name] = &trial{args: append(args, c.url), verdicts: c.verdicts, says: c.says}
	}
	examine(t, trials)
}

// odd makes a certificate for a.example with something wrong.
func (a *authority) odd(name string, change func(*x509.Certificate)) {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := certificate("a.example")
	change(template)
	a.sign(name, template, a.cert, &key.PublicKey, a.key, key)
}

// self makes one that nobody has issued.
func (a *authority) self(name string) {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := certificate("a.example")
	a.sign(name, template, template, &key.PublicKey, key, key)
}

// TestDoctorBroken: connections that end without a word, and what can be said wrong.
func TestDoctorBroken(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, probed)
	s.ClientsStay = true
	trials := make(map[string]*trial)
	for name, says := range map[string]string{"reset": " by a reset of the connection (RST)", "end": " by the end of the connection (FIN), without an answer"} {
		trials[name] = &trial{args: []string{"http://" + cutter(t, s.Public[0], 2500*time.Millisecond, name == "reset") + probe}, verdicts: "holds=cut", cut: 2.5,
			says: []string{says, "nginx, in the location", "HAProxy, in the backend", "ProxyTimeout 70"}}
	}
	examine(t, trials)
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "name a URL"},
		{[]string{"a.example"}, "no URL"},
		{[]string{"ftp://a.example/"}, "no URL"},
		{[]string{"http://a/", "b"}, "unexpected"},
		{[]string{"-hold", "0s", "http://a/"}, "-hold is"},
		{[]string{"-connect", "a", "http://a/"}, "host:port"},
		{[]string{"-header", "a", "http://a/"}, "Name: value"},
		{[]string{"-cacert", os.DevNull, "http://a/"}, "no certificates"},
	} {
		if _, stderr, code := command(t, append([]string{"doctor"}, c.args...)...); code != 2 || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: exit %d, %s", c.args, code, stderr)
		}
	}
}

// cutter stands in front of a server, and cuts connections on which nothing has
// come from it for a while.
func cutter(t *testing.T, to string, silence time.Duration, reset bool) (address string) {
	ln := listening(t)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				server, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer server.Close()
				go io.Copy(server, c)
				room := make([]byte, 4096)
				for {
					server.SetReadDeadline(time.Now().Add(silence))
					n, err := server.Read(room)
					if err != nil {
						break
					}
					c.Write(room[:n])
				}
				if reset {
					c.(*net.TCPConn).SetLinger(0)
				}
			}()
		}
	}()
	return ln.Addr().String()
}
