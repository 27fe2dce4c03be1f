//go:build linux

package apps

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const twoURLs = `
[public]
listen = [%q]
[internal]
listen = [%q]
debug  = true
[[backend]]
name = "app"
urls = ["http://%s", "http://%s"]
health_path = "/form"
health_interval = "200ms"
`

// TestKilledBackends: two processes of an app, one of them killed and started anew
// again and again, under load: no request that may be repeated fails.
func TestKilledBackends(t *testing.T) {
	node, dir := needPackages(t)
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	public, internal := freeAddress(t), freeAddress(t)
	apps := []string{freeAddress(t), freeAddress(t)}
	run := func(i int) *process {
		_, port, _ := net.SplitHostPort(apps[i])
		p := start(t, dir, []string{"PORT=" + port, "COMETPROXY=http://" + internal}, node, "app.mjs")
		p.waitFor(apps[i])
		return p
	}
	processes := []*process{run(0), run(1)}
	file := filepath.Join(t.TempDir(), "cometproxy.toml")
	if err := os.WriteFile(file, fmt.Appendf(nil, twoURLs, public, internal, apps[0], apps[1]), 0o600); err != nil {
		t.Fatal(err)
	}
	proxy := start(t, "", nil, path, "-config", file)
	proxy.waitFor(public)

	var done, failed atomic.Int64
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for range 32 {
		clients.Go(func() {
			c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}, Timeout: 20 * time.Second}
			defer c.CloseIdleConnections()
			for {
				select {
				case <-stop:
					return
				default:
				}
				resp, err := c.Get("http://" + public + "/form")
				status := 0
				if err == nil {
					_, err = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
					status = resp.StatusCode
				}
				done.Add(1)
				if err != nil || status != 200 {
					if failed.Add(1) <= 5 {
						t.Errorf("request %d: %d %v", done.Load(), status, err)
					}
				}
			}
		})
	}
	const kills = 10
	for n := range kills {
		time.Sleep(300 * time.Millisecond)
		victim := processes[n%2]
		_ = victim.cmd.Process.Signal(syscall.SIGKILL)
		<-victim.done
		time.Sleep(300 * time.Millisecond)
		processes[n%2] = run(n % 2)
		time.Sleep(600 * time.Millisecond) // the checks see that it is there
	}
	close(stop)
	clients.Wait()
	t.Logf("%d requests, %d failed, %d kills", done.Load(), failed.Load(), kills)
	if done.Load() < 500 {
		t.Error("too few requests")
	}
	if r := get(t, "http://"+internal+"/debug/check"); r.code != http.StatusOK {
		t.Errorf("invariants: %s", r.body)
	}
	for _, p := range processes {
		_ = p.stop()
	}
}
