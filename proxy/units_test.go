package proxy

import (
	"bytes"
	"net"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/golang-jwt/jwt/v5"
	"github.com/valyala/fasthttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestCORS(t *testing.T) {
	const (
		vary    = "Vary: Origin\r\n"
		exposed = "Access-Control-Expose-Headers: " + corsExposed + "\r\n"
		a       = "Access-Control-Allow-Origin: https://a.example\r\n"
	)
	one := newCORS(&CORS{Origins: []string{"https://a.example"}})
	own := newCORS(&CORS{Origins: []string{"https://a.example", "http://b.example:81"}, Credentials: true})
	all := newCORS(&CORS{Origins: []string{"*"}, MaxAge: time.Hour})
	for _, tc := range []struct {
		name, origin string
		cors         *cors
		want         string
		allowed      bool
	}{
		{"none", "https://a.example", nil, "", false},
		{"no origin", "", one, vary, false},
		{"listed", "https://a.example", one, a + exposed + vary, true},
		{"upper case", "HTTPS://A.example", one, a + exposed + vary, true},
		{"other", "https://b.example", one, vary, false},
		{"other scheme", "http://a.example", one, vary, false},
		{"other port", "https://a.example:8443", one, vary, false},
		{"longer", "https://a.example.evil.example", one, vary, false},
		{"null", "null", one, vary, false},
		{"list", "https://a.example, https://b.example", one, vary, false},
		{"star is no wildcard for lists", "*", one, vary, false},
		{"own", "http://b.example:81", own, "Access-Control-Allow-Origin: http://b.example:81\r\nAccess-Control-Allow-Credentials: true\r\n" + exposed + vary, true},
		{"all", "https://a.example", all, "Access-Control-Allow-Origin: *\r\n" + exposed, true},
		{"all, null", "null", all, "Access-Control-Allow-Origin: *\r\n" + exposed, true},
		{"all, no origin", "", all, "", false},
	} {
		if got := string(tc.cors.answer([]byte(tc.origin)).bytes()); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
		if got := tc.cors.allows([]byte(tc.origin)); got != tc.allowed {
			t.Errorf("%s: allowed: %v", tc.name, got)
		}
	}
	if s := string(all.preflight); !strings.Contains(s, "Access-Control-Max-Age: 3600\r\n") || !strings.Contains(s, "GET, HEAD") {
		t.Error(s)
	}
	if strings.Contains(string(one.preflight), "Max-Age") {
		t.Error("without an age browsers are told one")
	}
}

// signed makes a token; by a second, so that clocks do not matter.
func signed(t *testing.T, method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	t.Helper()
	s, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestGuardToken(t *testing.T) {
	const secret = "a secret of some length, as it should be"
	var g guard
	g.init(InternalOptions{Token: secret})
	now := time.Now()
	exp := jwt.MapClaims{"iss": "app", "exp": now.Add(time.Hour).Unix()}
	valid := signed(t, jwt.SigningMethodHS256, []byte(secret), exp)
	for _, tc := range []struct {
		name, authorization string
		ok                  bool
	}{
		{"none", "", false},
		{"token", "Bearer " + secret, true},
		{"lower case", "bearer " + secret, true},
		{"spaces", "Bearer   " + secret + " ", true},
		{"no scheme", secret, false},
		{"basic", "Basic " + secret, false},
		{"empty", "Bearer ", false},
		{"shorter", "Bearer " + secret[:len(secret)-1], false},
		{"longer", "Bearer " + secret + "x", false},
		{"JWT", "Bearer " + valid, true},
		{"JWT without exp", "Bearer " + signed(t, jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"iss": "app"}), false},
		{"expired", "Bearer " + signed(t, jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"exp": now.Add(-time.Minute).Unix()}), false},
		{"not yet", "Bearer " + signed(t, jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"exp": now.Add(time.Hour).Unix(), "nbf": now.Add(time.Minute).Unix()}), false},
		{"exp no number", "Bearer " + signed(t, jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"exp": "tomorrow"}), false},
		{"HS512", "Bearer " + signed(t, jwt.SigningMethodHS512, []byte(secret), exp), false},
		{"none", "Bearer " + signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, exp), false},
		{"other key", "Bearer " + signed(t, jwt.SigningMethodHS256, []byte("another secret of that same length."), exp), false},
		{"empty key", "Bearer " + signed(t, jwt.SigningMethodHS256, []byte{}, exp), false},
		{"signature cut", "Bearer " + valid[:strings.LastIndexByte(valid, '.')+1], false},
		{"signature changed", "Bearer " + valid[:len(valid)-4] + "AAAA", false},
	} {
		var ctx fasthttp.RequestCtx
		ctx.Request.Header.Set("Authorization", tc.authorization)
		ctx.Request.Header.Set("Origin", "https://a.example") // with a token, pages may
		ctx.Request.Header.SetHost("anything.example")
		ok := g.admit(&ctx)
		if ok != tc.ok {
			t.Errorf("%s: admitted: %v", tc.name, ok)
		}
		if status := ctx.Response.StatusCode(); !ok && (status != 401 || len(ctx.Response.Header.Peek("WWW-Authenticate")) == 0) {
			t.Errorf("%s: status %d", tc.name, status)
		}
	}
}

// unixConn is a connection of which only the address counts.
type unixConn struct{ net.Conn }

func (unixConn) LocalAddr() net.Addr  { return &net.UnixAddr{Name: "/run/x", Net: "unix"} }
func (unixConn) RemoteAddr() net.Addr { return &net.UnixAddr{Net: "unix"} }

func TestGuardWithoutToken(t *testing.T) {
	var g guard
	g.init(InternalOptions{Hosts: InternalHosts([]string{"127.0.0.1:1", "Events.Internal:5561", "unix:/run/x:1", "unix:/run/x"})})
	for _, tc := range []struct {
		host, field, value string
		unix, ok           bool
	}{
		{host: "localhost", ok: true},
		{host: "LOCALHOST:5561", ok: true},
		{host: "127.0.0.1:5561", ok: true},
		{host: "10.1.2.3", ok: true},
		{host: "[::1]:5561", ok: true},
		{host: "[::1]", ok: true},
		{host: "[fe80::1%25lo]:80", ok: true},
		{host: "events.internal", ok: true},
		{host: "EVENTS.internal:5561", ok: true},
		{host: "evil.example"},
		{host: "evil.example:5561"},
		{host: "localhost.evil.example"},
		{host: "127.0.0.1.evil.example"},
		{host: "2130706433"},
		{host: "0x7f.1"},
		{host: "unix"},
		{host: ""},
		{host: "localhost", field: "Origin", value: "http://localhost"},
		{host: "localhost", field: "Origin", value: "null"},
		{host: "localhost", field: "Sec-Fetch-Site", value: "cross-site"},
		{host: "localhost", field: "Sec-Fetch-Site", value: "none", ok: true},
		{host: "evil.example", unix: true, ok: true},
		{host: "x", unix: true, field: "Origin", value: "https://a.example"},
	} {
		var ctx fasthttp.RequestCtx
		if tc.unix {
			ctx.Init2(unixConn{}, nil, false)
		}
		ctx.Request.Header.SetHost(tc.host)
		if tc.field != "" {
			ctx.Request.Header.Set(tc.field, tc.value)
		}
		if ok := g.admit(&ctx); ok != tc.ok {
			t.Errorf("%+v: admitted: %v", tc, ok)
		}
		if status := ctx.Response.StatusCode(); !tc.ok && status != 403 {
			t.Errorf("%+v: status %d", tc, status)
		}
	}
}

func TestInternalHosts(t *testing.T) {
	got := InternalHosts([]string{"127.0.0.1:5561", "unix:/run/a.sock", "unix:/run/a:1", "box.internal:1", "[::1]:5", ":5561", "nonsense"})
	want := []string{"box.internal"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPayloadKinds(t *testing.T) {
	const utf8Text, bin = "h\u00e9", "\xff"
	for _, tc := range []struct {
		mediaType, body string
		kind            kind
		contentType     string
		plain           bool
	}{
		{"application/json", `{"a":1}`, jsonish, "application/json", true},
		{"application/json; charset=utf-8", `1`, jsonish, "application/json; charset=utf-8", true},
		{"Application/JSON", `1`, jsonish, "Application/JSON", true},
		{"application/geo+json", `[]`, jsonish, "application/geo+json", false},
		{"application/json;;;", `[]`, jsonish, "application/json;;;", true},
		{"", utf8Text, text, textPlain, true},
		{"", bin, binary, octetStream, false},
		{"", "", text, textPlain, true},
		{formType, "a=b", text, textPlain, true},
		{formType + "; charset=utf-8", "a=b", text, textPlain, true},
		{formType, bin, binary, octetStream, false},
		{"text/plain", utf8Text, text, "text/plain", true},
		{"TEXT/PLAIN", utf8Text, text, "TEXT/PLAIN", true},
		{"text/plain; charset=latin1", bin, binary, "text/plain; charset=latin1", false},
		{"text/html", utf8Text, text, "text/html", false},
		{"text/html", bin, binary, "text/html", false},
		{"application/octet-stream", utf8Text, binary, "application/octet-stream", false},
		{"image/svg+xml", utf8Text, binary, "image/svg+xml", false},
		{"x", utf8Text, binary, "x", false},
		{"application/jsonp", utf8Text, binary, "application/jsonp", false},
	} {
		p, err := newPayload(tc.mediaType, []byte(tc.body))
		if err != nil {
			t.Errorf("%q: %v", tc.mediaType, err)
			continue
		}
		if p.kind != tc.kind || p.contentType != tc.contentType || p.plain != tc.plain {
			t.Errorf("%q with %q: %d %q %v", tc.mediaType, tc.body, p.kind, p.contentType, p.plain)
		}
	}
	for _, tc := range []struct {
		mediaType, body string
		want            error
	}{
		{"application/json", "", errNotJSON},
		{"application/json", "{", errNotJSON},
		{"application/json", "1 2", errNotJSON},
		{"application/json", "\"\xff\"", errNotJSON},
		{"application/json", "\ufeff1", errNotJSON},
		{"application/problem+json", "x", errNotJSON},
		{"text/plain\r\nX: y", "", errControl},
		{"text/plain\x00", "", errControl},
		{"a\x7f", "", errControl},
		{"text/\xff", "", errControl},
		{"x/" + strings.Repeat("y", 254), "", errLongMedia},
	} {
		if _, err := newPayload(tc.mediaType, []byte(tc.body)); err != tc.want {
			t.Errorf("%.20q with %q: %v", tc.mediaType, tc.body, err)
		}
	}
}

func TestAcceptsJSON(t *testing.T) {
	for accept, want := range map[string][2]bool{
		"":                                     {false, true},
		"*/*":                                  {false, true},
		"text/plain":                           {false, true},
		"application/json":                     {true, true},
		"Application/JSON;q=0.9":               {true, true},
		"application/*":                        {true, true},
		"text/*, application/json":             {true, true},
		"application/json, text/plain":         {false, true},
		"image/png":                            {false, false},
		"image/png, application/json":          {true, true},
		"text/html, application/xml;q=0.9,*/*": {false, true},
	} {
		asJSON, ok := acceptsJSON(accept)
		if got := [2]bool{asJSON, ok}; got != want {
			t.Errorf("%q: %v, want %v", accept, got, want)
		}
	}
}

func TestPrefersRepresentation(t *testing.T) {
	for prefer, want := range map[string]bool{
		"":                                      false,
		"return=minimal":                        false,
		"return=representation":                 true,
		"Return=Representation":                 true,
		"wait=5, return=representation":         true,
		" return=representation ; foo=bar, x=y": true,
		"respond-async|return=representation":   true,
		"return":                                false,
	} {
		var ctx fasthttp.RequestCtx
		for line := range strings.SplitSeq(prefer, "|") {
			ctx.Request.Header.Add("Prefer", line)
		}
		if got := prefersRepresentation(&ctx); got != want {
			t.Errorf("%q: %v", prefer, got)
		}
	}
}

func TestInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f inFlight
		<-f.idle() // nothing yet
		f.Add(2)
		var told [3]<-chan struct{}
		for i := range told {
			told[i] = f.idle()
		}
		f.Done()
		synctest.Wait()
		select {
		case <-told[0]:
			t.Error("idle with one under way")
		default:
		}
		if f.count() != 1 {
			t.Errorf("%d under way", f.count())
		}
		f.Done()
		for _, c := range told {
			<-c
		}
		f.Add(1)
		select {
		case <-f.idle():
			t.Error("idle again with one under way")
		default:
		}
		f.Done()
		<-f.idle()
	})
}

func TestNotice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.WarnLevel)
		var n notice
		n.init(zap.New(core), "it happens")
		if n.recent(time.Hour) {
			t.Error("recent before the first")
		}
		logged := func(want ...int64) {
			t.Helper()
			var got []int64
			for _, e := range logs.TakeAll() {
				got = append(got, int64(e.ContextMap()["times"].(uint64)))
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("logged %v, want %v", got, want)
			}
		}
		n.note(zap.String("a", "b"))
		logged(1)
		for range 1000 {
			time.Sleep(50 * time.Millisecond)
			n.note()
		}
		logged() // 50 s later: once a minute
		if !n.recent(time.Second) {
			t.Error("not recent")
		}
		time.Sleep(10 * time.Second)
		n.note()
		logged(1001)
		time.Sleep(time.Hour)
		if n.recent(time.Minute) {
			t.Error("recent after an hour")
		}
		logged()
		n.note()
		logged(1)
	})
}

func TestJitter(t *testing.T) {
	for _, d := range []time.Duration{1, 9, 10, time.Millisecond, 25 * time.Second, 10 * time.Minute, 1 << 62} {
		low, high := d, time.Duration(0)
		for range 2000 {
			j := jitter(d)
			if j > d || j < d-d/10 || j <= 0 {
				t.Fatalf("%d became %d", d, j)
			}
			low, high = min(low, j), max(high, j)
		}
		if d > 1000 && high-low < d/20 {
			t.Errorf("%v: only between %v and %v", d, low, high)
		}
	}
}

func TestDepth(t *testing.T) {
	for text, want := range map[string]int{
		`1`: 0, `"[[["`: 0, `[]`: 1, `{"a\"[":[{"\\":[]}]}`: 4, `[[],[[]],[]]`: 3,
	} {
		if got := depth([]byte(text)); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
	deep := bytes.Repeat([]byte("["), maxDepth+1)
	deep = append(deep, bytes.Repeat([]byte("]"), maxDepth+1)...)
	if _, err := newPayload("application/json", deep); err != errDeep {
		t.Error(err)
	}
	if _, err := newPayload("application/json", deep[1:len(deep)-1]); err != nil {
		t.Error(err)
	}
}

// TestSizes: there is one of these for each parked client.
func TestSizes(t *testing.T) {
	if size := unsafe.Sizeof(hold{}); size > 144 {
		t.Errorf("a hold takes %d bytes; at most 144 are wanted, a size of which the runtime has slots", size)
	}
}
