# The verbs of a change; continuous integration (.ci/run) calls the same ones.

.PHONY: all build fmt checkfmt vet staticcheck lint test race fuzz bench benchstat load vuln cross packages release reproducible clean

all: lint test

build:
	go build -o bin/cometproxy ./cmd/cometproxy

fmt:
	gofmt -w .

# Fails, and names the files, if any is not formatted.
checkfmt:
	@files=$$(gofmt -l .) && test -z "$$files" || { echo "not formatted (make fmt does it):"; echo "$$files"; exit 1; }

vet:
	go vet ./...

staticcheck: bin/staticcheck
	bin/staticcheck ./...

lint: checkfmt vet staticcheck

test:
	go test ./...

# The tests of the built binary run twice where there are two ways to park. Those of
# test/apps and test/load build theirs without the detector, which would find nothing.
race:
	go test -race $$(go list ./... | grep -v '/test/apps$$\|/test/load')
	COMETPROXY_TEST_PARKER=goroutine go test -race ./test

# Each fuzz target for a while: make fuzz FUZZTIME=5m
FUZZTIME = 30s
fuzz:
	tools/fuzz.sh $(FUZZTIME)

bench:
	go test -run '^$$' -bench . -benchmem ./...

# The benchmarks of this tree beside those of another commit:
# make benchstat BASE=main BENCH=Release COUNT=10
BASE = HEAD~1
benchstat: bin/benchstat
	tools/benchstat.sh $(BASE)
export BENCH COUNT PACKAGES BENCHTIME

# Memory of 18,000 parked clients; Linux. make load LOAD="-clients 1000"
LOAD =
load:
	go run ./test/load park $(LOAD)

vuln: bin/govulncheck
	tools/vuln.sh

# What other systems get compiles there.
cross:
	GOOS=windows go vet ./cmd/cometproxy
	GOOS=darwin go vet ./cmd/cometproxy

# What is handed out, in DIST. VERSION and SOURCE_DATE_EPOCH are the commit's if they are not said.
DIST = dist
TARGETS = linux/amd64,linux/arm64,darwin/amd64,darwin/arm64,windows/amd64
release: bin/nfpm
	go run ./deploy/release -out $(DIST) -targets $(TARGETS)

# Packages are for Linux only.
comma = ,
packages: bin/nfpm
	go run ./deploy/release -out $(DIST) -targets $(subst $() ,$(comma),$(filter linux/%,$(subst $(comma), ,$(TARGETS)))) -kinds deb,rpm

# Builds a release twice, in different places, and compares: make reproducible TARGETS=linux/amd64
reproducible: bin/nfpm
	tools/reproducible.sh $(TARGETS)

# The versions are those of tools/go.mod.
bin/staticcheck bin/govulncheck bin/benchstat bin/nfpm &: tools/go.mod tools/go.sum
	go build -modfile=tools/go.mod -o bin/ tool

clean:
	rm -rf bin dist
