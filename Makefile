# make test    vet, then every test with the race detector (what CI runs)
# make lint    formatting, vet, staticcheck
# make bench   benchmarks of the packages, then publishing over HTTP end to end
# make build   bin/nems, one static binary

GO          ?= go
STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.8.2

# The race detector needs a C compiler; without one the tests still run.
CC_FOUND := $(shell command -v $${CC:-cc} 2>/dev/null || command -v gcc 2>/dev/null)
ifneq ($(CC_FOUND),)
RACE := -race
export CGO_ENABLED := 1
endif

.PHONY: test lint bench build tools

test: tools
	$(GO) vet ./...
	@$(if $(RACE),true,echo "make test: no C compiler found, so the race detector stays off")
	$(GO) test $(RACE) -timeout 20m ./...

# xmllint is the oracle of the differential tests. They skip, and say so, where
# it is neither installed nor installable.
tools:
	@command -v xmllint >/dev/null 2>&1 || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	    echo "make: installing libxml2-utils (xmllint)"; \
	    apt-get update -qq && apt-get install -y -qq libxml2-utils >/dev/null; \
	  else echo "make: xmllint not found; the tests that compare with it are skipped"; fi; } || true

lint:
	@files="$$(gofmt -l $$(git ls-files '*.go'))"; if [ -n "$$files" ]; then echo "gofmt: $$files"; exit 1; fi
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./internal/...
	$(GO) run ./internal/bench

build:
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/nems ./cmd/nems
