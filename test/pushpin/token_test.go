//go:build linux

package pushpin

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// checkToken says what a Grip-Sig holds: a JWT, signed with HS256.
func checkToken(token string) string {
	signed, signature, _ := cutLast(token, ".")
	head, claims, _ := strings.Cut(signed, ".")
	mac := hmac.New(sha256.New, []byte(sigKey))
	mac.Write([]byte(signed))
	if base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) != signature {
		return "a wrong signature: " + token
	}
	var h, c map[string]any
	if err := errors.Join(decodePart(head, &h), decodePart(claims, &c)); err != nil {
		return err.Error()
	}
	if exp, ok := c["exp"].(float64); ok {
		if left := exp - float64(time.Now().Unix()); left > 3500 && left <= 3600 {
			c["exp"] = "in an hour"
		}
	}
	return fmt.Sprint(h, " ", c)
}

func decodePart(part string, into *map[string]any) error {
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
