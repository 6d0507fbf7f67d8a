# What there is to do, and how. "make" alone lists it.

GO     ?= go
PYTHON ?= python3

# How long a fuzz target, random statements, a benchmark and the soak test run, how
# often the crash test kills the server, and the sample period of the memory test.
FUZZTIME  ?= 30s
BENCHTIME ?= 1s
SOAK      ?= 10m
CRASHES   ?= 100

# How many steps the model of a history that is edited takes, in each place.
STEPS     ?= 20000
MEMORY    ?= 1h

# What make storage measures, with flags before it.
STORAGE ?= ingest points edit backfill s3 past

# SQLite's C code, translated to Go, guards its memory itself. To watch it, too, would
# make whatever has a catalog four times slower.
RACE := -race -gcflags=modernc.org/sqlite/lib=-race=false

export PYTHON
export TRELLIS := $(CURDIR)/build/bin/trellis

.DEFAULT_GOAL := help
.PHONY: help test build s3server demo lint format fuzz soak crash memory bench sizes storage generate tzdata clean need-go

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

test: build s3server .venv .postgres ## run all tests: Go with the race detector, lint, clients
	$(GO) test $(RACE) -timeout 40m ./...
	cd benchmarks && TRELLIS_S3SERVER=$$(../.ci/s3server) $(GO) test -timeout 20m ./...
	.venv/bin/python -m pytest -q clients/python/tests

build: need-go ## build the program: build/bin/trellis
	$(GO) build -o $(TRELLIS) ./cmd/trellis

s3server: need-go ## build the S3 server that tests start, into build/bin
	GO=$(GO) .ci/s3server

demo: build ## store and query real data, then stay up
	$(TRELLIS) demo

lint: need-go ## run gofumpt, vet, staticcheck, errcheck, errorlint
	.ci/lint

format: need-go ## format the sources
	cd .ci/tools && $(GO) tool gofumpt -w ../..

fuzz: build ## fuzz every decoder, and send random statements to a server, for FUZZTIME each
	.ci/fuzz $(FUZZTIME)

soak: need-go ## write, query, compact and restart for the time SOAK
	TRELLIS_SOAK=$(SOAK) .ci/only TestSoak 24h

crash: build ## kill -9 the server CRASHES times while it is written to, and while it edits
	TRELLIS_CRASHES=$(CRASHES) .ci/only TestCrash 2h

memory: build ## ten thousand series, a sample every MEMORY, in a server of 256 MiB
	TRELLIS_MEMORY=$(MEMORY) .ci/only TestMemory 2h

life: need-go ## play STEPS random operations against a model; TRELLIS_SEED repeats a run
	TRELLIS_STEPS=$(STEPS) .ci/only TestAHistory 24h

faults: need-go ## inject every fault at every step and every byte, for about 20 minutes
	TRELLIS_EVERY_STEP=1 TRELLIS_POSTGRES_DOWN=1m TRELLIS_RIVALS=5m $(GO) test ./store -count=1 -timeout 4h -v
	TRELLIS_FLIPS=20000 $(GO) test ./meta/sqlite -run EveryFlippedBit -count=1 -timeout 4h -v

bench: need-go ## run the benchmarks of the packages
	$(GO) test -run '^$$' -bench . -benchtime $(BENCHTIME) ./...

sizes: need-go ## print the bits per value on the data sets in DATA, beside other tools
	@test -n "$(DATA)" || { echo "Say where the data sets are, as in: make sizes DATA=../data (see benchmarks/sizes/README.md)" >&2; exit 1; }
	@cd benchmarks/sizes && $(GO) run . "$(abspath $(DATA))"

storage: build s3server ## measure what STORAGE names: ingest points edit backfill s3 past (see benchmarks/README.md)
	@cd benchmarks && TRELLIS_S3SERVER=$$(../.ci/s3server) $(GO) run ./storage $(STORAGE)

generate: need-go ## write the assembly of the loops
	$(GO) generate -skip tzdata ./...

tzdata: need-go .venv ## compile in the newest time zone database
	rm -f columnar/zone/tzdata.whl build/tzdata*.whl
	.venv/bin/python -m pip download --quiet --no-deps --dest build tzdata
	mv build/tzdata*.whl columnar/zone/tzdata.whl
	$(GO) generate ./columnar/zone
	rm columnar/zone/tzdata.whl

clean: ## remove what was built
	rm -rf build .venv
	-$(GO) clean -testcache

# These see for themselves whether there is anything to do.
.PHONY: .venv .postgres
.venv:
	.ci/venv
.postgres:
	.ci/postgres

need-go:
	@command -v $(GO) >/dev/null || { echo "Go is needed, at least the version in go.mod, and there is no $(GO): see https://go.dev/doc/install" >&2; exit 1; }
	@command -v "$$($(GO) env CC | cut -d' ' -f1)" >/dev/null || { echo "A C compiler is needed for the SQL parser (Debian, Ubuntu: apt-get install build-essential)" >&2; exit 1; }
