package main

import (
	"fmt"

	"cometproxy/cmd/cometproxy/internal/config"
	"cometproxy/proxy"
)

// room is how many clients the process can hold with the files it may open, and
// what is kept back so that a flood of clients never takes the descriptors that
// publishing and forwarding need.
type room struct {
	files       int // limit of open files; 0: not known
	reserve     int // of these, not for clients
	connections int // clients; 0: no bound
	warnings    []string
}

// Descriptors that are neither clients', publishers' nor backends': listeners,
// the log, pollers, files being read.
const ownFiles = 64

func roomFor(c *config.Config, files int) room {
	r := room{files: files, connections: c.Limits.Connections}
	r.reserve = ownFiles + proxy.MaxInternalConns
	for _, b := range c.Backends {
		r.reserve += atMost(b.MaxConnections, 4096) + atMost(b.MaxTunnels, 4096)
	}
	if files == 0 {
		return r
	}
	if half := files / 2; r.reserve > half {
		r.warnings = append(r.warnings, fmt.Sprintf(
			"the limit of open files is %d, of which backends and publishing may need %d; raise it (ulimit -n, LimitNOFILE) or lower max_connections and max_tunnels of the backends", files, r.reserve))
		r.reserve = half
	}
	most := files - r.reserve
	switch {
	case r.connections == 0:
		r.connections = most
	case r.connections > most:
		r.warnings = append(r.warnings, fmt.Sprintf(
			"limits.connections is %d, but the limit of open files (%d) leaves room for %d clients; raise it (ulimit -n, LimitNOFILE)", r.connections, files, most))
		r.connections = most
	}
	return r
}

// atMost is n, where 0 means no bound, as far as descriptors are kept for it.
func atMost(n, most int) int {
	if n == 0 || n > most {
		return most
	}
	return n
}
