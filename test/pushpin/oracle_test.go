//go:build linux

package pushpin

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
	"cometproxy/test/internal/pushpinconf"
)

// An oracle is a running Pushpin, with files and ports of its own.
type oracle struct {
	public  string // address
	control string // address

	cmd    *exec.Cmd
	exited chan struct{} // closed when the process has ended

	mu  sync.Mutex
	log []string // guarded by mu: lines
}

// missing skips the test, or fails it where nothing may be skipped.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("COMETPROXY_NO_SKIP") == "1" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// knownVersion is what the table of differences was written for.
const knownVersion = "pushpin 1.36.0"

// needPushpin skips the test where a program of Pushpin's is missing.
func needPushpin(t *testing.T) {
	t.Helper()
	for _, program := range []string{"pushpin", "condure", "zurl"} {
		if _, err := exec.LookPath(program); err != nil {
			missing(t, "%s is not here: apt-get install -y pushpin zurl, or test/apps/install.sh", program)
		}
	}
	out, err := exec.Command("pushpin", "--version").Output()
	if version := strings.TrimSpace(string(out)); err != nil || version != knownVersion {
		missing(t, "this is %s (%v), and the test knows %s: look at what it finds, and change knownVersion", version, err, knownVersion)
	}
}

// startOracle runs Pushpin in front of an app and waits until it forwards.
func startOracle(t *testing.T, app string) *oracle {
	t.Helper()
	needPushpin(t)
	dir := t.TempDir()
	o := &oracle{public: freeAddress(t), control: freeAddress(t), exited: make(chan struct{})}
	c := pushpinconf.Config{Public: o.public, Control: o.control, App: app, Issuer: sigIssuer, Key: sigKey, Handler: handlerConf}
	args, err := c.Write(dir)
	if err != nil {
		missing(t, "%v", err)
	}

	o.cmd = exec.Command("pushpin", args...)
	// A process group of its own: what Pushpin starts ends with it.
	o.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	out, err := o.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	o.cmd.Stderr = o.cmd.Stdout
	if err := o.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go o.readLog(bufio.NewScanner(out))
	t.Cleanup(func() {
		o.stop()
		if t.Failed() && testing.Verbose() {
			t.Logf("Pushpin's log:\n%s", strings.Join(o.lines(), "\n"))
		}
	})
	if err := o.awaitReady(); err != nil {
		t.Fatalf("%v\n%s", err, strings.Join(o.lines(), "\n"))
	}
	return o
}

func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// handlerConf are settings that scenarios depend on, as Debian's package has them.
const handlerConf = `message_rate=2500
message_hwm=25000
message_wait=5000
id_cache_ttl=60
connection_subscription_max=20
subscription_linger=60
`

func (o *oracle) readLog(lines *bufio.Scanner) {
	for lines.Scan() {
		o.mu.Lock()
		o.log = append(o.log, lines.Text())
		o.mu.Unlock()
	}
	o.cmd.Wait()
	close(o.exited)
}

func (o *oracle) lines() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.log...)
}

func (o *oracle) awaitReady() error {
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		select {
		case <-o.exited:
			return fmt.Errorf("Pushpin ended at its start")
		default:
		}
		if forwards(o.public) && listens(o.control) {
			return nil
		}
	}
	return fmt.Errorf("Pushpin is not ready after 20 seconds")
}

// forwards asks for an answer that all parts of Pushpin have a hand in: they find
// each other only after a while.
func forwards(address string) bool {
	c, err := harness.NewClient(address)
	if err != nil {
		return false
	}
	defer c.Close()
	c.SendGet("/ready")
	a, err := c.ReadTo("GET", 2*time.Second)
	return err == nil && a.Status == readyStatus
}

func listens(address string) bool {
	c, err := harness.Dial(address)
	if err == nil {
		c.Close()
	}
	return err == nil
}

// stop ends Pushpin, and after a while all that is left of its group.
func (o *oracle) stop() {
	o.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-o.exited:
	case <-time.After(10 * time.Second):
	}
	syscall.Kill(-o.cmd.Process.Pid, syscall.SIGKILL)
	<-o.exited
}

func (o *oracle) name() string           { return "Pushpin" }
func (o *oracle) publicAddress() string  { return o.public }
func (o *oracle) controlAddress() string { return o.control }
func (o *oracle) asksAgain() bool        { return true }

// awaitHolds counts the lines that the log has for each hold and channel. Those
// that Pushpin's own second request made end in "retry".
func (o *oracle) awaitHolds(channel string, _, sinceStart int) error {
	for end := time.Now().Add(harness.Patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		n := 0
		for _, line := range o.lines() {
			if strings.Contains(line, "] subscribe ") && strings.HasSuffix(line, " channel="+channel) {
				n++
			}
		}
		if n >= sinceStart {
			return nil
		}
	}
	return fmt.Errorf("Pushpin does not hold %d requests on %s", sinceStart, channel)
}
