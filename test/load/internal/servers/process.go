package servers

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"cometproxy/test/load/internal/raw"
)

// A process is a running program of a server.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has ended
}

// run starts a program. It ends with this one, in any case.
func (s *Server) run(program string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(program, args...), ended: make(chan struct{})}
	log, err := os.Create(s.dir + "/log-" + fmt.Sprint(len(s.running)))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = s.dir, log, log
	raw.Contain(p.cmd)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.cmd.Wait()
		close(p.ended)
	}()
	s.running = append(s.running, p)
	return p, nil
}

// measure runs a program whose memory and processor time are the server's.
func (s *Server) measure(program string, args ...string) error {
	p, err := s.run(program, args...)
	if err == nil {
		s.Usage.Roots = append(s.Usage.Roots, p.cmd.Process.Pid)
	}
	return err
}

// measureSelf does the same with a server of this binary, and runSelf starts one
// that does not count.
func (s *Server) measureSelf(name, address string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return s.measure(self, "serve", name, address)
}

func (s *Server) runSelf(name, address string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	_, err = s.run(self, "serve", name, address)
	return err
}

func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(20 * time.Second):
	}
	raw.KillGroup(p.cmd.Process.Pid)
	<-p.ended
}

// freeAddress finds an address that nobody listens on.
func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

// await waits until a check succeeds; a process that has ended will not get so
// far.
func (s *Server) await(check func() bool) error {
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		for i, p := range s.running {
			select {
			case <-p.ended:
				return fmt.Errorf("it ended at once: %s", s.log(i))
			default:
			}
		}
		if check() {
			return nil
		}
	}
	return fmt.Errorf("it was not ready after 20 s: %s", s.log(0))
}

// log is what a process has to say.
func (s *Server) log(i int) string {
	text, err := os.ReadFile(fmt.Sprintf("%s/log-%d", s.dir, i))
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text))
}

// listens makes a check that all addresses accept connections.
func listens(addresses ...string) func() bool {
	return func() bool {
		for _, a := range addresses {
			c, err := net.DialTimeout("tcp", a, time.Second)
			if err != nil {
				return false
			}
			c.Close()
		}
		return true
	}
}

// answers makes a check that a GET is answered as wanted.
func answers(url string, status int) func() bool {
	client := http.Client{Timeout: time.Second}
	return func() bool {
		r, err := client.Get(url)
		if err != nil {
			return false
		}
		r.Body.Close()
		return r.StatusCode == status
	}
}

// output runs a program to its end, for its version.
func output(program string, args ...string) string {
	text, err := exec.Command(program, args...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// debianVersion is that of an installed package.
func debianVersion(name string) string {
	return name + " " + output("dpkg-query", "-W", "-f", "${Version}", name)
}

// HelpersCPU is the processor time of what belongs to the measurement and not to
// the server.
func (s *Server) HelpersCPU() (sum time.Duration) {
	for _, p := range s.running {
		if pid := p.cmd.Process.Pid; !slices.Contains(s.Usage.Roots, pid) {
			if t, err := raw.CPU(pid); err == nil {
				sum += t
			}
		}
	}
	return sum
}
