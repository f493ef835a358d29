.DEFAULT_GOAL := help

.PHONY: help build test check lint bench shots proofs torture nodes failover patroni

help: ## Show these targets
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Build the fanfare binary into this folder
	go build -trimpath -o fanfare ./cmd/fanfare

test: ## Set up and run all tests, as CI does
	./test.sh

check: lint ## Everything a change must pass: lint, vet, tests with the race detector
	go vet ./...
	go test -race ./...

lint: ## Check format and the rules of .golangci.yml
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	go tool -modfile=tools/go.mod golangci-lint run ./...

bench: build ## Measure against a bare POST loop on this machine (about five minutes)
	./fanfare bench --out bench-$$(date +%Y%m%d-%H%M%S).json

shots: ## Take pictures of the pages, into shots/: they need Chromium and sqlite3
	cd compat && go test ./pages -run TestShots -shots ../../shots -count 1

proofs: ## Run every proof of ./torture in its short form (two minutes)
	go test ./torture -proofs -kills 20 -v

torture: ## Kill the server with -9 a thousand times under load and audit what arrived
	go test ./torture -run TestKill -kills 1000 -timeout 3h -v

nodes: ## Kill, freeze, cut off and restart nodes on one PostgreSQL, ROUNDS times each
	go test ./torture -run 'TestNodes$$' -rounds $(or $(ROUNDS),20) -timeout 3h -v

failover: ## Lose PostgreSQL's primary, ROUNDS times, and have its standby take its place
	go test ./torture -run 'TestFailover$$' -failovers $(or $(ROUNDS),20) -timeout 1h -v

patroni: ## The same with Patroni and etcd, where Debian's packages of them are installed
	go test ./torture -run 'TestPatroni$$' -patroni $(or $(ROUNDS),8) -timeout 1h -v
