# make help      this list
# make test      vet, then every test with the race detector (what CI runs)
# make quick     vet, and the tests of the packages that changed against main and of
#                those that import them, but for tests of the whole program (internal/node,
#                cmd/nems, ...) that did not change; without the race detector (BASE=main)
# make lint      formatting, vet, staticcheck, known vulnerabilities
# make bench     benchmarks of the packages, then publishing over HTTP end to end, and starting
# make build     bin/nems, one static binary
# make release   dist/: binaries for all platforms, the modules in each (CycloneDX), .deb, .rpm
#                and container images, their provenance, SHA256SUMS; without Docker
# make reproducible   what dist/ holds, built again elsewhere, has the same bytes
# make torture   the real program killed, cut off and starved of disk, on SQLite and
#                as two nodes on PostgreSQL, whose primary fails over: nothing is
#                lost (minutes; SECONDS=600 stretches it, STORE=postgres runs that alone)
# make cluster   the reference cluster: three PostgreSQL with Patroni and etcd, three nodes and
#                a proxy in network namespaces; each dies in turn under load: how long nothing
#                is accepted, and that nothing is lost (minutes; as root; ONLY=FAULT runs one)
# make fuzz      every fuzz test for a minute (FUZZ=1h before a release)
# make packages  builds .deb, .rpm and image, installs and starts each in a throwaway root,
#                and goes through docs/two-nodes.md with two machines of its own
# make alerts    the Prometheus alerts and the dashboard's queries, tried with Prometheus's
#                own libraries (a module of its own: deploy/prometheus/test)
# make deployments   deploy/compose*.yaml and deploy/kubernetes against the schemas of Compose,
#                Kubernetes and the operators (a module of its own: deploy/test), and what
#                Compose would run, as plain processes; UPDATE=1 writes the operator's alerts
# make screenshots   docs/pictures: the console's pages, for README and handbook
# make simulate  seeds of the simulator (SEEDS=10000)
# make docs      site/: the handbook as a site of plain files, with search; dead links fail
# make rename-module PATH=example.org/nems   gives the module a public path, everywhere

GO          ?= go
STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.8.2

# The race detector needs a C compiler; without one the tests still run.
CC_FOUND := $(shell command -v $${CC:-cc} 2>/dev/null || command -v gcc 2>/dev/null)
ifneq ($(CC_FOUND),)
# It watches all code but SQLite's, which is C made into Go: its memory is not Go's, so
# the detector would see nothing there, and makes it several times as slow.
RACE := -race -gcflags=modernc.org/...=-race=false
export CGO_ENABLED := 1
endif

# What a release is called. Its binaries depend on this and on the source alone.
VERSION ?= $(shell git describe --tags --always --dirty --abbrev=12 2>/dev/null || echo unknown)
# Files in its packages and images have the time of the commit.
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null)
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)

.PHONY: help quick test lint bench build release reproducible tools torture fuzz simulate screenshots docs rename-module packages alerts deployments cluster

help:
	@sed -n '/^# make/,/^$$/{/^#/s/^# //p;}' Makefile

quick:
	$(GO) vet ./...
	@packages="$$(./.ci/changed $(or $(BASE),main))"; \
	if [ -z "$$packages" ]; then echo "make quick: nothing has changed against $(or $(BASE),main)"; else $(GO) test -short $$packages; fi

# vet, the tests, and the go commands that tests run, all have the same flags, so that
# everything is compiled once. Test binaries have no tables for debuggers: there are some 60.
# go test has its own vet left out, of which go vet does more.
OWNFLAGS := $(shell $(GO) env GOFLAGS)
test: export GOFLAGS := $(OWNFLAGS) $(RACE) -ldflags=-w
test: tools
	@$(if $(RACE),true,echo "make test: no C compiler found, so the race detector stays off")
	$(GO) vet ./...
	$(GO) test -vet=off -timeout 20m ./...
	GOFLAGS='$(OWNFLAGS)' $(GO) test -vet=off ./internal/proof/simulator ./internal/fhir # in full: the race detector runs fewer seeds and documents

# What tests need beside Go: xmllint and Saxon, the oracles of the differential
# tests, a PostgreSQL server, and Chromium, which opens the console. Where one is neither installed nor installable, its tests
# skip and say so; with NEMS_REQUIRE_POSTGRES=1, as CI has it, they fail.
tools:
	@missing=; \
	command -v xmllint >/dev/null 2>&1 || missing="$$missing libxml2-utils"; \
	{ command -v java >/dev/null 2>&1 && [ -e /usr/share/java/Saxon-HE.jar ]; } || [ -n "$$NEMS_SAXON" ] || missing="$$missing default-jre-headless libsaxonhe-java"; \
	command -v initdb >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$$missing postgresql"; \
	command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 || [ -n "$$NEMS_CHROMIUM" ] || missing="$$missing chromium"; \
	if [ -z "$$missing" ]; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	  echo "make: installing$$missing"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing >/dev/null || echo "make: could not install$$missing"; \
	else echo "make: not found:$$missing; the tests that need them are skipped"; fi

lint:
	@files="$$(gofmt -l $$(git ls-files '*.go'))"; if [ -n "$$files" ]; then echo "gofmt: $$files"; exit 1; fi
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	GO=$(GO) .ci/vulncheck

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./internal/...
	$(GO) run ./internal/proof/bench
	$(GO) run ./internal/proof/bench -case nodes
	$(GO) run ./internal/proof/bench -case wide
	$(GO) run ./internal/proof/bench -case filters
	$(GO) run ./internal/proof/bench -case dead-mailbox
	$(GO) run ./internal/proof/bench -case deep-inbox
	$(GO) run ./internal/proof/bench -case purge
	$(GO) run ./internal/proof/bench -case records
	$(GO) run ./internal/proof/bench -case start
	$(GO) run ./internal/proof/bench -case webhooks

torture: tools
	$(GO) run ./internal/proof/torture -seconds $(or $(SECONDS),360) -store $(or $(STORE),both)

# Where they are missing and can be installed, they are; their own services are not needed.
cluster: tools
	@missing=; \
	for one in patroni:patroni etcd:etcd-server haproxy:haproxy ip:iproute2; do command -v $${one%:*} >/dev/null 2>&1 || missing="$$missing $${one#*:}"; done; \
	if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	  echo "make: installing$$missing"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing >/dev/null || echo "make: could not install$$missing"; \
	fi
	$(GO) run ./internal/proof/cluster $(if $(ONLY),-only $(ONLY))

fuzz:
	@grep -rl '^func Fuzz' --include='*_test.go' . | sort | while read -r file; do \
	  for name in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9]*\)(.*/\1/p' "$$file"); do \
	    $(GO) test "$$(dirname "$$file")" -run '^$$' -fuzz "^$$name\$$" -fuzztime $(or $(FUZZ),60s) || exit 1; \
	  done; \
	done

simulate:
	$(GO) test ./internal/proof/simulator -run Seeds -seeds $(or $(SEEDS),10000) -timeout 0 -v

screenshots: tools
	$(GO) test ./internal/proof/browser -run Screenshots -screenshots $(CURDIR)/docs/pictures -v

docs:
	$(GO) run ./internal/site

# PATH on make's command line would replace where commands are looked for, so that is
# taken from make's own environment again. Where there is no /proc, give MODULE.
ifeq ($(origin PATH),command line)
MODULE := $(PATH)
override PATH := $(shell /usr/bin/tr '\0' '\n' < /proc/$$PPID/environ | /bin/sed -n 's/^PATH=//p')
endif

rename-module:
	@$(GO) run ./internal/rename $(MODULE)

build:
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/nems ./cmd/nems

release:
	rm -rf dist
	$(GO) run ./internal/release -version $(VERSION) -time $(SOURCE_DATE_EPOCH) -commit "$(COMMIT)" -out dist

# From the last commit, in another folder and with an empty build cache; the
# machine's own platform alone, since every platform is built the same way.
reproducible:
	@copy=$$(mktemp -d) && trap 'rm -rf "$$copy"' EXIT && git archive HEAD | tar -x -C "$$copy" && \
	platform=$$($(GO) env GOOS)/$$($(GO) env GOARCH) && \
	( cd "$$copy" && GOCACHE="$$copy/cache" $(GO) run ./internal/release -version $(VERSION) -time $(SOURCE_DATE_EPOCH) -commit "$(COMMIT)" -out "$$copy/dist" -platforms "$$platform" -sbom=false -provenance=false ) && \
	( cd dist && sha256sum --check "$$copy/dist/SHA256SUMS" )

packages:
	NEMS_PACKAGES=1 $(GO) test -run TestPackages -v ./internal/release

alerts:
	cd deploy/prometheus/test && $(GO) vet . && $(GO) test .

deployments:
	cd deploy/test && $(GO) vet . && $(GO) test . $(if $(UPDATE),-update)
	$(GO) test -v ./deploy
