# Everything here needs Go and nothing else; race also needs a C compiler.

SHELL := /bin/bash
.SHELLFLAGS := -e -u -o pipefail -c
.DEFAULT_GOAL := help

# Linters, pinned. They live in bin/ under their version, so another version is
# another file, and stay out of go.mod.
STATICCHECK := bin/staticcheck-v0.8.2
GOFUMPT     := bin/gofumpt-v0.12.0

# Modules of their own: measurements, compatibility tests, third-party examples.
NESTED := $(patsubst ./%/go.mod,%,$(shell find . -mindepth 2 -name go.mod -not -path '*/testdata/*' -not -path './bin/*'))

FUZZTIME  ?= 60s
FUZZJOBS  ?= $(shell getconf _NPROCESSORS_ONLN)
TESTFLAGS ?=

.PHONY: help build test unit nested race lint fmt vet vet-386 staticcheck generate checkgenerate tidy-check fuzz fuzz-brief bench test-386 test-arm bench-peers bench-storage bench-behind large-snapshot statements lies overload slow-machine watches test-hostile test-plugins test-packages deb test-linearizability test-recovery clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/host, a static binary
	CGO_ENABLED=0 go build -trimpath -o bin/host ./cmd/host

test: lint checkgenerate build unit test-386 nested ## everything: linters, generated code, all tests of all modules

# The tests with whole clusters of processes run alone, one package after the
# other: two cores are few for them, and what else runs would make every process
# late. The time of a package only ends one that hangs: the log's tests alone sync
# some thousand times, which is a minute on a disk that takes 10 ms for it.
unit:
	go test -timeout 40m $(TESTFLAGS) $$(go list ./... | grep -v -e '/test$$' -e '/test/hostile$$')
	go test -p 1 -timeout 40m $(TESTFLAGS) ./test ./test/hostile

# Of core those that take a host through its life: all of them take minutes.
HOST_386 := WritesAndReadsOnEveryMember|EntriesHaveTheSameTimeOnAllMembers|LeadershipIsTransferred|MembersAreAddedAndRemoved|MemberJoinsAfterACompaction|LaggingFollowerIsCaughtUpBySnapshot|A9SlowFollowerIsServedFromDisk|StorageFailureBuildsTheNodeAnew|StopOrder

# Whether 64-bit words are aligned shows only where the code runs; a kernel for
# amd64 runs programs for 386.
test-386: ## the tests of storage and of the raft goroutine, and some of whole hosts, on 32 bits, shortened
	GOARCH=386 go test -short -timeout 40m $(TESTFLAGS) ./internal/member ./internal/node ./plugins/storage/wal
	GOARCH=386 go test -short -timeout 40m $(TESTFLAGS) ./core -run '^Test($(HOST_386))$$'

# Three minutes without a cache, so no part of test: each run has the types and the files
# of these processors looked at (internal/deps, vet-386).
test-arm: ## build the host and the plugins for ARM of 32 and 64 bits and for 386, without C
	for processor in arm arm64 386; do CGO_ENABLED=0 GOOS=linux GOARCH=$$processor go build ./cmd/host ./plugins/...; done

# The tag next builds the later release of the counter, with a second version of commands.
nested:
	@for m in $(NESTED); do echo "module $$m"; (cd $$m && go vet ./... && go test -timeout 40m $(TESTFLAGS) ./...); done
	cd examples/counter && go vet -tags next ./... && go test -tags next $(TESTFLAGS) ./...

race: ## all tests of this module with the race detector
	$(MAKE) unit TESTFLAGS="-race $(TESTFLAGS)"

lint: fmt vet vet-386 staticcheck ## gofumpt, go vet (also for 32 bits), staticcheck

fmt: $(GOFUMPT)
	@unformatted="$$($(GOFUMPT) -l .)"; \
	if [ -n "$$unformatted" ]; then echo "not formatted with gofumpt:"; echo "$$unformatted"; exit 1; fi

vet:
	go vet ./...

# 64-bit atomics and sizes that do not fit an int show up here.
vet-386:
	GOARCH=386 go vet ./...

staticcheck: $(STATICCHECK)
	$(STATICCHECK) ./...

$(STATICCHECK):
	GOBIN=$(CURDIR)/bin go install honnef.co/go/tools/cmd/staticcheck@$(lastword $(subst -, ,$@))
	mv bin/staticcheck $@

$(GOFUMPT):
	GOBIN=$(CURDIR)/bin go install mvdan.cc/gofumpt@$(lastword $(subst -, ,$@))
	mv bin/gofumpt $@

PACKAGE_VERSION ?= 0.0.0~$(shell git log -1 --format=%cd.%h --date=format:%Y%m%d)
PACKAGE_ARCH    ?= $(shell go env GOARCH)

deb: ## build bin/pontoon_VERSION_ARCH.deb of PACKAGE_VERSION and PACKAGE_ARCH (needs dpkg-deb)
	deploy/deb/build $(PACKAGE_VERSION) $(PACKAGE_ARCH) bin

generate: ## generate the Go code of the .proto files
	go generate ./...

checkgenerate: ## fail if generating would change what is committed
	@out="$$(mktemp -d)"; trap 'rm -rf "$$out"' EXIT; \
	(cd api && go run ./generate -api . -out "$$out" >/dev/null); \
	(cd "$$out" && find . -type f) | while read -r f; do \
		diff -u "api/$$f" "$$out/$$f" || { echo "run make generate"; exit 1; }; done; \
	find api -name '*.pb.go' | while read -r f; do \
		[ -e "$$out/$${f#api/}" ] || { echo "$$f comes from no .proto file"; exit 1; }; done

tidy-check: ## fail if go mod tidy would change a module
	@for m in . $(NESTED); do echo "module $$m"; (cd $$m && go mod tidy -diff); done

fuzz: ## run every fuzz target for FUZZTIME (60s), FUZZJOBS (as there are processors) at a time
	.ci/fuzz $(FUZZTIME) $(FUZZJOBS)

fuzz-brief: ## run every fuzz target for 2 s
	$(MAKE) fuzz FUZZTIME=2s

bench: ## run the Go benchmarks
	go test -run '^$$' -bench . -benchmem $(TESTFLAGS) ./...

test-compat: ## the http transport against etcd 3.6's rafthttp
	cd test/compat/etcd36 && go vet ./... && go test $(TESTFLAGS) ./...

bench-transport: ## the speed of the http transport and of etcd's rafthttp, in one run
	cd test/compat/etcd36 && BENCH=1 go test -v -benchtime=1s -run '^TestSpeed$$' . | grep -v '^[=-]'

large-snapshot: ## a state of 1 GiB to a node that lacks it, at 50 MB/s: memory, leader, heartbeats
	PONTOON_LARGE_SNAPSHOT=1073741824 go test -v -run '^TestB6HeartbeatGap$$' ./plugins/transport/http | grep -v '^[=]'
	PONTOON_LARGE_SNAPSHOT=1073741824 go test -v -run '^TestB6LargeSnapshot$$' ./test | grep -v '^[=]'

statements: large-snapshot bench-behind test-arm ## the founding statements with the numbers that are too long for every run, half an hour
	go test -count=1 -v ./test -run '^TestA1AFailureNamesTheLossOfTheLeader$$' -a1 10
	go test -count=1 -v ./core -run '^TestA2ProposalsOneAfterTheOther$$' -a2 1000
	go test -count=1 -v -timeout 20m ./plugins/transport/http -run '^TestB4DecodersUnderAMemoryCap$$' -b4 10m
	go test -count=1 -v ./plugins/transport/http -run '^TestB5EveryMessageArrivesOrIsReported$$' -b5 1m
	go test -count=1 -v ./plugins/transport/quic -run '^TestB5EveryMessageArrivesOrIsReported$$' -b5 1m

lies: ## 10 million made-up messages of peers through the host's checks and raft
	go test ./internal/node -run '^TestStepSafe$$' -lies 10000000
	go test ./internal/node -run '^TestNoMessageStopsACluster$$' -lies.every 1

bench-peers: build ## measure this system against others, in one run
	cd bench && go run .

bench-storage: ## measure appends of the wal beside etcd and hashicorp, in one run
	cd bench && go run ./storage

bench-behind: ## the leader's memory while a follower gets 20,000 entries of 100 kB from its disk
	go test ./test -count=1 -v -run '^TestA9FarBehindFollower$$' -behind 20000

overload: ## a minute of ten times the writes that a cluster gets done, through a follower: goodput, refusals, memory, answers, recovery
	go test ./test -count=1 -v -run '^(TestOverloadThroughAFollower|TestARefusalTakesNoTime)$$' -overload 60s -overload-host-ahead

slow-machine: ## a minute of writes with a slow state machine on a follower, on the leader, and while it restores 1 GiB: memory
	go test ./test -count=1 -v -run '^TestSlowMachine$$' -slow-machine 60s -slow-machine.state 1073741824

watches: ## 100,000 events on three watches while state machines and leaders are killed: each once and in order
	go test ./test -count=1 -v -run '^TestAWatchSurvivesKills$$' -watch.events 100000

test-hostile: ## attack a cluster by all its ports, each attack at its whole length: a table of writes, memory, restarts; and have plugins lie
	go test -count=1 -timeout 20m ./test -run '^TestChaos$$' -chaos.full
	go test -count=1 -v -timeout 40m ./test/hostile -hostile.full

# Each kind and language, checked wholly and run as a cluster; then the plugins that break a
# rule each, of which each must be found.
test-plugins: build ## make a plugin of each kind and language, check it and run three hosts on it; and find the rules that broken plugins break
	go test -count=1 -v -timeout 40m ./test -run '^(TestANewPlugin|TestTheExample)' -new-plugins.whole
	cd plugins/statemachine/sqlite && go test -count=1 ./internal/... && go test -count=1 -timeout 20m . -sqlite.whole
	go test -count=1 -timeout 40m ./internal/plugincheck/... ./plugins/storage/storagetest ./plugins/transport/transporttest ./plugins/statemachine/statemachinetest

CHROOT ?= /var/tmp/pontoon-chroot

# Once the chroot is there, only the packages are made and installed. Only root can do it.
test-packages: ## install, upgrade and remove the Debian package in a chroot (needs root, debootstrap, lintian)
	[ -e $(CHROOT)/bin/sh ] || debootstrap --variant=minbase bookworm $(CHROOT)
	go test -count=1 -v ./test/packages -packages.chroot $(CHROOT)

LINEARIZABILITY ?= -linearizability.duration 12m

test-linearizability: ## disturb a cluster of real hosts for 12 minutes and judge what its clients were told; LINEARIZABILITY has flags
	cd test/linearizability && go test -count=1 -v -timeout 60m -run '^TestLinearizability$$' . $(LINEARIZABILITY)

test-recovery: ## how soon writes go on after the leader was killed, and while its disk stalls: 20 times each
	cd test/linearizability && go test -count=1 -v -timeout 30m -run '^TestRecovery' . -linearizability.recoveries 20

clean: ## remove what was built
	rm -rf bin
	go clean -testcache
