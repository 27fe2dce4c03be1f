package config

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// checkBounds compares the bounds of holds, history and publishing with each
// other.
func checkBounds(found map[string]*section, c *Config) {
	checkHold(found["hold"], &c.Hold)
	checkHistory(found["history"], &c.History)
	checkWindow(found["history"], &c.History, &c.Hold)
	publish, history := found["publish"], found["history"]
	if !publish.ok("max_bytes", "max_request") {
		return
	}
	if c.Publish.MaxBytes > c.Publish.MaxRequest {
		name := "max_bytes"
		if !publish.given[name] {
			name = "max_request"
		}
		publish.problem(name, "a message of max_bytes = %s does not fit into a request of max_request = %s: raise max_request or lower max_bytes", publish.written("max_bytes"), publish.written("max_request"))
		return
	}
	if h := c.History; history.ok("bytes", "messages") && h.Bytes > 0 && h.Messages > 0 && h.Bytes < c.Publish.MaxBytes {
		name := "bytes"
		if !history.given[name] {
			publish.warn("max_bytes", "the largest message fills a channel's window, [history] bytes = %s, alone, and older ones are gaps: raise bytes", history.written("bytes"))
			return
		}
		history.warn(name, "the largest message, [publish] max_bytes = %s, fills the window alone, and older ones are gaps: raise bytes or lower max_bytes", publish.written("max_bytes"))
	}
}

// usualCut is the time after which common proxies cut a silent request.
const usualCut = 60 * time.Second

func checkHold(s *section, h *Hold) {
	if !s.ok("timeout", "max_timeout") {
		return
	}
	if h.Timeout > h.MaxTimeout {
		name := "timeout"
		if !s.given[name] {
			name = "max_timeout"
		}
		s.problem(name, "timeout = %s is above max_timeout = %s: raise max_timeout or lower timeout", s.written("timeout"), s.written("max_timeout"))
		return
	}
	if h.Timeout > usualCut {
		s.warn("timeout", "many proxies and load balancers cut a request that is silent for 60s (nginx, Apache, AWS, some after 30s), and every poll of %s is: 25s is usual", s.written("timeout"))
	} else if h.MaxTimeout > usualCut {
		s.warn("max_timeout", "many proxies and load balancers cut a request that is silent for 60s (nginx, Apache, AWS, some after 30s): keep it at 60s unless you know every hop")
	}
	if h.Timeout < time.Second {
		s.warn("timeout", "every client asks again after timeout = %s: each poll costs a request, 25s is usual", s.written("timeout"))
	}
}

func checkHistory(s *section, h *History) {
	if h.Messages == 0 && s.ok("messages") {
		s.warn("messages", "nothing is kept: a client that was away for a moment is told of a gap each time")
		return
	}
	if s.ok("age") && h.Age > 0 && h.Age < 10*time.Second {
		s.warn("age", "a client that needs longer than age = %s to come back is told of a gap: a minute or more suits phones", s.written("age"))
	}
	if !s.ok("total", "bytes") {
		return
	}
	if h.Total == 0 {
		s.warn("total", "no bound: many channels can take all memory of the machine, write one, \"1GiB\"")
		return
	}
	const windows = 16
	if h.Bytes > h.Total/windows {
		name := "total"
		if !s.given[name] {
			name = "bytes"
		}
		s.warn(name, "total = %s has room for fewer than %d full windows of bytes = %s: busy channels push each other's messages out, raise total or lower bytes", s.written("total"), windows, s.written("bytes"))
	} else if h.Bytes == 0 {
		s.warn("bytes", "no bound per channel: one busy channel can push out the messages of all others")
	}
}

// checkOperation checks limits and the end of the process.
func checkOperation(found map[string]*section, c *Config) {
	if s, l := found["limits"], c.Limits; s.ok("connections", "parked") && l.Connections > 0 && l.Parked > l.Connections {
		s.problem("parked", "parked = %d is above connections = %d, and each parked request needs a connection: lower it or raise connections", l.Parked, l.Connections)
	}
	if s, o := found["access_log"], c.Access.Output; s.ok("output") && o != "off" && o != "stdout" && o != "stderr" && !strings.Contains(o, "/") {
		s.problem("output", "%s is not known: write \"off\", \"stdout\", \"stderr\", or a file's path, \"/var/log/cometproxy/access.log\"", quoted(o))
	} else if s.ok("output") && strings.Contains(o, "/") && !isDirectory(filepath.Dir(o)) {
		s.problem("output", "there is no directory %s: make it, or write another path", quoted(filepath.Dir(o)))
	}
	if s, file := found["history"], c.History.Snapshot; s.ok("snapshot") && file != "" && !isDirectory(filepath.Dir(file)) {
		s.problem("snapshot", "there is no directory %s: make it, or write another path", quoted(filepath.Dir(file)))
	}
	if s, dir := found["limits"], c.Limits.SpoolDir; s.ok("spool_dir") && dir != "" && !isDirectory(dir) {
		s.problem("spool_dir", "there is no directory %s: make it, or write another", quoted(dir))
	}
	if s := found["limits"]; s.ok("connections_per_address") && c.Limits.ConnectionsPerAddress > 0 && c.Limits.ConnectionsPerAddress < browserConns {
		s.warn("connections_per_address", "one browser opens %d connections to a site, and people behind one address share it: allow more", browserConns)
	}
	checkEnd(found["shutdown"], &c.Shutdown)
}

// browserConns is how many connections browsers open to one host.
const browserConns = 6

// unitStop is what the systemd unit (TimeoutStopSec) and the Kubernetes example
// (terminationGracePeriodSeconds) of this project leave for an end in order.
const unitStop = 60 * time.Second

func checkEnd(s *section, o *Shutdown) {
	if !s.ok("drain", "grace") || o.Drain+o.Grace < unitStop {
		return
	}
	name := "drain"
	if o.Grace > o.Drain {
		name = "grace"
	}
	s.warn(name, "drain = %s and grace = %s can take %s, and service managers kill sooner: the systemd unit and the Kubernetes example after %s, Kubernetes by itself after 30s: raise TimeoutStopSec or terminationGracePeriodSeconds above that, or lower this",
		o.Drain, o.Grace, o.Drain+o.Grace, unitStop)
}

// checkWindow compares how long messages are kept with how long polls wait.
func checkWindow(s *section, h *History, hold *Hold) {
	const tooShort = 10 * time.Second // has been told of
	if s.ok("age") && h.Messages > 0 && h.Age >= tooShort && h.Age < hold.Timeout {
		s.warn("age", "a message is forgotten after %s, and a poll waits for %s ([hold] timeout): who misses one answer is told of a gap, keep messages for some minutes", s.written("age"), hold.Timeout)
	}
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// checkRequests compares the bounds of a request with each other.
func checkRequests(s *section, l *Limits) {
	if s.ok("target_bytes", "header_bytes") && l.TargetBytes > l.HeaderBytes {
		if !s.given["target_bytes"] {
			l.TargetBytes = l.HeaderBytes
			return
		}
		s.problem("target_bytes", "target_bytes = %s is above header_bytes = %s, of which the target is a part: raise header_bytes or lower it", s.written("target_bytes"), s.written("header_bytes"))
	}
}
