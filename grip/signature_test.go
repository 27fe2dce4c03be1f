package grip

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// keys are made once; RSA takes its time.
var keys = sync.OnceValue(func() (k struct {
	ec, other, p384 *ecdsa.PrivateKey
	rsa, short      *rsa.PrivateKey
	ed              ed25519.PrivateKey
}) {
	k.ec = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	k.other = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	k.p384 = must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	k.rsa = must(rsa.GenerateKey(rand.Reader, 2048))
	k.short = must(rsa.GenerateKey(rand.Reader, 1024))
	k.ed = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	return k
})

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func pkcs8(key any) string     { return block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key))) }
func publicKey(key any) string { return block("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(key))) }
func sec1(key *ecdsa.PrivateKey) string {
	return block("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(key)))
}
func pkcs1(key *rsa.PrivateKey) string {
	return block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
}

func TestSign(t *testing.T) {
	k := keys()
	parameters := block("EC PARAMETERS", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7})
	now := time.Unix(1_800_000_000, 999)
	for _, tc := range []struct {
		name, key, alg string
		verify, wrong  any
	}{
		{"secret", "changeme", "HS256", []byte("changeme"), []byte("changeyou")},
		{"binary secret", "\x00\xff-----BEGIN", "HS256", []byte("\x00\xff-----BEGIN"), []byte{0}},
		{"EC", sec1(k.ec), "ES256", &k.ec.PublicKey, &k.other.PublicKey},
		{"EC in PKCS#8", "\n" + pkcs8(k.ec), "ES256", &k.ec.PublicKey, &k.other.PublicKey},
		{"EC with parameters", parameters + sec1(k.ec), "ES256", &k.ec.PublicKey, &k.other.PublicKey},
		{"RSA", pkcs1(k.rsa), "RS256", &k.rsa.PublicKey, &k.short.PublicKey},
		{"RSA in PKCS#8", pkcs8(k.rsa), "RS256", &k.rsa.PublicKey, &k.short.PublicKey},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := NewSigner([]byte(tc.key), "pushpin")
			if err != nil {
				t.Fatal(err)
			}
			text := s.Sign(now)
			parse := func(key any, at time.Time) error {
				_, err := jwt.Parse(text, func(*jwt.Token) (any, error) { return key, nil },
					jwt.WithValidMethods([]string{tc.alg}), jwt.WithIssuer("pushpin"), jwt.WithExpirationRequired(),
					jwt.WithTimeFunc(func() time.Time { return at }))
				return err
			}
			if err := parse(tc.verify, now.Add(3599*time.Second)); err != nil {
				t.Errorf("within the hour: %v", err)
			}
			if parse(tc.verify, now.Add(3601*time.Second)) == nil {
				t.Error("it is good for more than an hour")
			}
			if parse(tc.wrong, now) == nil {
				t.Error("another key verifies it")
			}
			segments := strings.Split(text, ".")
			for i, want := range []string{`{"alg":"` + tc.alg + `","typ":"JWT"}`, `{"exp":1800003600,"iss":"pushpin"}`} {
				if got := string(must(base64.RawURLEncoding.DecodeString(segments[i]))); got != want {
					t.Errorf("segment %d: got %q; want %q", i, got, want)
				}
			}
		})
	}
}

func TestSignOncePerSecond(t *testing.T) {
	s := must(NewSigner([]byte(sec1(keys().ec)), "pushpin")) // whose signatures differ each time
	now := time.Unix(1000, 0)
	var texts [16]string
	var all sync.WaitGroup
	for i := range texts {
		all.Go(func() { texts[i] = s.Sign(now.Add(time.Duration(i) * time.Millisecond)) })
	}
	all.Wait()
	for i, text := range texts {
		if text != texts[0] {
			t.Errorf("token %d is %q; the first is %q", i, text, texts[0])
		}
	}
	if s.Sign(now.Add(time.Second)) == texts[0] {
		t.Error("the next second has the same token")
	}
	if n := testing.AllocsPerRun(100, func() { s.Sign(now.Add(time.Second)) }); n != 0 {
		t.Errorf("Sign allocates %v times within a second", n)
	}
}

func TestSignKeepsItsKey(t *testing.T) {
	key := []byte("changeme")
	s := must(NewSigner(key, "pushpin"))
	clear(key)
	if got, want := s.Sign(time.Unix(0, 0)), must(NewSigner([]byte("changeme"), "pushpin")).Sign(time.Unix(0, 0)); got != want {
		t.Errorf("got %q; want %q", got, want)
	}
}

func TestNoSigner(t *testing.T) {
	var s *Signer
	if got := s.Sign(time.Now()); got != "" {
		t.Errorf("got %q; want %q", got, "")
	}
}

func TestBadKey(t *testing.T) {
	k := keys()
	encrypted := string(pem.EncodeToMemory(&pem.Block{
		Type: "EC PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"}, Bytes: []byte{1}}))
	for _, tc := range []struct{ name, key, issuer, want string }{
		{"empty", "", "i", "the key is empty: give a secret, or a private key in PEM"},
		{"no issuer", "k", "", "the issuer is empty: apps compare it"},
		{"public", publicKey(&k.ec.PublicKey), "i", "the PEM block is PUBLIC KEY: GRIP signs with a private key"},
		{"public RSA", block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&k.rsa.PublicKey)), "i", "the PEM block is RSA PUBLIC KEY: GRIP signs with a private key"},
		{"certificate", block("CERTIFICATE", []byte{1}), "i", "the PEM block is CERTIFICATE: GRIP signs with a private key"},
		{"P-384", sec1(k.p384), "i", "the key is of the curve P-384, and GRIP signs with P-256: make one with openssl"},
		{"P-384 in PKCS#8", pkcs8(k.p384), "i", "the key is of the curve P-384, and GRIP signs with P-256: make one with openssl"},
		{"Ed25519", pkcs8(k.ed), "i", "the key is neither EC nor RSA, and GRIP signs with these: make one with openssl"},
		{"short RSA", pkcs1(k.short), "i", "the RSA key has 1024 bits, and at least 2048 are needed: make one with openssl genrsa 2048"},
		{"encrypted", encrypted, "i", "the key is encrypted: decrypt it with openssl pkey"},
		{"encrypted PKCS#8", block("ENCRYPTED PRIVATE KEY", []byte{1}), "i", "the key is encrypted: decrypt it with openssl pkey"},
		{"two", sec1(k.ec) + pkcs1(k.rsa), "i", "there is a second PEM block, RSA PRIVATE KEY: leave only the private key"},
		{"a pair", sec1(k.ec) + publicKey(&k.ec.PublicKey), "i", "there is a second PEM block, PUBLIC KEY: leave only the private key"},
		{"a broken second", sec1(k.ec) + "-----BEGIN X-----", "i", "the key is followed by a PEM block that is broken: leave only the private key"},
		{"cut", sec1(k.ec)[:80], "i", "the key begins as PEM and is broken: copy it again, with its first and last line"},
		{"parameters alone", block("EC PARAMETERS", []byte{1}), "i", "the key begins as PEM and is broken: copy it again, with its first and last line"},
		{"nonsense", block("EC PRIVATE KEY", []byte{1}), "i", "the key in EC PRIVATE KEY cannot be read: "},
		{"mislabelled", block("RSA PRIVATE KEY", must(x509.MarshalECPrivateKey(k.ec))), "i", "the key in RSA PRIVATE KEY cannot be read: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := NewSigner([]byte(tc.key), tc.issuer)
			if got := fmt.Sprint(err); s != nil || !strings.HasPrefix(got, tc.want) {
				t.Errorf("got %q; want %q", got, tc.want)
			}
		})
	}
}
