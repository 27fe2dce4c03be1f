module cometproxy

go 1.26

require (
	github.com/BurntSushi/toml v1.6.0
	github.com/valyala/fasthttp v1.77.0
	go.uber.org/zap v1.28.0
	golang.org/x/sys v0.49.0
)
