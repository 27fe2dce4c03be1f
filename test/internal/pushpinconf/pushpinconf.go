// Package pushpinconf writes configurations with which Debian's Pushpin runs by
// itself, with ports and files of its own. As packaged it needs a system's zurl
// and directories, and hangs at its first request without them.
package pushpinconf

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// Config is what tests choose.
type Config struct {
	Public      string // host:port for clients
	Control     string // host:port for publishing
	App         string // host:port of the app behind it
	Issuer, Key string // of Grip-Sig
	Runner      string // more lines of [runner]
	Handler     string // more lines of [handler]
}

const file = `[global]
include=%[1]s/internal.conf
rundir=%[1]s
ipc_prefix=p-

[runner]
services=condure,zurl,pushpin-proxy,pushpin-handler
http_port=%[2]s
logdir=%[1]s
log_level=2
client_buffer_size=8192
client_maxconn=1000
%[7]s
[proxy]
routesfile=%[1]s/routes
sig_iss=%[5]s
sig_key=%[6]s

[handler]
push_in_spec=ipc://{rundir}/{ipc_prefix}push-in
push_in_sub_specs=ipc://{rundir}/{ipc_prefix}push-in-sub
command_spec=ipc://{rundir}/{ipc_prefix}command
stats_spec=ipc://{rundir}/{ipc_prefix}stats
push_in_http_addr=%[3]s
push_in_http_port=%[4]s
%[8]s`

// Write writes what Pushpin reads into dir, whose name must be short (the paths of
// its sockets have at most 107 bytes), and returns the arguments of the command.
func (c Config) Write(dir string) (args []string, err error) {
	internal, err := os.ReadFile("/usr/lib/pushpin/internal.conf")
	if err != nil {
		return nil, fmt.Errorf("%w: this knows Debian's package of Pushpin", err)
	}
	host, port, err := net.SplitHostPort(c.Control)
	if err != nil {
		return nil, err
	}
	for name, text := range map[string]string{
		// It points at the zurl that Pushpin runs itself.
		"internal.conf": strings.ReplaceAll(string(internal), "ipc:///var/run/zurl/zurl-", "ipc://{rundir}/{ipc_prefix}zurl-"),
		"pushpin.conf":  fmt.Sprintf(file, dir, c.Public, host, port, c.Issuer, c.Key, c.Runner, c.Handler),
		"routes":        "* " + c.App + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	return []string{"--config=" + filepath.Join(dir, "pushpin.conf"), "--merge-output"}, nil
}
