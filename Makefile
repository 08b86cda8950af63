# bankconnector. `make` alone prints what there is.
# A fresh Debian 12 with Go and gcc needs two commands: make demo, make test.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# --- the one place for build flags -----------------------------------------------------------------------------
# timetzdata: the calendar must not depend on the host's time zone files.
# sqlite_omit_load_extension: nobody loads code into the journal, and the static link needs no dlopen.
TAGS     := timetzdata,sqlite_omit_load_extension
# SQLite as its own configure builds it where there is an fdatasync: a commit makes durable what the log holds and how long
# it is, not when it was written. What it holds in memory nobody asks, so that no allocation waits for the sum.
SQLITE   := -DHAVE_FDATASYNC=1 -DSQLITE_DEFAULT_MEMSTATUS=0
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS  := -X main.version=$(VERSION)
export CGO_ENABLED := 1
export CGO_CFLAGS  := -O2 -g $(SQLITE)
export GOFLAGS     := -trimpath -buildvcs=false -tags=$(TAGS)
ifeq ($(strip $(HOME)),)
export HOME        := $(CURDIR)/.tools/home
endif

BIN      := bin/bankconnector
PACKAGES := ./...

# --- pinned tools, built from source into .tools ---------------------------------------------------------------
GOLANGCI_VERSION := v2.15.0
GOFUMPT_VERSION  := v0.12.0
GOLANGCI := $(CURDIR)/.tools/bin/golangci-lint-$(GOLANGCI_VERSION)
GOFUMPT  := $(CURDIR)/.tools/bin/gofumpt-$(GOFUMPT_VERSION)

# --- how long the long ones are --------------------------------------------------------------------------------
FUZZTIME      ?= 10s
CRASH_KILLS   ?= 0
CRASH_FAULTS  ?= 2000
POWER_CUTS    ?= 500
CRASH_ROUNDS  ?= 20
TAMPER_ROUNDS ?= 10000
WALK_ROUNDS   ?= 20
N             ?= 100000
SEED          ?=
BENCH         ?= full
BENCHTIME     ?= 1s
TEST_TIMEOUT  ?= 10m
DEMO_ARGS     ?=

# Tests that belong to `make crash-rounds` and `make walk` by their names.
CRASH := Crash|Kill
WALK  := RandomWalk|EveryEffect|WhateverTheClock

# A run in which a test skipped itself, or nothing ran, is not a pass. A full run has required tests as well.
GATE_PART := go run ./internal/archtest/gate -skips internal/archtest/skips.txt
GATE      := $(GATE_PART) -required internal/archtest/required.txt

##@ Everyday

.PHONY: help
help: ## print this list
	@awk 'BEGIN {FS = ":.*## "} /^##@ / {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z][a-z-]*:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/bankconnector
	@mkdir -p bin
	go build -ldflags '$(LDFLAGS)' -o $(BIN) ./connector

.PHONY: demo
demo: build ## run the main job on this machine: banks, documents, receipts, answers (DEMO_ARGS="--banks 113")
	$(BIN) demo $(DEMO_ARGS)

.PHONY: test
test: deps ## run all tests; installs the Debian packages that they need, or says how
	@go test -json -shuffle=on -timeout $(TEST_TIMEOUT) $(PACKAGES) | $(GATE)

.PHONY: check
check: build vet arch lint race ## what CI runs: build, vet, house rules, lint, tests with the race detector

.PHONY: fmt
fmt: $(GOFUMPT) ## format all Go files
	$(GOFUMPT) -l -w $$(git ls-files -co --exclude-standard '*.go')

##@ Parts of check

.PHONY: vet
vet: ## go vet
	go vet $(PACKAGES)

.PHONY: arch
arch: ## the rules of the house (internal/archtest)
	go test -count=1 ./internal/archtest/...

.PHONY: lint
lint: $(GOLANGCI) ## golangci-lint and the format of all files
	$(GOLANGCI) run $(PACKAGES)

.PHONY: race
race: deps ## all tests with the race detector
	@go test -json -race -shuffle=on -timeout $(TEST_TIMEOUT) $(PACKAGES) | $(GATE)

##@ Longer

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (10s)
	.ci/fuzz $(FUZZTIME)

.PHONY: crash
crash: crash-points crash-rounds ## all of both below: some hours of two cores

.PHONY: crash-points
crash-points: deps ## kill at CRASH_KILLS calls (0 = each), CRASH_FAULTS (2000) failing ones, POWER_CUTS (500, as root)
	@.ci/deps crash
	CRASH_KILLS=$(CRASH_KILLS) CRASH_FAULTS=$(CRASH_FAULTS) POWER_CUTS=$(POWER_CUTS) go test -v -count=1 -timeout 12h ./crash

.PHONY: crash-rounds
crash-rounds: deps ## each test that kills by time or by progress, CRASH_ROUNDS (20) times over
	@go test -json -tags=$(TAGS),crash -count=$(CRASH_ROUNDS) -timeout 240m -run '$(CRASH)' $(PACKAGES) | $(GATE_PART)

.PHONY: sim
sim: ## N (100000) simulated exchanges under drawn faults, from SEED or the first new one; sum in sim.log
	.ci/sim $(N) $(SEED)

.PHONY: walk
walk: deps ## random walks and injected faults, WALK_ROUNDS (20) times over
	@go test -json -shuffle=on -count=$(WALK_ROUNDS) -timeout 240m -run '$(WALK)' $(PACKAGES) | $(GATE_PART)

.PHONY: tamper
tamper: deps ## a journal spoilt TAMPER_ROUNDS (10000) times, and sound ones: each is found, none is refused
	@TAMPER_ROUNDS=$(TAMPER_ROUNDS) go test -json -count=1 -timeout 240m -run 'TestTampering|TestSoundIsNotRefused' ./connector | $(GATE_PART)

.PHONY: bench
bench: ## the program beside its peers, into bench/RESULTS.md (BENCH=short writes nothing; BENCH=Upload: one part)
	@.ci/deps bench
	BENCH_FORM=$(if $(filter short,$(BENCH)),short,full) go test -count=1 -run '^$$' \
		-bench '$(if $(filter short full,$(BENCH)),.,$(BENCH))' -benchtime 1x -timeout 120m ./bench

.PHONY: micro
micro: ## the benchmarks of the rooms (BENCHTIME=1s)
	go test -run '^$$' -bench . -benchtime $(BENCHTIME) -benchmem $$(go list $(PACKAGES) | grep -v '/bench$$')

.PHONY: cover
cover: deps ## test coverage by function; cover.html shows the lines
	go test -coverpkg=./... -coverprofile=cover.out -timeout $(TEST_TIMEOUT) $(PACKAGES)
	go tool cover -html=cover.out -o cover.html
	go tool cover -func=cover.out | tail -n 1

##@ Release

.PHONY: release
release: ## a reproducible archive with checksums in dist/
	VERSION='$(VERSION)' TAGS='$(TAGS)' .ci/release dist

.PHONY: reproduce
reproduce: ## build the release twice, the second time elsewhere with an empty cache, and compare
	.ci/reproduce

##@ Machine

.PHONY: deps
deps: ## the Debian packages that the tests need
	@.ci/deps

.PHONY: tools
tools: $(GOLANGCI) $(GOFUMPT) ## the pinned tools into .tools/bin

$(GOLANGCI):
	@.ci/tool github.com/golangci/golangci-lint/v2/cmd/golangci-lint $(GOLANGCI_VERSION) $@

$(GOFUMPT):
	@.ci/tool mvdan.cc/gofumpt $(GOFUMPT_VERSION) $@

.PHONY: clean
clean: ## remove what was built; the pinned tools stay
	rm -rf bin dist cover.out cover.html
