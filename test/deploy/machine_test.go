//go:build linux && !race

// What is tested here is built without the race detector, so its runs leave these tests out.

package deploy

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"cometproxy/test/internal/harness"
)

const root = "../.."

// version of the packages that the tests build. For dpkg and rpm it is older than 1.2.3.
const version = "v1.2.3-rc.1"

var scratch string // for the packages

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "cometproxy-deploy-"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(scratch)
	os.Exit(code)
}

// missing skips the test, or fails it where nothing may be skipped.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("COMETPROXY_NO_SKIP") == "1" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// need skips a test that lacks a program of Debian's package of that name.
func need(t *testing.T, program, debianPackage string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		missing(t, "%s is not here: apt-get install -y %s, or test/apps/install.sh", program, debianPackage)
	}
}

// run runs a program in the project's folder and returns what it prints.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	return runIn(t, root, name, args...)
}

func runIn(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	c := exec.Command(name, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "VERSION="+version, "SOURCE_DATE_EPOCH=1790000000")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", c, err, out)
	}
	return string(out)
}

var packagesOnce sync.Once

// packages makes the packages for this machine, once, and returns the path of one.
func packages(t *testing.T, format string) string {
	t.Helper()
	need(t, "make", "make")
	packagesOnce.Do(func() {
		run(t, "make", "packages", "DIST="+scratch, "TARGETS=linux/"+runtime.GOARCH)
	})
	found, _ := filepath.Glob(filepath.Join(scratch, "*."+format))
	if len(found) != 1 {
		t.Fatalf("make packages made %q", found)
	}
	return found[0]
}

// A machine is this one's file system as it is, in a mount namespace where every change
// goes into memory. It vanishes with the test, however that ends.
type machine struct {
	t    *testing.T
	pid  int
	root string // as the namespace sees it
}

// set up by a shell in the new namespace, which then lives as long as its standard input.
const setUp = `
mount -t tmpfs tmpfs "$1" && mkdir "$1/changes" "$1/work" "$1/root" &&
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/changes,workdir=$1/work" "$1/root" &&
mount --rbind /proc "$1/root/proc" && mount --rbind /dev "$1/root/dev" &&
mount -t tmpfs tmpfs "$1/root/run" && mount -t tmpfs -o mode=1777 tmpfs "$1/root/tmp" && echo ready
exec cat`

func newMachine(t *testing.T) *machine {
	t.Helper()
	need(t, "unshare", "util-linux")
	need(t, "nsenter", "util-linux")
	if os.Geteuid() != 0 {
		missing(t, "installing in a throw-away copy of this machine needs root, who may mount")
	}
	dir := t.TempDir()
	c := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c", setUp, "sh", dir)
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		c.Wait()
	})
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		missing(t, "this machine lets root mount no overlay, which the throw-away copy of it is")
	}
	return &machine{t, c.Process.Pid, filepath.Join(dir, "root")}
}

// command is one that will run in the machine.
func (m *machine) command(name string, args ...string) *exec.Cmd {
	c := exec.Command("nsenter", append([]string{"--mount=/proc/" + strconv.Itoa(m.pid) + "/ns/mnt", "chroot", m.root, name}, args...)...)
	c.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	return c
}

// sh runs a line of shell and returns what it prints.
func (m *machine) sh(line string) string {
	m.t.Helper()
	out, err := m.command("sh", "-ec", line).CombinedOutput()
	if err != nil {
		m.t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return strings.TrimSpace(string(out))
}

// put copies a file into the machine.
func (m *machine) put(file, to string) {
	m.t.Helper()
	f, err := os.Open(file)
	if err != nil {
		m.t.Fatal(err)
	}
	defer f.Close()
	c := m.command("sh", "-ec", `cat > "$1"`, "sh", to)
	c.Stdin = f
	if out, err := c.CombinedOutput(); err != nil {
		m.t.Fatalf("%s: %v\n%s", to, err, out)
	}
}

// want fails the test if a line of shell prints something else.
func (m *machine) want(line, want string) {
	m.t.Helper()
	if got := m.sh(line); got != want {
		m.t.Errorf("%s prints %q; want %q", line, got, want)
	}
}

// everywhere is the one warning that the check may give: in a container, "every address"
// is those of its own network.
const everywhere = `internal.listen: ":5561" is every address of this machine`

// check runs "cometproxy check" on a text, with files in place of those it names.
func check(t *testing.T, name, text string) {
	t.Helper()
	dir := t.TempDir()
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte("0123456789abcdef0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/etc/cometproxy/token", "/run/secrets/cometproxy_token", "/etc/cometproxy-secret/token"} {
		text = strings.ReplaceAll(text, path, token)
	}
	file := filepath.Join(dir, "cometproxy.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(harness.Binary(t), "check", "-config", file).CombinedOutput()
	said := string(out)
	if warnings := strings.Count(said, ": warning: "); err != nil || warnings > strings.Count(said, everywhere) {
		t.Errorf("%s: %v\n%s", name, err, out)
	}
}
