package config

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// A readBackend is a backend with its place in the file.
type readBackend struct {
	*section
	name string // empty if it is wrong
	used bool
}

// backends reads and checks the [[backend]] tables.
func (r *reader) backends(tables []rawTable) []*readBackend {
	var found []*readBackend
	first := make(map[string]int)
	for _, table := range tables {
		b := Backend{}
		t := &target{config: r.config, backend: &b}
		s := r.table("backend", table.values, table.at, t)
		entry := &readBackend{section: s}
		found = append(found, entry)
		switch line, twice := first[b.Name]; {
		case !s.ok("name"):
		case !s.given["name"]:
			s.problem("name", "is missing: write name = \"app\", which routes refer to")
		case b.Name == "":
			s.problem("name", "is empty: write name = \"app\", which routes refer to")
		case strings.IndexFunc(b.Name, func(c rune) bool { return c <= ' ' || c > '~' }) >= 0:
			s.problem("name", "%s: use visible ASCII without spaces", quoted(b.Name))
		case twice:
			s.problem("name", "%s is already the backend of line %d: give each its own name, or list several urls in one backend", quoted(b.Name), line)
		default:
			first[b.Name] = s.line("name")
			entry.name = b.Name
		}
		if !s.given["urls"] {
			s.problem("urls", "is missing: write urls = [\"http://127.0.0.1:3000\"]")
		} else if s.ok("urls") {
			r.urls(s, &b)
		}
		checkBalance(s, &b, t.raw.balance)
		checkHealth(s, &b)
		checkBackendTLS(s, &b, t.raw.tls.ca, t.raw.tls.cert, t.raw.tls.key)
		r.config.Backends = append(r.config.Backends, b)
		r.backendSections = append(r.backendSections, s)
	}
	return found
}

// urls checks the addresses of a backend and writes them in one form.
func (r *reader) urls(s *section, b *Backend) {
	seen := make(map[string]bool)
	for i, text := range b.URLs {
		clean, why := cleanURL(text)
		if why != "" {
			s.itemProblem("urls", i, "%s", why)
			continue
		}
		if seen[clean] {
			s.itemWarn("urls", i, "%s is listed twice and gets twice the share of requests", quoted(clean))
		}
		seen[clean] = true
		for _, own := range r.config.Public.Listen {
			if strings.TrimPrefix(clean, "http://") == own {
				s.itemWarn("urls", i, "%s is this proxy's own [public] listen: requests would go round in a circle", quoted(clean))
			}
		}
		for _, own := range r.config.Public.TLSListen {
			if strings.TrimPrefix(clean, "https://") == own {
				s.itemWarn("urls", i, "%s is this proxy's own [public] tls_listen: requests would go round in a circle", quoted(clean))
			}
		}
		for _, inner := range r.config.Internal.Listen {
			if leadsTo(clean, inner) {
				s.itemProblem("urls", i, "%s is this proxy's own [internal] listen: clients could publish and read every channel; write the address of your app", quoted(clean))
			}
		}
		b.URLs[i] = clean
	}
}

// leadsTo reports that a URL is a listener of this machine.
func leadsTo(clean, listen string) bool {
	if strings.HasPrefix(listen, "unix:") {
		return clean == listen
	}
	_, address, _ := strings.Cut(clean, "://")
	u, err := url.Parse(clean)
	if err != nil || u.Port() == "" || u.Port() != portOf(listen) {
		return false
	}
	host := u.Hostname() + ":0"
	if strings.Contains(u.Hostname(), ":") {
		host = "[" + u.Hostname() + "]:0"
	}
	return address == listen || onThisMachine(host) && (onThisMachine(listen) || everywhere(listen))
}

// cleanURL returns the URL in one form, or what is wrong with it.
func cleanURL(text string) (clean, why string) {
	if socket, ok := strings.CutPrefix(text, "unix:"); ok {
		return text, badSocket(text, socket)
	}
	scheme, rest, ok := strings.Cut(text, "://")
	switch {
	case strings.HasPrefix(text, "/"):
		return "", fmt.Sprintf("%s: write %s for a socket", quoted(text), quoted("unix:"+text))
	case !ok:
		return "", fmt.Sprintf("%s has no scheme: write %s", quoted(text), quoted("http://"+text))
	case scheme == "ws" || scheme == "wss":
		return "", fmt.Sprintf("%s: WebSockets begin as HTTP, write %s", quoted(text), quoted(strings.Replace(scheme, "ws", "http", 1)+"://"+rest))
	case scheme != "http" && scheme != "https":
		return "", fmt.Sprintf("%s: %s:// is not known, write http://, https:// or unix:/path", quoted(text), scheme)
	}
	u, err := url.Parse(text)
	if err != nil {
		return "", fmt.Sprintf("%s is no URL: write \"http://host:port\"", quoted(text))
	}
	bare := scheme + "://" + u.Host
	if u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#") {
		return "", fmt.Sprintf("%s: only scheme, host and port, requests keep their own path: write %s", quoted(text), quoted(bare))
	}
	if host := u.Hostname(); host == "" || !isIP(host) && !isHostName(host) {
		return "", fmt.Sprintf("%s: %s is neither an IP address nor a host name", quoted(text), quoted(host))
	}
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "", fmt.Sprintf("%s: the port %s is no number from 1 to 65535", quoted(text), quoted(port))
		}
	}
	return bare, ""
}
