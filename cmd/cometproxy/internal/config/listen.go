package config

import (
	"fmt"
	"net"
	"net/netip"
	"path"
	"strconv"
	"strings"
)

// SplitListen turns a listen address of a Config into what net.Listen takes.
func SplitListen(address string) (network, addr string) {
	if socket, ok := strings.CutPrefix(address, "unix:"); ok {
		return "unix", socket
	}
	return "tcp", address
}

// maxSocket is what every system allows for the path of a Unix socket.
const maxSocket = 103

// badListen says what is wrong with a listen address, or "".
func badListen(address string, sockets bool) string {
	if socket, ok := strings.CutPrefix(address, "unix:"); ok {
		if !sockets {
			return fmt.Sprintf("%s: clients connect over TCP only, write \"127.0.0.1:8000\"", quoted(address))
		}
		return badSocket(address, socket)
	}
	if scheme, rest, ok := strings.Cut(address, "://"); ok {
		return fmt.Sprintf("%s: an address has no %s://, write %s", quoted(address), scheme, quoted(strings.TrimRight(rest, "/")))
	}
	if _, err := strconv.ParseUint(address, 10, 16); err == nil {
		return fmt.Sprintf("%s is a port only: write \"127.0.0.1:%s\", or \":%s\" for every address of this machine", quoted(address), address, address)
	}
	if strings.HasPrefix(address, "/") && sockets {
		return fmt.Sprintf("%s: write %s for a socket", quoted(address), quoted("unix:"+address))
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		if ip, bad := netip.ParseAddr(strings.Trim(address, "[]")); bad == nil {
			return fmt.Sprintf("%s has no port: write %s", quoted(address), quoted(net.JoinHostPort(ip.String(), "8000")))
		}
		return fmt.Sprintf("%s is no address: write host:port, like \"127.0.0.1:8000\" or \"[::1]:8000\"", quoted(address))
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return fmt.Sprintf("%s: the port %s is no number from 0 to 65535", quoted(address), quoted(port))
	}
	if host != "" && !isIP(host) && !isHostName(host) {
		return fmt.Sprintf("%s: %s is neither an IP address nor a host name", quoted(address), quoted(host))
	}
	return ""
}

func badSocket(address, socket string) string {
	switch {
	case !strings.HasPrefix(socket, "/"):
		return fmt.Sprintf("%s: write the whole path of the socket, like \"unix:/run/cometproxy/internal.sock\"", quoted(address))
	case path.Clean(socket) != socket:
		return fmt.Sprintf("%s: write the path of the socket as %s", quoted(address), quoted("unix:"+path.Clean(socket)))
	case strings.ContainsRune(socket, 0):
		return fmt.Sprintf("%s: a path cannot contain a zero byte", quoted(address))
	case len(socket) > maxSocket:
		return fmt.Sprintf("the path of the socket has %d bytes: the system allows %d, write a shorter one", len(socket), maxSocket)
	}
	return ""
}

func isIP(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// isHostName reports a name that DNS allows; underscores, which container
// networks use, are allowed too.
func isHostName(host string) bool {
	if len(host) > 253 || host == "" {
		return false
	}
	for _, label := range strings.Split(host, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if !isLetter(c) && !isDigit(c) && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }

// onThisMachine reports that only processes of this machine reach the address.
func onThisMachine(address string) bool {
	network, addr := SplitListen(address)
	if network == "unix" {
		return true
	}
	host, _, _ := net.SplitHostPort(addr)
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}

// everywhere reports an address that stands for all of the machine's.
func everywhere(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, bad := netip.ParseAddr(host)
	return host == "" || bad == nil && ip.IsUnspecified()
}

// checkAddresses checks a list of listen addresses; taken are those of others.
func checkAddresses(s *section, key string, addresses []string, sockets bool, taken ...string) {
	if !s.ok(key) {
		return
	}
	seen := make(map[string]bool)
	for _, address := range taken {
		seen[address] = true
	}
	for i, address := range addresses {
		if why := badListen(address, sockets); why != "" {
			s.itemProblem(key, i, "%s", why)
		} else if seen[address] && portOf(address) != "0" {
			s.itemProblem(key, i, "%s is listed twice: remove one", quoted(address))
		}
		seen[address] = true
	}
}

// checkPublic checks the public listeners; from are the networks whose connections
// begin with a PROXY protocol header.
func checkPublic(s *section, p *Public, from []string) {
	checkAddresses(s, "listen", p.Listen, false)
	checkAddresses(s, "tls_listen", p.TLSListen, false, p.Listen...)
	if s.ok("listen", "tls_listen") && len(p.Listen)+len(p.TLSListen) == 0 {
		s.problem("listen", "is empty, and so is tls_listen: nobody could connect, write \"127.0.0.1:8000\"")
	}
	if p.RedirectToHTTPS && len(p.TLSListen) == 0 && s.ok("tls_listen") {
		s.warn("redirect_to_https", "there is no tls_listen: everybody is sent away, unless a trusted proxy in front speaks https")
	}
	if s.ok("probe") {
		if why := badProbe(p.Probe); why != "" {
			s.problem("probe", "%s", why)
		}
	}
	if len(from) > 0 {
		p.ProxyFrom = s.networks("proxy_protocol_from", from)
	}
}

// badProbe says what is wrong with the path of the probe, or "". It is compared with
// what clients send byte for byte, so nothing may be in it that has two spellings.
func badProbe(p string) string {
	plain := func(c rune) bool {
		return c < 128 && (isLetter(byte(c)) || isDigit(byte(c)) || strings.ContainsRune("/-._~", c))
	}
	switch {
	case p == "":
		return ""
	case p[0] != '/' || len(p) < 2 || path.Clean(p) != p:
		return fmt.Sprintf("%s is no path for a probe: write one, as \"/.well-known/cometproxy\"", quoted(p))
	case strings.ContainsFunc(p, func(c rune) bool { return !plain(c) }):
		return fmt.Sprintf("%s: the path of the probe has letters, digits, and - . _ ~ only, as \"/.well-known/cometproxy\"", quoted(p))
	}
	return ""
}

// checkInternal checks the internal listener, and resolves its token.
func checkInternal(s *section, in *Internal, token string) {
	checkAddresses(s, "listen", in.Listen, true)
	in.Token = checkToken(s, in.TokenFile, token)
	if !s.ok("listen", "token", "token_file") {
		return
	}
	outside := ""
	for i, address := range in.Listen {
		if onThisMachine(address) {
			continue
		}
		outside = address
		if in.Token == "" {
			s.itemProblem("listen", i, "%s can be reached from other machines and there is no token: set token_file (or token), or listen on 127.0.0.1 or unix:/path", quoted(address))
			continue
		}
		if everywhere(address) {
			s.itemWarn("listen", i, "%s is every address of this machine, also public ones: name the one that publishers use", quoted(address))
		}
	}
	if outside != "" && in.Debug && s.ok("debug") {
		s.warn("debug", "profiles and memory of the process can be read over the network, at %s: turn it off when you are done", outside)
	}
}

func portOf(address string) string {
	network, addr := SplitListen(address)
	if network != "tcp" {
		return ""
	}
	_, port, _ := net.SplitHostPort(addr)
	return port
}

// checkBothListen compares the two listeners.
func checkBothListen(public, internal *section, c *Config) {
	if !public.ok("listen") || !internal.ok("listen") {
		return
	}
	for i, p := range c.Public.Listen {
		for j, in := range c.Internal.Listen {
			port := portOf(in)
			if port == "0" || port == "" || portOf(p) != port {
				continue
			}
			// Told of the internal one, unless only the public one is in the file.
			mine, item, own, other, free := internal, j, in, "[public] listen", "127.0.0.1:5561"
			theirs := p
			if public.given["listen"] && !internal.given["listen"] {
				mine, item, own, other, free = public, i, p, "[internal] listen (the default)", "127.0.0.1:8000"
				theirs = in
			} else if !public.given["listen"] {
				other += " (the default)"
			}
			if p == in {
				mine.itemProblem("listen", item, "%s is also %s: give each a port of its own, here %s", quoted(own), other, quoted(unused(free, c)))
				continue
			}
			mine.itemWarn("listen", item, "%s has the same port as %s %s: one may shut the other out, and they are easily mistaken", quoted(own), other, quoted(theirs))
		}
	}
}

// checkTLSListen compares the https listeners with the internal ones.
func checkTLSListen(public *section, c *Config) {
	for i, address := range c.Public.TLSListen {
		for _, in := range c.Internal.Listen {
			if address == in && portOf(in) != "0" {
				public.itemProblem("tls_listen", i, "%s is also [internal] listen: give each a port of its own", quoted(address))
			}
		}
	}
}

// unused is the address, with the next port that neither listener has.
func unused(address string, c *Config) string {
	host, port, _ := net.SplitHostPort(address)
	n, _ := strconv.Atoi(port)
	taken := make(map[string]bool)
	for _, a := range append(c.Public.Listen[:len(c.Public.Listen):len(c.Public.Listen)], c.Internal.Listen...) {
		taken[portOf(a)] = true
	}
	for taken[strconv.Itoa(n)] {
		n++
	}
	return net.JoinHostPort(host, strconv.Itoa(n))
}
