package grip

import (
	"bytes"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// lifetime is how long a signature is good for.
const lifetime = time.Hour

// A Signer makes the value of Grip-Sig, by which an app knows that a request came
// through its proxy. It is safe for concurrent use.
type Signer struct {
	method jwt.SigningMethod // static
	key    any               // static; what method signs with
	issuer string            // static

	last atomic.Pointer[token] // nil at first
	mu   sync.Mutex            // held while a token is made, so that one is enough
}

// A token is what all requests of a second carry.
type token struct {
	second int64
	text   string
}

// NewSigner makes a signer of a key: a secret, for HS256, or in PEM a private key
// of P-256, for ES256, or of RSA, for RS256.
func NewSigner(key []byte, issuer string) (*Signer, error) {
	if len(key) == 0 {
		return nil, errors.New("the key is empty: give a secret, or a private key in PEM")
	}
	if issuer == "" {
		return nil, errors.New("the issuer is empty: apps compare it")
	}
	s := &Signer{method: jwt.SigningMethodHS256, key: bytes.Clone(key), issuer: issuer}
	if isPEM(key) {
		var err error
		if s.method, s.key, err = parsePEM(key); err != nil {
			return nil, err
		}
	}
	// A key that cannot sign says so here, and not at the first request.
	if _, err := s.token(0); err != nil {
		return nil, err
	}
	return s, nil
}

// Sign returns the token of now, which is the same for the whole second. A nil
// Signer returns "".
func (s *Signer) Sign(now time.Time) string {
	if s == nil {
		return ""
	}
	second := now.Unix()
	if t := s.last.Load(); t != nil && t.second == second {
		return t.text
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.last.Load(); t != nil && t.second == second {
		return t.text
	}
	text, err := s.token(second)
	if err != nil {
		return "" // an unsigned request, which an app refuses; NewSigner has tried the key
	}
	s.last.Store(&token{second, text})
	return text
}

func (s *Signer) token(second int64) (string, error) {
	claims := jwt.MapClaims{"iss": s.issuer, "exp": second + int64(lifetime/time.Second)}
	return jwt.NewWithClaims(s.method, claims).SignedString(s.key)
}
