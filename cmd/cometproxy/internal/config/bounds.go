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
	if h.MaxTimeout > usualCut {
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
	if !s.ok("total", "bytes") || h.Total == 0 {
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
	if s, o := found["shutdown"], c.Shutdown; s.ok("drain", "grace") && o.Drain+o.Grace > 90*time.Second {
		s.warn("grace", "with drain = %s that is %s, and service managers kill sooner: systemd after 90s, Kubernetes after 30s unless told otherwise", o.Drain, o.Drain+o.Grace)
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
