package config

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"regexp"
	"strings"
	"time"

	"cometproxy/grip"
)

const (
	maxSecret   = 64 << 10 // bytes of a file that holds a secret
	shortSecret = 16
)

// variable is what looks like an environment variable that was to be expanded.
var variable = regexp.MustCompile(`^\$(\{[^}]*\}|\([^)]*\)|[A-Za-z_][A-Za-z0-9_]*)$`)

// checkToken resolves a token from its text or its file. It is empty if there is none,
// or if something is wrong.
func checkToken(s *section, file, token string) string {
	if !s.ok("token", "token_file") {
		return ""
	}
	name := "token"
	if file != "" {
		if token != "" {
			s.problem("token_file", "token is set too: keep one of the two")
			return ""
		}
		name = "token_file"
		text, ok := s.secretFile(name, file)
		if !ok {
			return ""
		}
		if token = text; token == "" {
			s.problem(name, "the file %s is empty: write the token into it", quoted(file))
			return ""
		}
	}
	switch {
	case token == "":
	case strings.IndexFunc(token, func(c rune) bool { return c <= ' ' || c > '~' }) >= 0:
		s.problem(name, "the token has white space or other characters that no header can carry: use visible ASCII, for example from: openssl rand -hex 32")
		return ""
	case variable.MatchString(token):
		s.warn(name, "environment variables are not expanded, the token is this very text: use token_file for a secret from outside")
	case strings.HasPrefix(token, "file:") && name == "token":
		s.warn(name, "this looks like the name of a file, and is taken as the token itself: write token_file = \"PATH\" for a token in a file")
	case len(token) < shortSecret:
		s.warn(name, "the token has %d characters and could be guessed: use %d or more, for example from: openssl rand -hex 32", len(token), shortSecret)
	}
	return token
}

// secretFile reads a file and cuts the line end.
func (s *section) secretFile(name, path string) (string, bool) {
	text, err := s.r.readSecret(path)
	switch {
	case err == nil:
		return strings.TrimRight(string(text), "\r\n"), true
	case errors.Is(err, fs.ErrNotExist):
		s.problem(name, "there is no file %s: write it, or correct the name", quoted(path))
	case errors.Is(err, fs.ErrPermission):
		s.problem(name, "the file %s cannot be read: permission denied to the user that runs this", quoted(path))
	default:
		s.problem(name, "the file %s cannot be read: %s", quoted(path), plainError(err))
	}
	return "", false
}

// checkGRIP resolves the signature key.
func checkGRIP(s *section, g *GRIP, key string) {
	if s.ok("max_timeout") && g.MaxTimeout > 0 && g.MaxTimeout < 5*time.Second {
		s.warn("max_timeout", "holds end after %s, where apps expect 5s at least: each poll costs the app a request", s.written("max_timeout"))
	}
	if !s.ok("sig_key") || key == "" {
		return
	}
	if path, ok := strings.CutPrefix(key, "file:"); ok {
		g.SigKey = s.keyFile(path)
	} else if text, ok := strings.CutPrefix(key, "base64:"); ok {
		decoded, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(decoded) == 0 {
			s.problem("sig_key", "what follows base64: is no base64: copy it again, with its = at the end")
			return
		}
		g.SigKey = decoded
	} else {
		g.SigKey = []byte(key)
		if variable.MatchString(key) {
			s.warn("sig_key", "environment variables are not expanded, the key is this very text: use file:PATH for a secret from outside")
			return
		}
		if strings.HasPrefix(key, "/") || strings.HasSuffix(key, ".pem") || strings.HasSuffix(key, ".key") {
			s.warn("sig_key", "this looks like the name of a file, and is taken as the key itself: write file:PATH for a key in a file")
		}
	}
	if g.SigKey == nil {
		return
	}
	if _, err := grip.NewSigner(g.SigKey, "check"); err != nil {
		s.problem("sig_key", "%s", err)
		return
	}
	if n := len(g.SigKey); n < shortSecret {
		s.warn("sig_key", "the key has %d bytes and could be guessed: use %d or more, the same as in your app", n, shortSecret)
	}
	if g.SigIss == "" && s.ok("sig_iss") {
		s.warn("sig_iss", "without an issuer nothing is signed: name one, or remove sig_key")
	}
}

// keyFile reads a key: the text of a PEM file, or the bytes that hex text means.
func (s *section) keyFile(path string) []byte {
	if path == "" {
		s.problem("sig_key", "file: names no file: write \"file:/etc/cometproxy/grip.key\"")
		return nil
	}
	text, ok := s.secretFile("sig_key", path)
	if !ok {
		return nil
	}
	if strings.HasPrefix(text, "-----BEGIN") {
		return []byte(text + "\n")
	}
	key, err := hex.DecodeString(strings.TrimSpace(text))
	if err != nil || len(key) == 0 {
		s.problem("sig_key", "the file %s is neither PEM nor hex text: write the key as hex digits, for example from: openssl rand -hex 32", quoted(path))
		return nil
	}
	return key
}
