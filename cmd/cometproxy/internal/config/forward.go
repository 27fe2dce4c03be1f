package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// checkForward resolves the proxies that are trusted.
func checkForward(s *section, f *Forward, trusted []string) {
	f.TrustedProxies = s.networks("trusted_proxies", trusted)
	lower := strings.ToLower(f.RequestID)
	if s.ok("request_id") && (contains(framing, lower) || contains(taken, lower) || strings.HasPrefix(lower, "grip-")) {
		s.problem("request_id", "%s has a meaning of its own: write another, as \"X-Request-Id\"", quoted(f.RequestID))
	}
	if s.ok("request_id") && f.RequestID != "" && !isToken(f.RequestID) {
		s.problem("request_id", "%s is no name of a header field: write letters, digits and -, as in \"X-Request-Id\"", quoted(f.RequestID))
	}
}

// taken are fields that a request's id cannot be in.
var taken = []string{"host", "cookie", "set-cookie", "authorization", "content-type", "content-encoding", "date", "server", "location",
	"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "via"}

// networks reads a list of those that are believed.
func (s *section) networks(key string, texts []string) []netip.Prefix {
	list := make([]netip.Prefix, 0, len(texts))
	for i, text := range texts {
		p, why := prefix(text)
		switch {
		case why != "":
			s.itemProblem(key, i, "%s", why)
		case p.Bits() == 0:
			s.itemWarn(key, i, "%s is everybody: any client can say that it is another", quoted(text))
		}
		list = append(list, p)
	}
	return list
}

// prefix reads an address or a network, or says what is wrong with it.
func prefix(text string) (p netip.Prefix, why string) {
	if ip, err := netip.ParseAddr(text); err == nil && ip.Zone() == "" {
		ip = ip.Unmap()
		return netip.PrefixFrom(ip, ip.BitLen()), ""
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return p, fmt.Sprintf("%s is neither an address nor a network: write \"10.0.0.1\" or \"10.0.0.0/8\"", quoted(text))
	}
	if masked := p.Masked(); masked != p {
		return p, fmt.Sprintf("%s has bits behind its /%d: write %s, or the address alone", quoted(text), p.Bits(), quoted(masked.String()))
	}
	return p, ""
}

// isToken is true for what may be the name of a header field (RFC 9110, section 5.6.2).
func isToken(name string) bool {
	for _, c := range []byte(name) {
		if !isLetter(c) && !isDigit(c) && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return name != ""
}
