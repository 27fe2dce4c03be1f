package servers

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"cometproxy/test/load/internal/crowd"
)

func floor(s *Server, _ Options) (err error) {
	if s.Target.Address, err = freeAddress(); err != nil {
		return err
	}
	if err := s.measureSelf("floor", s.Target.Address); err != nil {
		return err
	}
	s.Version = "this source"
	s.Note = "one thread, no HTTP parser, no window, no timeout"
	s.Target.Poll, s.Target.Publish = "/{channel}/{cursor}", "/{channel}"
	s.Target.Keep = []crowd.Keep{{Name: "cursor", Header: "Comet-Cursor"}}
	return s.await(listens(s.Target.Address))
}

func netHTTP(s *Server, _ Options) (err error) {
	if s.Target.Address, err = freeAddress(); err != nil {
		return err
	}
	if err := s.measureSelf("nethttp", s.Target.Address); err != nil {
		return err
	}
	s.Version = "this source"
	s.free = "http://" + s.Target.Address + "/-/free"
	s.Target.Poll, s.Target.Publish = "/{channel}?seq={seq}", "/{channel}"
	s.Target.Keep = []crowd.Keep{{Name: "seq", Header: "Seq"}}
	return s.await(listens(s.Target.Address))
}

//go:embed tornado.py
var tornadoScript string

const python = "/usr/bin/python3"

var needsTornado = []need{{"/usr/lib/python3/dist-packages/tornado", "python3-tornado"}, {python, "python3"}}

func tornado(s *Server, _ Options) error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	script, err := s.file("hold.py", tornadoScript)
	if err != nil {
		return err
	}
	host, port, _ := net.SplitHostPort(address)
	if err := s.measure(python, script, host, port); err != nil {
		return err
	}
	s.Version = debianVersion("python3-tornado") + ", " + output(python, "--version")
	s.Note = "one process, as its channels live in it; backlog 4096"
	s.Target.Address = address
	s.Target.Poll, s.Target.Publish = "/{channel}?seq={seq}", "/{channel}"
	s.Target.Keep = []crowd.Keep{{Name: "seq", Header: "Seq"}}
	return s.await(listens(address))
}

const nginx = "/usr/sbin/nginx"

var needsNchan = []need{
	{nginx, "nginx"},
	{"/usr/lib/nginx/modules/ngx_nchan_module.so", "libnginx-mod-nchan"},
}

// nchanConfig: all clients fit into one worker, connections live as long as the
// clients want, no logs, and memory for messages that never runs out.
const nchanConfig = `
load_module /usr/lib/nginx/modules/ngx_nchan_module.so;
user %[4]s;
worker_processes %[2]d;
worker_rlimit_nofile 20000;
daemon off;
pid %[1]s/nginx.pid;
error_log stderr crit;
events { worker_connections 19900; multi_accept on; }
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	tcp_nodelay on;
	keepalive_requests 1000000000;
	keepalive_timeout 1h;
	nchan_shared_memory_size 512M;
	nchan_message_timeout 1h;
	nchan_message_buffer_length 10;
	server {
		listen %[3]s reuseport backlog=4096;
		location ~ ^/sub/(\w+)$ {
			nchan_subscriber longpoll;
			nchan_channel_id $1;
			nchan_subscriber_first_message newest;
		}
		location = /status {
			nchan_stub_status;
		}
		location ~ ^/pub/(\w+)$ {
			nchan_publisher;
			nchan_channel_id $1;
		}
	}
}
`

func nchan(workers int) func(*Server, Options) error {
	return func(s *Server, _ Options) error {
		address, err := freeAddress()
		if err != nil {
			return err
		}
		me, err := user.Current()
		if err != nil {
			return err
		}
		config, err := s.file("nginx.conf", fmt.Sprintf(nchanConfig, s.dir, workers, address, me.Username))
		if err != nil {
			return err
		}
		if err := s.measure(nginx, "-p", s.dir, "-c", config, "-e", "stderr"); err != nil {
			return err
		}
		s.Version = debianVersion("nginx") + ", " + debianVersion("libnginx-mod-nchan")
		s.Note = fmt.Sprintf("worker_processes %d, worker_connections 19900, reuseport, keepalive_requests 1e9, message_timeout 1h, first_message newest, no logs", workers)
		s.Target.Address = address
		s.Target.Poll, s.Target.Publish = "/sub/{channel}", "/pub/{channel}"
		s.Target.Keep = []crowd.Keep{{Name: "modified", Header: "Last-Modified"}, {Name: "etag", Header: "Etag"}}
		s.Target.Headers = []string{"If-Modified-Since: {modified}", "If-None-Match: {etag}"}
		s.Target.PublishHeaders = []string{"Content-Type: application/json"}
		s.Waiting = func() (int, error) { return nchanWaiting("http://" + address + "/status") }
		if err := s.await(listens(address)); err != nil {
			return err
		}
		time.Sleep(time.Second) // the socket is there before the workers have found each other; messages are lost until then
		return nil
	}
}

// nchanWaiting reads the status page: how many wait, 0 while workers have still to
// tell each other of some.
func nchanWaiting(url string) (n int, err error) {
	answer, err := http.Get(url)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch {
		case name == "subscribers":
			if n, err = strconv.Atoi(value); err != nil {
				return 0, err
			}
		case strings.HasPrefix(name, "interprocess") && strings.Contains(name, "alerts") && value != "0":
			return 0, nil
		}
	}
	return n, nil
}

const pushpinInternal = "/usr/lib/pushpin/internal.conf"

var needsPushpin = []need{
	{"/usr/bin/pushpin", "pushpin"}, {"/usr/bin/condure", "condure"},
	{"/usr/bin/zurl", "zurl"}, {pushpinInternal, "pushpin"},
}

// pushpinConfig is what Debian's package brings, with places of its own and
// without its limits of deliveries.
const pushpinConfig = `[global]
include=%[1]s/internal.conf
rundir=%[1]s
ipc_prefix=p-

[runner]
services=condure,zurl,pushpin-proxy,pushpin-handler
http_port=%[2]s
logdir=%[1]s
log_level=0
client_buffer_size=8192
client_maxconn=%[5]d

[proxy]
routesfile=%[1]s/routes
sig_iss=pushpin
sig_key=changeme

[handler]
push_in_spec=ipc://{rundir}/{ipc_prefix}push-in
push_in_sub_specs=ipc://{rundir}/{ipc_prefix}push-in-sub
command_spec=ipc://{rundir}/{ipc_prefix}command
stats_spec=ipc://{rundir}/{ipc_prefix}stats
push_in_http_addr=%[3]s
push_in_http_port=%[4]s
message_rate=1000000
message_hwm=1000000
message_wait=5000
id_cache_ttl=60
connection_subscription_max=20
subscription_linger=60
`

func pushpin(s *Server, _ Options) error {
	const maxConnections = 19000 // below the limit of open files
	app, err := freeAddress()
	if err != nil {
		return err
	}
	public, err := freeAddress()
	if err != nil {
		return err
	}
	control, err := freeAddress()
	if err != nil {
		return err
	}
	if err := s.runSelf("app", app); err != nil {
		return err
	}
	host, port, _ := net.SplitHostPort(control)
	config, err := s.file("pushpin.conf", fmt.Sprintf(pushpinConfig, s.dir, public, host, port, maxConnections))
	if err != nil {
		return err
	}
	if err := s.pushpinFiles(app); err != nil {
		return err
	}
	if err := s.measure("/usr/bin/pushpin", "--config="+config, "--merge-output"); err != nil {
		return err
	}
	s.Version = debianVersion("pushpin") + ", " + debianVersion("zurl")
	s.Note = "message_rate and message_hwm 1000000, client_maxconn 19000; the app's own processor time is not counted. " +
		"Above a few hundred polls at a time it refuses, so 5,000 clients at most, 500 polls a second, 300 channels in churn. " +
		"Messages published before a poll is parked are lost (no prev-id): in churn a publish waits 250 ms after the poll"
	s.MostClients, s.MostChurn, s.PollRate = 5000, 300, 500
	s.Target.Address, s.Target.PublishAddress = public, control
	s.Target.Poll = "/{channel}"
	s.Target.Settle = 250 * time.Millisecond
	s.Calm = 3 * time.Second
	gripPublish(&s.Target)
	return s.await(func() bool { return listens(public, control)() && forwards(public) })
}

// pushpinFiles writes its routes, and a copy of its internal configuration, which
// expects a zurl that the system runs: the copy points at the one that Pushpin
// runs itself.
func (s *Server) pushpinFiles(app string) error {
	internal, err := os.ReadFile(pushpinInternal)
	if err != nil {
		return err
	}
	text := strings.ReplaceAll(string(internal), "ipc:///var/run/zurl/zurl-", "ipc://{rundir}/{ipc_prefix}zurl-")
	if _, err := s.file("internal.conf", text); err != nil {
		return err
	}
	_, err = s.file("routes", "* "+app+"\n")
	return err
}

// forwards: a hold that begins proves that all parts have found each other. An
// error comes at once; a hold does not come to an end.
func forwards(address string) bool {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	fmt.Fprintf(c, "GET /ready HTTP/1.1\r\nHost: %s\r\n\r\n", address)
	c.SetReadDeadline(time.Now().Add(2 * time.Second))
	_, err = c.Read(make([]byte, 1))
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
