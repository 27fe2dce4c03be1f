package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"cometproxy/cmd/cometproxy/internal/config"
	"cometproxy/proxy"
)

const oneRoute = "\n[[route]]\npath = \"/a\"\nchannels = [\"a\"]\n"

// TestTrial: of what serve refuses only when it starts, check knows.
func TestTrial(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ text, want string }{
		"foreign address":  {"[public]\nlisten = [\n\"127.0.0.1:25801\", \"203.0.113.7:25802\"]", ":2: warning: public.listen: this machine has no address 203.0.113.7, so serve would not start here: choose one of its own, or \":25802\" for all\n"},
		"internal address": {"[internal]\ntoken = \"0123456789abcdef\"\nlisten = [\"203.0.113.7:25802\"]", ":3: warning: internal.listen: this machine has no address 203.0.113.7, so serve would not start here: choose one of its own, or \"127.0.0.1:25802\"\n"},
		"no host":          {"[public]\nlisten = [\"no-such-host.invalid:25801\"]", ":2: warning: public.listen: there is no host \"no-such-host.invalid\""},
		"access log":       {"[access_log]\noutput = \"" + dir + "\"", ":2: warning: access_log.output: this user cannot write there: is a directory"},
		"blank":            {"[[route]]\npath = \"/a b\"\nchannels = [\"b\"]", ":2: route.path: the segment \"a b\" has a blank"},
	} {
		file := writeFile(t, "c.toml", c.text+oneRoute)
		if code, stdout, _ := invoke("check", "-strict", "-config", file); code != exitFailed || !strings.Contains(stdout, file+c.want) {
			t.Errorf("%s: exit %d, %s", name, code, stdout)
		}
	}
	log := filepath.Join(dir, "access.log")
	file := writeFile(t, "c.toml", "[internal]\nlisten = [\"unix:"+dir+"/none/x.sock\"]\n[access_log]\noutput = \""+log+"\""+oneRoute)
	code, stdout, _ := invoke("check", "-config", file)
	if code != exitOK || !strings.Contains(stdout, file+":2: warning: internal.listen: there is no directory "+dir+"/none") {
		t.Errorf("exit %d, %s", code, stdout)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("check leaves %v behind, %v", left, err)
	}
	if memory() > 0 {
		file := writeFile(t, "c.toml", "[history]\ntotal = \"4000GiB\"\nsnapshot = \"/dev/null/x\""+oneRoute)
		if _, stdout, _ := invoke("check", "-config", file); !strings.Contains(stdout, `there is no directory "/dev/null"`) {
			t.Error(stdout)
		}
		file = writeFile(t, "c.toml", "[history]\ntotal = \"4000GiB\"\nsnapshot = \""+dir+"\"\n[limits]\nspool_dir = \"/dev/shm\""+oneRoute)
		_, stdout, _ := invoke("check", "-config", file)
		for _, want := range []string{file + ":2: warning: history.total: 4096000 MiB are more than the memory", file + ":3: warning: history.snapshot: this user cannot write there: is a directory"} {
			if !strings.Contains(stdout, want) {
				t.Errorf("no %q in %s", want, stdout)
			}
		}
		if inMemory("/dev/shm") && !strings.Contains(stdout, file+":5: warning: limits.spool_dir: what is written into /dev/shm stays in memory") {
			t.Error(stdout)
		}
	}
	if limit := fileLimit(); limit > 0 {
		file := writeFile(t, "c.toml", "[limits]\nconnections = 900000000"+oneRoute)
		if code, stdout, _ := invoke("check", "-config", file); code != exitOK || !strings.Contains(stdout, file+":2: warning: limits.connections: 900000000 are more than") {
			t.Errorf("exit %d, %s", code, stdout)
		}
	}
}

// TestServeTakesWhatCheckTakes makes up routes of odd pieces: config, which has lines,
// refuses all that the proxy does.
func TestServeTakesWhatCheckTakes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	from := func(pieces ...string) string {
		var b strings.Builder
		for range random.IntN(6) {
			b.WriteString(pieces[random.IntN(len(pieces))])
		}
		return b.String()
	}
	taken := 0
	for range 8_000 {
		path := "/" + from("/", "a", "b", "%", "%2", "%20", "%2F", "%2e", " ", "{", "}", "{a}", "{b}", ".", "..", "*", ":", "é", "%c3%a9", "%ff", "\t", "?", "#")
		text := fmt.Sprintf("[[backend]]\nname = \"app\"\nurls = [\"http://127.0.0.1:3000\"]\n[[route]]\npath = %q\n", path)
		if random.IntN(2) == 0 {
			text += fmt.Sprintf("host = %q\n", from("a", "*.", ".", "-", "[", "]", "::1", ":", "%", "_", "1.2.3.4", "É", " ", "*"))
		}
		switch random.IntN(3) {
		case 0:
			text += "backend = \"app\"\n"
		case 1:
			text += "status = 503\n"
		default:
			text += fmt.Sprintf("channels = [%q]\nopen = %t\n", from("a", "{a}", "{b}", "{", "}", "$", "é", " "), random.IntN(2) == 0)
			if random.IntN(2) == 0 {
				text += fmt.Sprintf("params = { a = %q }\n", from("a", "(", ")", "|", "[", "]", "*", "^", "$", "."))
			}
		}
		if random.IntN(2) == 0 {
			text += "[[route]]\npath = \"/a\"\nbackend = \"app\"\n"
		}
		c, _ := config.Parse("c.toml", []byte(text))
		if c == nil {
			continue
		}
		taken++
		o, err := options(c, room{}, zap.NewNop(), nil)
		if err == nil {
			err = proxy.Verify(o)
		}
		if err != nil {
			t.Errorf("%v:\n%s", err, text)
		}
	}
	if taken < 200 {
		t.Errorf("only %d are taken at all", taken)
	}
}

// TestPipe: a log into a pipe that nobody reads is refused, and not waited for.
func TestPipe(t *testing.T) {
	mkfifo, err := exec.LookPath("mkfifo")
	if err != nil {
		t.Skip("mkfifo is not here")
	}
	pipe := filepath.Join(t.TempDir(), "log")
	if out, err := exec.Command(mkfifo, pipe).CombinedOutput(); err != nil {
		t.Skipf("%v %s", err, out)
	}
	file := writeFile(t, "c.toml", "[access_log]\noutput = \""+pipe+"\""+oneRoute)
	if _, stdout, _ := invoke("check", "-config", file); !strings.Contains(stdout, ":2: warning: access_log.output: this user cannot write there") {
		t.Error(stdout)
	}
	if code, _, stderr := invoke("serve", "-config", file); code != exitFailed {
		t.Errorf("exit %d, %s", code, stderr)
	}
}
