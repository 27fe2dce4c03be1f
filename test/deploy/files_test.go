//go:build linux && !race

package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"cometproxy/test/internal/harness"
)

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestConfigurations: every TOML file in deploy passes the check, without a warning.
func TestConfigurations(t *testing.T) {
	found := 0
	err := filepath.WalkDir(filepath.Join(root, "deploy"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".toml") {
			found++
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			check(t, path, string(text))
		}
		return err
	})
	if err != nil || found < 2 {
		t.Errorf("%d files, %v", found, err)
	}
}

// yaml reads a file of several documents. Ruby has a parser, and is here for other tests.
func yaml(t *testing.T, file string, into any) {
	t.Helper()
	need(t, "ruby", "ruby")
	c := exec.Command("ruby", "-ryaml", "-rjson", "-e", "puts JSON.generate(YAML.load_stream($stdin.read))")
	c.Stdin = strings.NewReader(read(t, file))
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", file, err, said.String())
	}
	if err := json.Unmarshal(out, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// An object is what the tests read of one of Kubernetes'.
type object struct {
	Kind       string
	Metadata   struct{ Name string }
	Data       map[string]string
	StringData map[string]string
	Spec       struct {
		Replicas    int
		Strategy    struct{ Type string }
		Selector    any
		PodSelector struct{ MatchLabels map[string]string }
		Type        string
		Ports       []struct {
			Port       int
			TargetPort string
		}
		Ingress  []struct{ From []any }
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     pod
		}
	}
}

type pod struct {
	TerminationGracePeriodSeconds int
	SecurityContext               struct{ RunAsNonRoot bool }
	Containers                    []struct {
		Args           []string
		Ports          []struct{ Name string }
		LivenessProbe  probe
		ReadinessProbe probe
		StartupProbe   probe
		Lifecycle      struct {
			PreStop struct{ Sleep struct{ Seconds int } }
		}
		SecurityContext struct{ ReadOnlyRootFilesystem bool }
		VolumeMounts    []struct{ Name, MountPath string }
	}
	Volumes []struct {
		Name      string
		ConfigMap struct{ Name string }
		Secret    struct{ SecretName string }
	}
}

type probe struct{ HTTPGet struct{ Path, Port string } }

// TestKubernetes: the example parses, its configuration passes the check, and what
// refers to something else by name finds it.
func TestKubernetes(t *testing.T) {
	var list []object
	yaml(t, "deploy/kubernetes/cometproxy.yaml", &list)
	by := make(map[string]object)
	for _, o := range list {
		by[o.Kind+"/"+o.Metadata.Name] = o
	}
	text := by["ConfigMap/cometproxy"].Data["cometproxy.toml"]
	check(t, "the ConfigMap's configuration", text)
	p := by["Deployment/cometproxy"].Spec.Template.Spec
	if len(p.Containers) != 1 {
		t.Fatalf("%d containers", len(p.Containers))
	}
	c := p.Containers[0]

	grace, _ := strconv.Atoi(regexp.MustCompile(`grace = "(\d+)s"`).FindStringSubmatch(text)[1])
	if p.TerminationGracePeriodSeconds <= grace+c.Lifecycle.PreStop.Sleep.Seconds {
		t.Errorf("terminationGracePeriodSeconds is %d, of which an end in order takes %d", p.TerminationGracePeriodSeconds, grace+c.Lifecycle.PreStop.Sleep.Seconds)
	}
	for path, p := range map[string]probe{"/health/live": c.LivenessProbe, "/health/ready": c.ReadinessProbe} {
		if p.HTTPGet.Path != path || p.HTTPGet.Port != "internal" {
			t.Errorf("the probe of %s asks %+v", path, p.HTTPGet)
		}
	}
	if !p.SecurityContext.RunAsNonRoot || !c.SecurityContext.ReadOnlyRootFilesystem {
		t.Error("the pod may do more than it must")
	}
	if d := by["Deployment/cometproxy"].Spec; d.Replicas != 1 || d.Strategy.Type != "Recreate" {
		t.Errorf("%d replicas, %s: there must never be two processes", d.Replicas, d.Strategy.Type)
	}
	testReferences(t, by, c.Args, text)
}

// testReferences follows the names from object to object.
func testReferences(t *testing.T, by map[string]object, args []string, text string) {
	t.Helper()
	deployment := by["Deployment/cometproxy"].Spec
	labels := deployment.Template.Metadata.Labels
	p := deployment.Template.Spec
	mounted := make(map[string]string)
	for _, m := range p.Containers[0].VolumeMounts {
		mounted[m.Name] = m.MountPath
	}
	for _, v := range p.Volumes {
		switch {
		case v.ConfigMap.Name != "":
			for name := range by["ConfigMap/"+v.ConfigMap.Name].Data {
				if file := mounted[v.Name] + "/" + name; args[len(args)-1] != file {
					t.Errorf("cometproxy reads %s, and the configuration is %s", args[len(args)-1], file)
				}
			}
		case v.Secret.SecretName != "":
			for name := range by["Secret/"+v.Secret.SecretName].StringData {
				if file := mounted[v.Name] + "/" + name; !strings.Contains(text, fmt.Sprintf("token_file = %q", file)) {
					t.Errorf("the token is %s, and the configuration names another", file)
				}
			}
		}
	}
	for _, name := range []string{"Service/cometproxy", "Service/cometproxy-internal"} {
		if got := fmt.Sprint(by[name].Spec.Selector); got != fmt.Sprint(labels) {
			t.Errorf("%s selects %s, pods have %v", name, got, labels)
		}
	}
	if public, internal := by["Service/cometproxy"].Spec.Ports, by["Service/cometproxy-internal"].Spec.Ports; len(public) != 1 ||
		public[0].TargetPort != "public" || len(internal) != 1 || internal[0].TargetPort != "internal" || by["Service/cometproxy-internal"].Spec.Type != "ClusterIP" {
		t.Errorf("the services lead to %+v and %+v", public, internal)
	}
	policy := by["NetworkPolicy/cometproxy"].Spec
	if fmt.Sprint(policy.PodSelector.MatchLabels) != fmt.Sprint(labels) || len(policy.Ingress) != 2 || len(policy.Ingress[1].From) == 0 {
		t.Errorf("the policy is %+v", policy)
	}
}

// TestCompose: it parses, and waits for longer than an end in order takes by default.
func TestCompose(t *testing.T) {
	var list []struct {
		Services map[string]struct {
			Stop_grace_period string
			Build             struct{ Context, Dockerfile string }
		}
	}
	yaml(t, "deploy/docker/compose.yaml", &list)
	s := list[0].Services["cometproxy"]
	if _, err := os.Stat(filepath.Join(root, "deploy/docker", s.Build.Context, s.Build.Dockerfile)); err != nil || s.Stop_grace_period != "60s" {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestImage does by hand what the Dockerfile has done in its first stage, with no more
// files than .dockerignore lets through, and looks at what the second one says.
func TestImage(t *testing.T) {
	text := strings.ReplaceAll(read(t, "deploy/Dockerfile"), "\\\n", "")
	build, final, ok := strings.Cut(text, "\nFROM scratch\n")
	if !ok {
		t.Fatal("the image is not made from scratch")
	}
	source, out := filepath.Join(t.TempDir(), "src"), filepath.Join(t.TempDir(), "out")
	copyContext(t, source)
	for _, m := range regexp.MustCompile(`(?m)^RUN (.*)$`).FindAllStringSubmatch(build, -1) {
		line := strings.ReplaceAll(m[1], "/out", out)
		if os.Geteuid() != 0 {
			line = regexp.MustCompile(`&& chown .*`).ReplaceAllString(line, "")
		}
		c := exec.Command("sh", "-ec", line)
		c.Dir = source
		c.Env = append(os.Environ(), "VERSION="+version, "TARGETOS=linux", "TARGETARCH="+runtime.GOARCH)
		if said, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, said)
		}
	}
	binary := filepath.Join(out, "usr/bin/cometproxy")
	if got := run(t, binary, "version"); !strings.Contains(got, version) {
		t.Errorf("the image has %s", got)
	}
	if info, err := os.Stat(filepath.Join(out, "etc/ssl/certs/ca-certificates.crt")); err != nil || info.Size() == 0 {
		t.Errorf("authorities: %v", err)
	}
	if !regexp.MustCompile(`(?m)^USER [1-9][0-9]*:[1-9][0-9]*$`).MatchString(final) {
		t.Error("the image runs as root, or as a name that Kubernetes cannot judge")
	}
	for _, m := range regexp.MustCompile(`(?m)CMD (\[.*\])$`).FindAllStringSubmatch(final, -1) {
		var words []string
		if err := json.Unmarshal([]byte(m[1]), &words); err != nil {
			t.Errorf("%s: %v", m[1], err)
			continue
		}
		if words[0] == "/usr/bin/cometproxy" {
			words = words[1:]
		}
		run(t, binary, append(words[:len(words):len(words)], "-h")...) // the command and its flags exist
	}
}

// copyContext copies what .dockerignore lets through of what git knows.
func copyContext(t *testing.T, to string) {
	t.Helper()
	ignore := read(t, ".dockerignore")
	var keep []string
	for _, m := range regexp.MustCompile(`(?m)^!(.*)$`).FindAllStringSubmatch(ignore, -1) {
		keep = append(keep, m[1])
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, "sh", append([]string{"-ec", `to=$1; shift; tar -cf - --exclude=testdata --exclude='*_test.go' "$@" | tar -xf - -C "$to"`, "sh", to}, keep...)...)
}

// TestReleaseIsTheSame: built in two folders, it is the same to the byte. (make
// reproducible does it for all systems, and with two build caches.)
func TestReleaseIsTheSame(t *testing.T) {
	need(t, "make", "make")
	run(t, "make", "bin/nfpm")
	nfpm, err := filepath.Abs(filepath.Join(root, "bin/nfpm"))
	if err != nil {
		t.Fatal(err)
	}
	files := strings.Fields(run(t, "sh", "-ec", "ls -d *.md *.toml LICENSE go.* admin backend channels cmd deploy docs front grip park proxy"))
	var sums [2]string
	for i, name := range []string{"a", "another place/b"} {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		run(t, "cp", append(append([]string{"-r"}, files...), dir)...)
		sums[i] = runIn(t, dir, "sh", "-c", `umask "$1"; exec go run ./deploy/release -targets "$2" -nfpm "$3"`, "sh",
			[]string{"022", "077"}[i], "linux/"+runtime.GOARCH, nfpm)
	}
	if strings.Count(sums[0], "\n") != 3 || sums[0] != sums[1] {
		t.Errorf("two builds are\n%s\nand\n%s", sums[0], sums[1])
	}
}

// TestHealth: the command that the image's health check is.
func TestHealth(t *testing.T) {
	s := harness.Start(t, "[[backend]]\nname = \"app\"\nurls = [\"http://127.0.0.1:1\"]\n")
	for _, probe := range []string{"ready", "live"} {
		if got := run(t, harness.Binary(t), "health", "-probe", probe, "-url", "http://"+s.Internal[0]); got != probe+"\n" {
			t.Errorf("health says %q", got)
		}
	}
	out, err := exec.Command(harness.Binary(t), "health", "-url", "http://"+freePort(t)).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "is cometproxy running?") {
		t.Errorf("where nothing listens it says %q, %v", out, err)
	}
}
