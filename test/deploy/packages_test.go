//go:build linux && !race

package deploy

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

const config = "/etc/cometproxy/cometproxy.toml"

// TestDebianPackage: installed, used, installed again over a changed configuration,
// removed, and purged.
func TestDebianPackage(t *testing.T) {
	need(t, "dpkg", "dpkg")
	file := packages(t, "deb")
	m := newMachine(t)
	m.put(file, "/tmp/cometproxy.deb")
	m.sh("dpkg -i /tmp/cometproxy.deb")
	installed(m)
	if _, err := exec.LookPath("systemctl"); err == nil { // Debian's way: it starts with the machine
		m.want("ls /etc/systemd/system/*.wants | grep cometproxy", "cometproxy.service")
	}
	use(m, "")
	if _, err := exec.LookPath("systemd-socket-activate"); err == nil {
		use(m, "systemd-socket-activate -l ")
	} else {
		t.Log("systemd-socket-activate is not here (Debian's package systemd): sockets of systemd's are not handed over")
	}

	m.sh("echo '# mine' >> " + config + "; chown root:adm " + config)
	m.sh("dpkg -i /tmp/cometproxy.deb")
	m.want("tail -n 1 "+config+"; stat -c %G "+config, "# mine\nadm")

	m.sh("dpkg -r cometproxy")
	m.want("ls "+config+" /usr/bin/cometproxy 2>/dev/null || true", config)
	m.sh("dpkg -i /tmp/cometproxy.deb")
	m.want("find /etc/systemd/system -lname /dev/null -name 'cometproxy*'", "") // masked
	m.sh("mkdir -p /var/lib/cometproxy; dpkg -P cometproxy")
	m.want("find /etc /lib/systemd /usr/bin /usr/share /var/lib /var/log -name '*cometproxy*' ! -path '*/dpkg/*'", "")
}

// TestRPM: what is in it, and installed, used and removed. (Debian's rpm knows of no
// package that is there, so dependencies are not looked at.)
func TestRPM(t *testing.T) {
	need(t, "rpm", "rpm")
	file := packages(t, "rpm")
	list := run(t, "rpm", "-qlp", file)
	for _, want := range []string{"/usr/bin/cometproxy", config, "/usr/lib/systemd/system/cometproxy.service", "/usr/lib/systemd/system/cometproxy.socket",
		"/usr/share/licenses/cometproxy/LICENSE", "/usr/share/doc/cometproxy/THIRD_PARTY_LICENSES", "/usr/share/doc/cometproxy/docs/run.md"} {
		if !strings.Contains(list, want+"\n") {
			t.Errorf("the .rpm has no %s:\n%s", want, list)
		}
	}
	if got := run(t, "rpm", "-qp", "--qf", "%{VERSION}-%{RELEASE}, %{LICENSE}", file); got != "1.2.3~rc.1-1, Apache-2.0" {
		t.Errorf("the .rpm is %s", got)
	}
	if got := run(t, "rpm", "-qcp", file); got != config+"\n" {
		t.Errorf("the configuration of the .rpm is %q", got)
	}

	force := "--nodeps"
	if strings.Contains(run(t, "rpm", "--help"), "--force-debian") {
		force += " --force-debian"
	}
	m := newMachine(t)
	m.put(file, "/tmp/cometproxy.rpm")
	m.sh("rpm -i " + force + " /tmp/cometproxy.rpm")
	m.want("rpm -V --nodeps cometproxy", "") // every file is as the package says, with its owner and mode
	installed(m)
	use(m, "")
	m.sh("echo '# mine' >> " + config + "; rpm -e --nodeps " + strings.TrimPrefix(force, "--nodeps") + " cometproxy")
	m.want("ls /etc/cometproxy /usr/bin/cometproxy 2>/dev/null || true", "/etc/cometproxy:\ncometproxy.toml.rpmsave")
}

// installed looks at what an installation has left.
func installed(m *machine) {
	m.t.Helper()
	m.want("stat -c '%a %U:%G' "+config, "640 root:cometproxy")
	m.want("stat -c '%a %U:%G' /usr/bin/cometproxy", "755 root:root")
	m.want("getent passwd cometproxy | cut -d: -f6,7 | sed 's:/usr::'", "/nonexistent:/sbin/nologin")
	m.want("cometproxy version | cut -d' ' -f2", version)
	m.want("cd /usr/share/doc/cometproxy && ls", "CHANGELOG.md\nREADME.md\nTHIRD_PARTY_LICENSES\nconfig.example.toml\ncopyright\ndocs")
	m.want("find /usr/bin/cometproxy -perm /u=s,g=s", "")
	if got := m.sh(asUser + "cometproxy check -config " + config); !strings.HasPrefix(got, "ok: ") || strings.Contains(got, "warning") {
		m.t.Errorf("check says of the packaged configuration: %s", got)
	}
	if exec.Command("cometproxy", "help", "completion").Run() == nil {
		m.sh("ls /usr/share/bash-completion/completions/cometproxy")
	}
}

// asUser runs what follows as the service's user; who cannot read the configuration
// otherwise.
const asUser = "setpriv --reuid cometproxy --regid cometproxy --init-groups --no-new-privs "

// use starts the packaged binary with the packaged configuration on other ports, polls
// and publishes. If activate is not empty, that program listens, as the socket unit
// does, and starts the binary when the first client comes; it must take the socket that
// it was given, for the address is in use.
func use(m *machine, activate string) {
	t := m.t
	t.Helper()
	public, internal := freePort(t), freePort(t)
	m.sh(fmt.Sprintf(`sed -e 's/127.0.0.1:8000/%s/; s/127.0.0.1:5561/%s/' -e 's/^# \[\[route\]\]/[[route]]/; s/^# \(path *= \)/\1/; s/^# \(channels\)/\1/' %s > /tmp/used.toml
		chmod 0644 /tmp/used.toml`, public, internal, config))
	program := "cometproxy"
	if activate != "" {
		program = activate + public + " /usr/bin/cometproxy"
	}
	server := m.command("sh", "-c", "exec "+asUser+program+" serve -config /tmp/used.toml")
	var log strings.Builder
	server.Stderr = &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	defer func() {
		if !ended {
			server.Process.Kill()
			server.Wait()
		}
	}()
	ready := func() bool {
		if activate != "" {
			go get("http://" + public + "/events/42?wait=0") // the first client; it is not refused
		}
		return m.command("cometproxy", "health", "-config", "/tmp/used.toml").Run() == nil
	}
	for end := time.Now().Add(20 * time.Second); !ready(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the packaged cometproxy does not get ready\n%s", log.String())
		}
	}
	m.sh(`cometproxy publish -config /tmp/used.toml room:42 '{"text":"hello"}'`)
	answer, err := http.Get("http://" + public + "/events/42?cursor=AAAA")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, _ := io.ReadAll(answer.Body); answer.StatusCode != 200 {
		t.Errorf("a poll is answered with %d %s", answer.StatusCode, body)
	}
	polled := make(chan string, 1)
	go func() { polled <- get("http://" + public + "/events/42") }()
	released := regexp.MustCompile(`"released":1\b`)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if released.MatchString(m.sh(`cometproxy publish -config /tmp/used.toml room:42 '{"text":"again"}'`)) {
			break
		}
		if time.Now().After(end) {
			t.Fatal("no publish released the poll")
		}
	}
	if got := <-polled; !strings.Contains(got, `{"text":"again"}`) {
		t.Errorf("the poll got %s", got)
	}
	server.Process.Signal(syscall.SIGTERM)
	ended = true
	if err := server.Wait(); err != nil {
		t.Errorf("the packaged cometproxy ended with %v\n%s", err, log.String())
	}
}

func get(url string) string {
	answer, err := http.Get(url)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	return string(body)
}

// freePort finds an address that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// TestUnits: systemd understands the units, and finds the service well fenced in.
func TestUnits(t *testing.T) {
	need(t, "systemd-analyze", "systemd")
	file := packages(t, "deb")
	m := newMachine(t)
	m.put(file, "/tmp/cometproxy.deb")
	m.sh("dpkg -i /tmp/cometproxy.deb")
	const service, socket = "/lib/systemd/system/cometproxy.service", "/lib/systemd/system/cometproxy.socket"
	m.want("systemd-analyze verify "+service+" "+socket, "")
	const below = 30 // tenths of the level, of which 10 is fenced in by nothing
	out := m.sh(fmt.Sprintf("systemd-analyze security --offline=yes --no-pager --threshold=%d %s", below, service))
	t.Log(out[strings.LastIndex(out, "\n")+1:])
	m.want(`grep -h ^ListenStream `+socket+` | cut -d= -f2; sed -n 's/^listen = \["\([^"]*\)"\].*/\1/p' `+config+" | head -n 1", "127.0.0.1:8000\n127.0.0.1:8000")
}
