package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"cometproxy/test/load/internal/crowd"
	"cometproxy/test/load/internal/figures"
	"cometproxy/test/load/internal/raw"
)

// A slowness is a way to be slow: the flags of slowhttptest, and its target.
type slowness struct {
	key, note, target string
	flags             []string
}

var slownesses = []slowness{
	{"header", "clients never end their heads", "/", []string{"-H", "-i", "5", "-x", "24"}},
	{"body", "clients never end their bodies of 4 KiB", "/", []string{"-B", "-i", "5", "-x", "24", "-s", "4096"}},
	{"large_body", "clients never end their bodies of 1 MiB", "/", []string{"-B", "-i", "5", "-x", "24", "-s", "1048576"}},
	{"read", "clients hardly read their pages of 100 KB", "/?bytes=100000", []string{"-X", "-w", "10", "-y", "20", "-n", "5", "-z", "32"}},
	{"large_read", "clients hardly read their pages of 1 MB", "/?bytes=1000000", []string{"-X", "-w", "10", "-y", "20", "-n", "5", "-z", "32"}},
}

// runSlow measures ordinary requests alone, and while slowhttptest is at work.
func runSlow(args []string) error {
	f := newFlags("slow", 5000, 50)
	f.set.Lookup("server").DefValue, f.server = "cometproxy-pages", "cometproxy-pages"
	slow := f.set.Int("slow", 4000, "how many connections are slow")
	seconds := f.set.Int("seconds", 10, "how long each part lasts, once all are connected")
	if err := f.parse(args); err != nil {
		return err
	}
	program, err := exec.LookPath("slowhttptest")
	if err != nil {
		return errors.New("slowhttptest is missing: apt-get install -y slowhttptest")
	}
	s, err := newSession(f)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.gather(crowd.Options{Publishers: 4, Pause: lazily}); err != nil {
		return err
	}
	if err := s.park(); err != nil {
		return err
	}
	lasting := time.Duration(*seconds) * time.Second
	for _, way := range slownesses {
		if err := s.slowly(program, way, *slow, lasting); err != nil {
			return err
		}
	}
	for channel := range f.channels {
		s.crowd.Publish(channel)
	}
	if err := s.awaitAll(); err != nil {
		return err
	}
	s.report.Add("released", float64(s.crowd.Tally.Received), "", "parked clients that have their message after all that")
	return s.end()
}

// slowly measures without and with clients that are slow in one way.
func (s *session) slowly(program string, way slowness, slow int, lasting time.Duration) error {
	address := s.server.Target.Address
	alone := probe(address, lasting)
	const rate = 1000 // new connections per second
	ramp := time.Duration(slow) * time.Second / rate
	args := append([]string{"-c", strconv.Itoa(slow), "-r", strconv.Itoa(rate), "-l", strconv.Itoa(int((ramp + lasting + 2*time.Second).Seconds())),
		"-u", "http://" + address + way.target}, way.flags...)
	cmd := exec.Command(program, args...)
	raw.Contain(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	defer cmd.Wait()
	defer raw.KillGroup(cmd.Process.Pid)
	ramping := probe(address, ramp+time.Second)
	with := probe(address, lasting)
	r := &s.report
	r.Add(way.key+"_alone_p99", figures.MS(figures.Percentile(alone.took, 99)), "ms", "before that")
	r.Add(way.key+"_ramp_p99", figures.MS(figures.Percentile(ramping.took, 99)), "ms", fmt.Sprintf("while %d such come, %d each second", slow, rate))
	r.Add(way.key+"_p99", figures.MS(figures.Percentile(with.took, 99)), "ms", way.note)
	r.Add(way.key+"_p99_ratio", figures.MS(figures.Percentile(with.took, 99))/figures.MS(figures.Percentile(alone.took, 99)), "x", "")
	r.Add(way.key+"_failed", float64(alone.failed+ramping.failed+with.failed), "", fmt.Sprintf("of %d ordinary requests", len(alone.took)+len(ramping.took)+len(with.took)))
	s.progress("%s", way.key)
	return nil
}

// A probing is what became of ordinary requests.
type probing struct {
	took   []time.Duration
	failed int
}

// probe sends 400 requests a second over 8 connections.
func probe(address string, lasting time.Duration) (p probing) {
	const connections, every = 8, 20 * time.Millisecond
	var mu sync.Mutex
	var all sync.WaitGroup
	end := time.Now().Add(lasting)
	for range connections {
		all.Go(func() {
			var c net.Conn
			var r *bufio.Reader
			for due := time.Now(); due.Before(end); due = due.Add(every) {
				time.Sleep(time.Until(due))
				if c == nil {
					c, _ = net.DialTimeout("tcp", address, 5*time.Second)
					r = bufio.NewReader(c)
				}
				ok := c != nil && askPage(c, r)
				mu.Lock()
				p.took = append(p.took, time.Since(due)) // also of what had to wait for the one before
				if !ok {
					p.failed++
				}
				mu.Unlock()
				if !ok && c != nil {
					c.Close()
					c = nil
				}
			}
			if c != nil {
				c.Close()
			}
		})
	}
	all.Wait()
	return p
}

// askPage makes one request for 1 KB.
func askPage(c net.Conn, r *bufio.Reader) bool {
	c.SetDeadline(time.Now().Add(40 * time.Second))
	if _, err := fmt.Fprintf(c, "GET /?bytes=1000 HTTP/1.1\r\nHost: %s\r\n\r\n", c.RemoteAddr()); err != nil {
		return false
	}
	line, err := r.ReadString('\n')
	if err != nil || len(line) < 12 || line[9:12] != "200" {
		return false
	}
	for line != "\r\n" {
		if line, err = r.ReadString('\n'); err != nil {
			return false
		}
	}
	_, err = r.Discard(1000)
	return err == nil
}
