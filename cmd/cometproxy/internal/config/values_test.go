package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestValues reads the golden file that sets every key.
func TestValues(t *testing.T) {
	content, err := os.ReadFile("testdata/everything.txt")
	if err != nil {
		t.Fatal(err)
	}
	input, _, _ := strings.Cut(string(content), "\n----\n")
	c, problems := Parse("f.toml", []byte(input))
	if c == nil {
		t.Fatal(problems)
	}
	params := c.Routes[0].Params
	for value, want := range map[string]bool{"12": true, "1x": false, "": false} {
		if got := params["room"].MatchString(value); got != want {
			t.Errorf("room %q: %t", value, got)
		}
	}
	for value, want := range map[string]bool{"a": true, "b": true, "ab": false, "xb": false} {
		if got := params["part"].MatchString(value); got != want {
			t.Errorf("part %q: %t", value, got)
		}
	}
	c.Routes[0].Params = nil
	want := &Config{
		Public:   Public{Listen: []string{"127.0.0.1:8000", "[::1]:8000"}, Parker: "goroutine", TLSMinVersion: "1.2", Probe: "/.well-known/cometproxy"},
		Internal: Internal{Listen: []string{"unix:/run/cometproxy/internal.sock", "localhost:5561"}, Token: "a-token-of-enough-characters", TokenFile: "testdata/secret/token", Debug: true},
		Forward:  defaultForward,
		Hold:     Hold{Timeout: 20 * time.Second, MaxTimeout: time.Minute, MaxChannels: 10, MaxAnswer: 65536},
		History:  History{Messages: 10, Age: 90 * time.Minute, Bytes: 2_000_000, Total: 1 << 30},
		Publish:  Publish{MaxBytes: 512 << 10, MaxRequest: 1_000_000_000},
		GRIP:     GRIP{SigKey: []byte("changemechangemechangeme"), SigIss: "me"},
		Limits:   limits(20_000, 10_000),
		Log:      Log{Level: "debug", Format: "json"},
		Access:   Access{Output: "off", Sample: 1},
		Shutdown: Shutdown{Drain: 20 * time.Second},
		Backends: []Backend{{Name: "app", URLs: []string{"http://127.0.0.1:3000", "unix:/run/app.sock", "https://app.internal"},
			MaxConnections: 1, QueueTimeout: time.Second, ConnectTimeout: time.Second, BodyTimeout: 10 * time.Minute, IdleTimeout: time.Second,
			Balance: "round_robin", Health: defaultHealth, EjectFailures: 3, EjectTime: 5 * time.Second}},
		Routes: []Route{
			{Path: "/events/{room}/{part}", Host: "*.example.com", Channels: []string{"room:{room}:{part}"}, GRIP: true, GRIPPosition: "forward", Line: c.Routes[0].Line,
				CORS: &CORS{Origins: []string{"https://a.example", "http://localhost:3000"}, Credentials: true, MaxAge: time.Hour}},
			{Path: "/", Backend: "app", GRIP: true, GRIPPosition: "answer", Line: c.Routes[1].Line},
		},
		Presence: []Presence{{Channels: []string{"user:*", "all"}, Backend: "app", Path: "/presence?a=b", Token: "another-token-of-enough-characters",
			LeaveAfter: 15 * time.Second, Every: 500 * time.Millisecond, Node: "web-1"}},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got\n%+v\nwant\n%+v", c, want)
	}
}

var defaultForward = Forward{
	TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
	XForwarded:     true, RequestID: "X-Request-Id",
}

var defaultHealth = Health{Interval: 5 * time.Second, Timeout: 2 * time.Second, Healthy: 2, Unhealthy: 3}

func limits(connections, parked int) Limits {
	return Limits{Connections: connections, Parked: parked, HeaderBytes: 64 << 10, HeaderLines: 200, TargetBytes: 16 << 10, SpoolBytes: 1 << 30,
		HeaderTimeout: 30 * time.Second, BodyTimeout: time.Minute, SendTimeout: time.Minute}
}

// TestDefaults: a file with one backend has all defaults and the implied route.
func TestDefaults(t *testing.T) {
	c, problems := Parse("f.toml", []byte("[[backend]]\nname = \"app\"\nurls = [\"http://127.0.0.1:3000\"]\n"))
	if c == nil || len(problems) > 0 {
		t.Fatal(problems)
	}
	want := &Config{
		Public:   Public{Listen: []string{"127.0.0.1:8000"}, Parker: "auto", TLSMinVersion: "1.2"},
		Internal: Internal{Listen: []string{"127.0.0.1:5561"}},
		Forward:  defaultForward,
		Hold:     Hold{Timeout: 25 * time.Second, MaxTimeout: time.Minute, MaxChannels: 100, MaxAnswer: 1 << 20},
		History:  History{Messages: 100, Age: 5 * time.Minute, Bytes: 1 << 20, Total: 256 << 20, Tombstones: 1_000_000},
		Publish:  Publish{MaxBytes: 1 << 20, MaxRequest: 8 << 20},
		GRIP:     GRIP{SigIss: "cometproxy", MaxTimeout: 10 * time.Minute, HeldBytes: 256 << 20},
		Limits:   limits(0, 0),
		Log:      Log{Level: "info", Format: "auto"},
		Access:   Access{Output: "off", Sample: 1},
		Shutdown: Shutdown{Drain: 20 * time.Second, Grace: 10 * time.Second},
		Backends: []Backend{{Name: "app", URLs: []string{"http://127.0.0.1:3000"}, MaxConnections: 256, MaxTunnels: 1024,
			QueueTimeout: 30 * time.Second, ConnectTimeout: 5 * time.Second, AnswerTimeout: time.Minute, BodyTimeout: 10 * time.Minute, IdleTimeout: 30 * time.Second,
			Balance: "round_robin", Health: defaultHealth, EjectFailures: 3, EjectTime: 5 * time.Second}},
		Routes: []Route{{Path: "/", Backend: "app", GRIP: true, GRIPPosition: "forward"}},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got\n%+v\nwant\n%+v", c, want)
	}
	want.Backends, want.Routes = nil, nil
	if d := Default(); !reflect.DeepEqual(d, want) {
		t.Errorf("Default:\n%+v\nwant\n%+v", d, want)
	}
}

// TestDefaultsAreNotShared: changing one config leaves the defaults alone.
func TestDefaultsAreNotShared(t *testing.T) {
	Default().Public.Listen[0] = "changed"
	if got := Default().Public.Listen[0]; got != "127.0.0.1:8000" {
		t.Errorf("got %q", got)
	}
}

func TestKeyFilePEM(t *testing.T) {
	keyOf := func(curve elliptic.Curve) string {
		key, _ := ecdsa.GenerateKey(curve, rand.Reader)
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	}
	usable := keyOf(elliptic.P256())
	for text, good := range map[string]bool{usable: true, usable[:80]: false, keyOf(elliptic.P384()): false} {
		file := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, problems := Parse("f.toml", []byte("[grip]\nsig_key = 'file:"+file+"'\n[[route]]\npath = '/a'\nchannels = ['a']\n"))
		if good != (c != nil) || good && string(c.GRIP.SigKey) != usable {
			t.Errorf("%q: %+v, %s", text, c, problems)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{filepath.Join(dir, "none"): "there is no such file", dir: "it is no regular file"} {
		if c, problems := Load(path); c != nil || len(problems) != 1 || !strings.HasPrefix(problems[0].String(), path+": ") || !strings.Contains(problems[0].Text, want) {
			t.Errorf("%s: %v", path, problems)
		}
	}
}

func TestProblemIsOneLine(t *testing.T) {
	p := Problem{File: "f", Line: 2, Key: "a\nb", Text: "x\x1b[31m"}
	if got, want := p.String(), `f:2: a\x0ab: x\x1b[31m`; got != want {
		t.Errorf("got %q; want %q", got, want)
	}
}

func TestReferenceHasEveryKey(t *testing.T) {
	text := Reference()
	for _, k := range keys {
		if k.doc == "" || !strings.Contains(text, k.doc) {
			t.Errorf("%s is not explained", k.path)
		}
	}
}
