package route

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
)

// maxHost is the longest host that can match a route, in bytes; no DNS name is
// longer. It bounds the work too: one look-up per dot.
const maxHost = 255

// appendHost appends the canonical form of a Host header or an authority: lower
// case, without port, without the dot at the end, IPv6 addresses without brackets
// in their shortest form. What is no host at all comes out as something that
// equals no configured host, or as nothing.
func appendHost(dst, raw []byte) []byte {
	colon := bytes.IndexByte(raw, ':')
	if len(raw) > 0 && raw[0] == '[' {
		end := bytes.IndexByte(raw, ']')
		if end < 0 {
			return dst
		}
		return appendIPv6(dst, raw[1:end])
	}
	if colon >= 0 {
		if bytes.IndexByte(raw[colon+1:], ':') >= 0 {
			return appendIPv6(dst, raw)
		}
		raw = raw[:colon]
	}
	if n := len(raw); n > 0 && raw[n-1] == '.' {
		raw = raw[:n-1]
	}
	if len(raw) > maxHost {
		return dst
	}
	for _, c := range raw {
		dst = append(dst, toLower(c))
	}
	return dst
}

// appendIPv6 appends the shortest form of an IPv6 address, nothing if it is none.
func appendIPv6(dst, raw []byte) []byte {
	addr, err := netip.ParseAddr(string(raw))
	if err != nil || !addr.Is6() {
		return dst
	}
	return addr.AppendTo(dst)
}

// parseHost turns a configured host into its key in the table: the canonical
// host, or for "*.example.com" the suffix ".example.com" and true.
func parseHost(host string) (key string, wild bool, err error) {
	if strings.HasPrefix(host, "[") || strings.Count(host, ":") > 1 {
		inner := strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
		addr, err := netip.ParseAddr(inner)
		if err != nil || !addr.Is6() || addr.Zone() != "" {
			return "", false, errors.New("not an IPv6 address; write it without port and zone, such as \"[::1]\"")
		}
		return addr.String(), false, nil
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	if rest, ok := strings.CutPrefix(name, "*."); ok {
		name, wild = rest, true
	}
	switch {
	case host == "*":
		return "", false, errors.New("for every host, leave host out")
	case strings.Contains(name, "*"):
		return "", false, errors.New("a wildcard is \"*.\" at the beginning and nothing else")
	case strings.Contains(name, ":"):
		return "", false, errors.New("write the host without a port")
	case len(name) > maxHost:
		return "", false, errors.New("longer than any host name can be (255 bytes)")
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" {
			return "", false, errors.New("empty label: a dot too many, or no name")
		}
		for _, c := range label {
			if c > 0x7f {
				return "", false, errors.New("write international names in their ASCII form (xn--...)")
			}
			if !isNameChar(byte(c)) {
				return "", false, errors.New("a host name has only letters, digits, - and _ between dots")
			}
		}
	}
	if wild {
		name = "." + name
	}
	return name, wild, nil
}

// isNameChar: the characters of host labels and of parameter names.
func isNameChar(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}
