package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"go.uber.org/zap"

	"cometproxy/cmd/cometproxy/internal/config"
	"cometproxy/front"
	"cometproxy/proxy"
)

// trial makes of a configuration what serve makes of it, but for the listeners, and
// returns what serve would refuse, or what a person should know beforehand.
func trial(file string, text []byte, c *config.Config) (found config.Problems) {
	add := func(warning bool, table, name, format string, args ...any) {
		found = append(found, config.Problem{File: file, Line: config.LineOf(text, table, name), Key: table + "." + name,
			Text: fmt.Sprintf(format, args...), Warning: warning})
	}
	refuse := func(err error) {
		if err != nil {
			found = append(found, config.Problem{File: file, Text: err.Error()})
		}
	}
	limit := fileLimit()
	o, err := options(c, roomFor(c, limit), zap.NewNop(), nil)
	if err == nil {
		err = proxy.Verify(o)
	}
	refuse(err)
	refuse(tryCertificates(c))
	if err := tryAccessLog(c.Access.Output); err != nil {
		add(false, "access_log", "output", "this user cannot write there: %v; give it the right to, or write another path", plainCause(err))
	}
	for _, l := range []struct {
		table, name, elsewhere string
		addresses              []string
	}{
		{"public", "listen", `":%s" for all`, c.Public.Listen}, {"public", "tls_listen", `":%s" for all`, c.Public.TLSListen},
		{"internal", "listen", `"127.0.0.1:%s"`, c.Internal.Listen},
	} {
		for _, address := range l.addresses {
			if warning, why := tryAddress(address, l.elsewhere); why != "" {
				add(warning, l.table, l.name, "%s", why)
			}
		}
	}
	if most := limit - roomFor(c, limit).reserve; limit > 0 && c.Limits.Connections > most {
		add(true, "limits", "connections", "%d are more than the limit of open files (%d, here) leaves room for, %d: raise it (ulimit -n, LimitNOFILE), or lower this",
			c.Limits.Connections, limit, most)
	}
	return found
}

func tryCertificates(c *config.Config) error {
	var pairs []front.Pair
	for _, p := range c.Certificates {
		pairs = append(pairs, front.Pair(p))
	}
	_, err := front.NewCertificates(pairs, tlsVersions[c.Public.TLSMinVersion])
	return err
}

// tryAccessLog opens the log's file, or one beside it if there is none yet, which
// it removes again.
func tryAccessLog(output string) error {
	switch output {
	case "off", "", "stdout", "stderr":
		return nil
	}
	f, err := os.OpenFile(output, os.O_WRONLY|os.O_APPEND, 0)
	if errors.Is(err, os.ErrNotExist) {
		if f, err = os.CreateTemp(filepath.Dir(output), ".cometproxy-check-*"); err == nil {
			defer os.Remove(f.Name())
		}
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// plainCause is an error of a file without what was done to which.
func plainCause(err error) error {
	var of *os.PathError
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// tryAddress says why nobody can listen at an address. Whether it is in use, or this
// user may, it does not ask: it is the running process that uses it, and another user.
// A UDP socket at any free port tells whether the address is this machine's.
func tryAddress(address, elsewhere string) (warning bool, why string) {
	network, addr := config.SplitListen(address)
	if network == "unix" {
		if info, err := os.Stat(filepath.Dir(addr)); err != nil || !info.IsDir() {
			return true, fmt.Sprintf("there is no directory %s: it has to be there when cometproxy starts", filepath.Dir(addr))
		}
		return false, ""
	}
	host, port, _ := net.SplitHostPort(addr)
	conn, err := net.ListenPacket("udp", net.JoinHostPort(host, "0"))
	var dns *net.DNSError
	switch {
	case err == nil:
		conn.Close()
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return false, fmt.Sprintf("this machine has no address %s: choose one of its own, or %s", host, fmt.Sprintf(elsewhere, port))
	case errors.As(err, &dns):
		return false, fmt.Sprintf("there is no host %q: choose an address of this machine, or %s", host, fmt.Sprintf(elsewhere, port))
	}
	return false, ""
}
