package servers

import (
	"fmt"
	"os/user"
	"runtime"
	"strings"
)

// Fronts are the reverse proxies that ordinary requests are measured with.
var Fronts = []string{"nginx", "cometproxy", "haproxy", "reverseproxy"}

// MissingFronts says what to install before all of them can be started; empty:
// nothing.
func MissingFronts() string {
	var packages []string
	for _, n := range []string{"nginx", "haproxy"} {
		if output("sh", "-c", "PATH=$PATH:/usr/sbin command -v "+n) == "" {
			packages = append(packages, n)
		}
	}
	if len(packages) == 0 {
		return ""
	}
	return "apt-get install -y " + strings.Join(packages, " ")
}

// nginxHead begins the configuration of nginx as an app (files from memory, as fast as
// that goes) and as a front.
const nginxHead = `
user %[3]s;
worker_processes %[2]d;
daemon off;
pid %[1]s/nginx.pid;
error_log stderr crit;
events { worker_connections 4000; }
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	keepalive_requests 1000000000;
`

const nginxPages = nginxHead + `
	open_file_cache max=10;
	server { listen %[4]s backlog=4096; root %[1]s; }
}
`

const nginxFront = nginxHead + `
	upstream app { server %[5]s; keepalive 128; keepalive_requests 1000000000; }
	server {
		listen %[4]s backlog=4096;
		location / {
			proxy_pass http://app;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_set_header Host $host;
			proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
		}
	}
}
`

const haproxyFront = `
global
 nbthread %d
 maxconn 4000
defaults
 mode http
 timeout connect 5s
 timeout client 1m
 timeout server 1m
 option forwardfor
 http-reuse always
frontend front
 bind %s
 default_backend app
backend app
 server app %s
`

// StartPages starts the app behind them: nginx with one page of so many bytes,
// /page.
func StartPages(size int) (*Server, error) {
	return starting("pages", func(s *Server, address string) error {
		if _, err := s.file("page", strings.Repeat("0123456789abcde\n", size/16+1)[:size]); err != nil {
			return err
		}
		return s.nginx(nginxPages, address)
	})
}

// StartFront starts one of Fronts for the app, with as many threads as there are
// cores.
func StartFront(name string, app *Server, o Options) (*Server, error) {
	return starting(name, func(s *Server, address string) error {
		switch name {
		case "nginx":
			s.Version = debianVersion("nginx")
			return s.nginx(nginxFront, address, app.Target.Address)
		case "haproxy":
			s.Version = debianVersion("haproxy")
			config, err := s.file("haproxy.cfg", fmt.Sprintf(haproxyFront, runtime.NumCPU(), address, app.Target.Address))
			if err != nil {
				return err
			}
			return s.measure("/usr/sbin/haproxy", "-db", "-f", config)
		case "reverseproxy":
			s.Version = "net/http/httputil of " + runtime.Version()
			return s.measureSelf("reverseproxy="+app.Target.Address, address)
		default:
			err := s.startCometproxy(o, "auto", fmt.Sprintf(gripBackend, "http://"+app.Target.Address))
			return err
		}
	})
}

// starting makes a server and waits until it listens.
func starting(name string, start func(s *Server, address string) error) (*Server, error) {
	s := &Server{Name: name}
	var err error
	if s.dir, err = tempDir(); err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err == nil {
		s.Target.Address = address
		err = start(s, address)
	}
	if err == nil {
		err = s.await(listens(s.Target.Address))
	}
	if err == nil {
		err = s.Usage.Refresh()
	}
	if err != nil {
		s.Stop()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// nginx runs one with a configuration.
func (s *Server) nginx(text, address string, more ...any) error {
	me, err := user.Current()
	if err != nil {
		return err
	}
	values := append([]any{s.dir, runtime.NumCPU(), me.Username, address}, more...)
	config, err := s.file("nginx.conf", fmt.Sprintf(text, values...))
	if err != nil {
		return err
	}
	return s.measure(nginx, "-p", s.dir, "-c", config, "-e", "stderr")
}
