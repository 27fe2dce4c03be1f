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

// A trial makes of a configuration what serve makes of it, but for the listeners.
type trial struct {
	file  string
	text  []byte
	found config.Problems
}

// try returns what serve would refuse wherever it runs and, as warnings, what of this
// machine and this user stands in its way: a file is often checked elsewhere.
func try(file string, text []byte, c *config.Config) config.Problems {
	t := &trial{file: file, text: text}
	o, err := options(c, roomFor(c, fileLimit()), zap.NewNop(), nil)
	if err == nil {
		err = proxy.Verify(o)
	}
	t.refuse(err)
	t.refuse(tryCertificates(c))
	if err := tryAccessLog(c.Access.Output); err != nil {
		t.add(true, "access_log", "output", "this user cannot write there: %v; serve would not start, so give it the right to, or write another path", plainCause(err))
	}
	t.addresses(c)
	t.machine(c)
	return t.found
}

func (t *trial) add(warning bool, table, name, format string, args ...any) {
	t.found = append(t.found, config.Problem{File: t.file, Line: config.LineOf(t.text, table, name), Key: table + "." + name,
		Text: fmt.Sprintf(format, args...), Warning: warning})
}

// refuse is for what nothing in the file can be named for: config should have.
func (t *trial) refuse(err error) {
	if err != nil {
		t.found = append(t.found, config.Problem{File: t.file, Text: err.Error()})
	}
}

// machine warns of what there is less of than the configuration takes.
func (t *trial) machine(c *config.Config) {
	limit := fileLimit()
	if most := limit - roomFor(c, limit).reserve; limit > 0 && c.Limits.Connections > most {
		t.add(true, "limits", "connections", "%d are more than the limit of open files (%d, here) leaves room for, %d: raise it (ulimit -n, LimitNOFILE), or lower this",
			c.Limits.Connections, limit, most)
	}
	if most := memory(); most > 0 && c.History.Total > most {
		t.add(true, "history", "total", "%d MiB are more than the memory that there is here, %d MiB: lower it", c.History.Total>>20, most>>20)
	}
	if dir := c.Limits.SpoolDir; dir != "" && c.Limits.SpoolBytes > 0 && inMemory(dir) {
		t.add(true, "limits", "spool_dir", "what is written into %s stays in memory: name a directory on a disk, or lower spool_bytes", dir)
	}
	if file := c.History.Snapshot; file != "" {
		if err := tryWriting(file); err != nil {
			t.add(true, "history", "snapshot", "this user cannot write there: %v; the history would not be kept", plainCause(err))
		}
	}
}

func (t *trial) addresses(c *config.Config) {
	for _, l := range []struct {
		table, name, elsewhere string
		addresses              []string
	}{
		{"public", "listen", `":%s" for all`, c.Public.Listen}, {"public", "tls_listen", `":%s" for all`, c.Public.TLSListen},
		{"internal", "listen", `"127.0.0.1:%s"`, c.Internal.Listen},
	} {
		for _, address := range l.addresses {
			if why := tryAddress(address, l.elsewhere); why != "" {
				t.add(true, l.table, l.name, "%s", why)
			}
		}
	}
}

func tryCertificates(c *config.Config) error {
	var pairs []front.Pair
	for _, p := range c.Certificates {
		pairs = append(pairs, front.Pair(p))
	}
	_, err := front.NewCertificates(pairs, tlsVersions[c.Public.TLSMinVersion])
	return err
}

func tryAccessLog(output string) error {
	switch output {
	case "off", "", "stdout", "stderr":
		return nil
	}
	return tryWriting(output)
}

// tryWriting opens a file, or one beside it if there is none yet, which it removes
// again.
func tryWriting(file string) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND|syscall.O_NONBLOCK, 0) // or a pipe that nobody reads would be waited for
	if errors.Is(err, os.ErrNotExist) {
		if f, err = os.CreateTemp(filepath.Dir(file), ".cometproxy-check-*"); err == nil {
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
func tryAddress(address, elsewhere string) (why string) {
	network, addr := config.SplitListen(address)
	if network == "unix" {
		if info, err := os.Stat(filepath.Dir(addr)); err != nil || !info.IsDir() {
			return fmt.Sprintf("there is no directory %s: it has to be there when cometproxy starts", filepath.Dir(addr))
		}
		return ""
	}
	host, port, _ := net.SplitHostPort(addr)
	conn, err := net.ListenPacket("udp", net.JoinHostPort(host, "0"))
	var dns *net.DNSError
	switch {
	case err == nil:
		conn.Close()
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Sprintf("this machine has no address %s, so serve would not start here: choose one of its own, or %s", host, fmt.Sprintf(elsewhere, port))
	case errors.As(err, &dns):
		return fmt.Sprintf("there is no host %q, so serve would not start here: choose an address of this machine, or %s", host, fmt.Sprintf(elsewhere, port))
	}
	return ""
}
