package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// issue writes NAME.pem and NAME.key.
func issue(t *testing.T, dir, name string, begins, ends time.Time, names ...string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: names, NotBefore: begins, NotAfter: ends}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, _ := x509.MarshalPKCS8PrivateKey(key)
	write(t, filepath.Join(dir, name+".pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), 0o644)
	write(t, filepath.Join(dir, name+".key"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})), 0o600)
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
}

// openDir is a folder that everybody can look into, unlike those of tests.
func openDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != filepath.Dir(d) && d != os.TempDir(); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// loaded is what Load says of a text, without the file's name.
func loaded(t *testing.T, dir, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, "c.toml")
	write(t, path, text, mode)
	_, problems := Load(path)
	return strings.ReplaceAll(strings.ReplaceAll(problems.String(), path, "c.toml"), dir+"/", "")
}

func TestReadableSecrets(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have no such rights there")
	}
	dir := openDir(t)
	if !forEverybody(dir) {
		t.Skip("not everybody can look into the folder for temporary files: set TMPDIR to one like /tmp")
	}
	text := `[internal]
token_file = "DIR/token"
[grip]
sig_key = "file:DIR/grip.key"
[[backend]]
name = "app"
urls = ["https://app.internal"]
tls_cert = "DIR/a.pem"
tls_key = "DIR/a.key"
[[route]]
path = "/"
backend = "app"
set_request_headers = { X-Tenant = "a", Authorization = "Bearer x" }
`
	text += "[[presence]]\nchannels = [\"*\"]\nbackend = \"app\"\npath = \"/presence\"\ntoken_file = \"DIR/token\"\n"
	text = strings.ReplaceAll(text, "DIR", dir)
	inline := strings.Replace(strings.Replace(text, `token_file = "`+dir+`/token"`, `token = "0123456789abcdef"`, 1), "file:"+dir+"/grip.key", "base64:MDEyMzQ1Njc4OWFiY2RlZg==", 1)
	day := 24 * time.Hour
	issue(t, dir, "a", time.Now().Add(-day), time.Now().Add(300*day), "a.example")
	files := func(mode os.FileMode) {
		write(t, dir+"/token", "0123456789abcdef", mode)
		write(t, dir+"/grip.key", "30313233343536373839616263646566", mode)
		if err := os.Chmod(dir+"/a.key", mode); err != nil {
			t.Fatal(err)
		}
	}
	files(0o640)
	if got := loaded(t, dir, text, 0o640) + loaded(t, dir, inline, 0o640); got != "" {
		t.Errorf("nobody else can read:\n%s", got)
	}
	files(0o644)
	const every = ": every user of this machine can read the file "
	got := loaded(t, dir, text, 0o644)
	for _, want := range []string{"c.toml:2: warning: internal.token_file" + every + `"token"`, "c.toml:4: warning: grip.sig_key" + every, "c.toml:9: warning: backend.tls_key" + every, "c.toml:18: warning: presence.token_file" + every,
		"c.toml:13: warning: route.set_request_headers: this is a secret, and every user of this machine can read this file: chmod o-r c.toml"} {
		if !strings.Contains(strings.ReplaceAll(got, dir+"/", ""), want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	got = loaded(t, dir, inline, 0o644)
	if !strings.Contains(got, "c.toml:2: warning: internal.token: this is a secret") || !strings.Contains(got, "c.toml:4: warning: grip.sig_key: this is a secret") {
		t.Error(got)
	}
	if err := os.Chmod(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if got := loaded(t, dir, text, 0o644); got != "" {
		t.Errorf("the folder is closed:\n%s", got)
	}
}

func TestCertificateWarnings(t *testing.T) {
	dir := t.TempDir()
	now, day := time.Now(), 24*time.Hour
	table := func(name string) string {
		return fmt.Sprintf("[[certificate]]\ncert = %q\nkey = %q\n", dir+"/"+name+".pem", dir+"/"+name+".key")
	}
	issue(t, dir, "good", now.Add(-day), now.Add(80*day), "a.example", "*.b.example")
	issue(t, dir, "soon", now.Add(-70*day), now.Add(20*day), "a.example")
	issue(t, dir, "short", now.Add(-day), now.Add(5*day), "a.example")
	issue(t, dir, "ended", now.Add(-70*day), now.Add(-day), "a.example")
	issue(t, dir, "later", now.Add(day), now.Add(90*day), "a.example")
	issue(t, dir, "nameless", now.Add(-day), now.Add(80*day))
	issue(t, dir, "other", now.Add(-day), now.Add(80*day), "c.example")
	const head = "[public]\ntls_listen = [\":8443\"]\n"
	const any, a = "[[route]]\npath = \"/a\"\nchannels = [\"a\"]\n", "[[route]]\npath = \"/a\"\nhost = \"a.example\"\nchannels = [\"a\"]\n"
	for _, c := range []struct{ text, want string }{
		{table("good") + any, ""},
		{table("good") + a + strings.Replace(a, "a.e", "*.b.e", 1), ""},
		{table("short") + any, ""},
		{table("soon") + any, "c.toml:4: warning: certificate.cert: the certificate of \"CN=soon\" ends on " + now.Add(20*day).UTC().Format(time.DateOnly)},
		{table("ended") + any, "c.toml:4: warning: certificate.cert: the certificate of \"CN=ended\" ended on "},
		{table("later") + any, "c.toml:4: warning: certificate.cert: the certificate of \"CN=later\" begins on "},
		{table("nameless") + any, "c.toml:4: warning: certificate.cert: the certificate has no names"},
		{table("good") + table("other") + any + strings.Replace(a, "a.example", "d.example", 1), "c.toml:14: warning: route.host: no [[certificate]] has the name \"d.example\""},
		{table("good") + table("other") + a, "c.toml:7: warning: certificate.cert: no route has a host that the certificate is for (c.example)"},
	} {
		got := loaded(t, dir, head+c.text, 0o600)
		if c.want == "" && got != "" || !strings.HasPrefix(got, c.want) || strings.Count(got, "\n") > 1 {
			t.Errorf("got\n%swant\n%s", got, c.want)
		}
	}
}
