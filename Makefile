# One short target a verb; `make` alone lists them. Needs Go and Node.js with npm; everything else they fetch
# themselves; Chromium (for the browser tests) and Java (for DynamoDB Local) with apt-get if they are missing.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
COMMIT   ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
LISTEN   ?= $(PARLEY_LISTEN)# empty: the program's own
DATA     ?= $(PARLEY_DATA)
FUZZTIME ?= 20s
PKG      ?= ./...
SOAK     ?= 1h# how long make soak strikes each house
SEED     ?=# of a run to repeat; empty: a new one
RESULTS  ?= bin/results# where the tests leave what they counted

tool      := go tool -modfile=internal/tools/go.mod
gotestsum := $(tool) gotestsum --format pkgname-and-test-fails --format-hide-empty-pkg
web_src   := $(shell find web -path web/node_modules -prune -o -path web/dist -prune -o -type f -not -name '*.go' -not -path 'web/test-results/*' -print 2>/dev/null)

.PHONY: help run dev-aws build lambda web test check race fuzz soak bench e2e terraform audit test-go test-web lint lint-go lint-web lint-yaml chromium java clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## build Parley and serve it on LISTEN (127.0.0.1:8080) with the data in DATA (./data)
	@bin/parley serve $(if $(LISTEN),--listen $(LISTEN)) $(if $(DATA),--data $(DATA))

dev-aws: bin/devaws java ## serve the AWS house on LISTEN: the true functions, AWS emulated; nothing is kept
	bin/devaws $(if $(LISTEN),--listen $(LISTEN))

test: test-go test-web e2e ## all tests: Go, web, browser

check: lint test-go test-web ## what must be green before a commit: format, vet, lint, types, unit tests

race: java | $(RESULTS) ## the Go tests of PKG (./...) under the race detector
	$(gotestsum) --jsonfile $(RESULTS)/race.json -- -race -timeout 20m $(PKG)

fuzz: ## each fuzz target for FUZZTIME (20s)
	@grep -rn --include='*_test.go' --exclude-dir=node_modules -oE '^func Fuzz[A-Za-z0-9_]+' . | sort | while IFS=: read -r file _ func; do \
		echo "$$(dirname $$file) $${func#func }"; \
		go test -run '^$$' -fuzz "^$${func#func }\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "$$(dirname $$file)"; \
	done

soak: java ## the promises under injected faults for SOAK (1h) in each house, and a storm of 5,000 clients; SEED repeats a run
	SOAK=$(SOAK) SEED=$(SEED) go test ./checker -run 'TestSoak|TestReconnectStorm' -count 1 -timeout 0 -v

bench: build java ## the Go benchmarks of PKG (./...), then a short load of a fresh server beside the floor
	go test -run '^$$' -bench . -benchmem $(PKG)
	bin/parley bench --seconds 5 --warm 2 --connections 2000 --messages 50000

e2e: build bin/devaws chromium java | $(RESULTS) ## browser tests: two people, phone and desktop, network loss, kill -9, the AWS house
	cd web && PLAYWRIGHT_JSON_OUTPUT_FILE=$(abspath $(RESULTS))/playwright.json PARLEY_BIN=$(abspath bin/parley) npm run --silent e2e

audit: ## known weaknesses of what we use: govulncheck, npm audit; asks their databases
	$(tool) govulncheck ./...
	cd web && npm audit --omit=dev --audit-level=high

terraform: | $(RESULTS) ## check deploy/terraform with OpenTofu: format, validity, tests
	deploy/terraform/check.sh $(abspath $(RESULTS))/terraform.txt

build: web/dist/index.html ## bin/parley with the web app inside
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION) -X main.revision=$(COMMIT)' -o bin/parley ./cmd/parley

lambda: ## dist/lambda: the functions for AWS, as one program (bootstrap) and its zip
	CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build -trimpath -buildvcs=false -tags lambda.norpc -ldflags '-s -w -buildid= -X main.version=$(VERSION)' -o dist/lambda/bootstrap ./cmd/lambda
	go run ./cmd/lambda/zip dist/lambda/bootstrap dist/lambda/parley-lambda.zip
	@ls -l dist/lambda | awk 'NR > 1 { print $$9, $$5, "bytes" }'

web: web/dist/index.html ## the web app into web/dist

clean: ## remove everything that was built (never data)
	rm -rf bin dist web/dist web/node_modules web/test-results

# --- parts of the targets above

.PHONY: bin/devaws
bin/devaws: web/dist/index.html
	CGO_ENABLED=0 go build -tags lambda.norpc -o bin/functions ./cmd/lambda
	CGO_ENABLED=0 go build -o bin/devaws ./cmd/devaws

test-go: web/dist/index.html java | $(RESULTS)
	$(gotestsum) --jsonfile $(RESULTS)/go.json -- -timeout 10m $(PKG)

test-web: web/node_modules/.package-lock.json | $(RESULTS)
	cd web && npm run --silent test -- --reporter=default --reporter=json --outputFile.json=$(abspath $(RESULTS))/vitest.json

lint: lint-go lint-web lint-yaml

lint-go:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$unformatted" ] || { echo "gofmt -w $$unformatted" >&2; exit 1; }
	go vet ./...
	$(tool) golangci-lint run --allow-serial-runners ./...

lint-web: web/node_modules/.package-lock.json
	cd web && npm run --silent lint && npm run --silent types

lint-yaml: # actionlint cannot share a module with golangci-lint: they want different versions of one library
	go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 -shellcheck= -pyflakes=
	$(tool) yamlfmt -lint -quiet -formatter retain_line_breaks_single=true .github compose.yaml .golangci.yml

web/node_modules/.package-lock.json: web/package-lock.json
	cd web && npm ci --no-audit --no-fund --loglevel=error && touch node_modules/.package-lock.json

web/dist/index.html: web/node_modules/.package-lock.json $(web_src)
	cd web && npm run --silent build && npm run --silent budget && touch dist/index.html

chromium:
	@command -v chromium >/dev/null || { sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$sudo apt-get update -q && $$sudo apt-get install -y -q --no-install-recommends chromium fonts-noto-color-emoji; }

java:
	@command -v java >/dev/null || { sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$sudo apt-get update -q && $$sudo apt-get install -y -q --no-install-recommends default-jre-headless; }

$(RESULTS):
	@mkdir -p $@
