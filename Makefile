# `make` alone tells what there is.
.DEFAULT_GOAL := help
.PHONY: help test-fast test-keycloak test-console setup rules rules-all run token test lint audit sbom fuzz schemathesis demo demo-faults sale bench bench-holds bench-import bench-visible bench-lookups bench-whole bench-memory bench-rules drills hard-minute drill-overload drill-attacks drill-hostile drills-outage test-deploy

TOKENS := target/dev-tokens.json

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Run one origin and one edge in a process, with demo data; no server needed
	@tests/setup.sh build
	@mkdir -p target
	@cargo build --workspace --bin onhand # with the workspace's features, so that the tests share its dependencies
	@exec ./target/debug/onhand dev --print-tokens $(TOKENS)

token: ## Print a storefront token of the running `make run`
	@sed -n 's/.*"storefront":"\([^"]*\)".*/\1/p' $(TOKENS)

test: setup lint rules ## Install what is missing, then lint and test everything on real servers
	cargo build --workspace --bins --tests
	cargo test --workspace --no-fail-fast

test-fast: ## After a change of one crate: formatting, unit tests, and those of edge, kit and rules that start no server
	cargo fmt --all --check
	cargo test --workspace --lib --bins
	cargo test --workspace --test node --test tls --test golden --test join

setup: ## Install the servers and tools that the build and the tests need
	@tests/setup.sh

rules: setup ## Build the example rules into target/plugins
	@plugins/build.sh

rules-all: setup ## Build and test rules in Rust, C, JavaScript and Python: examples and new projects (npm, PyPI)
	cargo build --release --workspace --bins
	@plugins/all.sh

test-keycloak: setup ## A real Keycloak's tokens while its keys change (fetches 150 MB)
	tests/keycloak.sh

test-console: ## The console in a real browser, against `make run`'s process: signing in, live stock, no script, axe on every page (npm)
	@tests/setup.sh console
	cargo build --workspace --bin onhand
	cd tests/console && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund && npm test

lint: ## Formatting and clippy, without warnings
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

schemathesis: ## Fuzz the origin's API against its OpenAPI document; SCHEMATHESIS_SEED repeats a run
	@tests/setup.sh build
	cargo build --workspace --bins
	@tests/schemathesis.sh

fuzz: rules ## Fuzz the loader of rules and the checks of their answers, each for FUZZ_SECONDS (300)
	@cargo +nightly fuzz --version >/dev/null 2>&1 || { echo "make fuzz needs a nightly toolchain and cargo-fuzz: rustup toolchain install nightly; cargo install --locked cargo-fuzz"; exit 1; }
	@plugins/fuzz/run.sh $(or $(FUZZ_SECONDS),300)

audit: ## Licences, sources and bans of every dependency, and known vulnerabilities where their database can be reached
	@cargo deny --version >/dev/null 2>&1 || { echo "make audit needs cargo-deny: cargo install --locked cargo-deny"; exit 1; }
	cargo deny check bans licenses sources
	@tests/advisories.sh

sbom: ## What the release is made of (CycloneDX, one file for each crate and binary), into target/sbom
	@cargo cyclonedx --version >/dev/null 2>&1 || { echo "make sbom needs cargo-cyclonedx: cargo install --locked cargo-cyclonedx"; exit 1; }
	@tests/sbom.sh

demo: setup ## Play a real order stream through 2 edges and 2 origins on real servers
	cargo build --profile demo --workspace --bins
	./target/demo/demo

demo-faults: setup ## The same with an origin killed by -9 and Kafka stopped for ten seconds
	cargo build --profile demo --workspace --bins
	./target/demo/demo --faults

sale: setup ## 100,000 orders for 1,000 units and 50 other SKUs through the lanes of 2 edges and 2 origins
	cargo build --profile demo --workspace --bins
	./target/demo/sale

bench-import: setup ## 500,000 rows into a real origin over PostgreSQL and Kafka
	cargo build --release --workspace --bins
	./target/release/bench_import

bench: rules ## Benchmarks of the functions: deciding, the feed's records, a rule's call
	cargo bench --workspace --bench functions
	cargo bench --workspace --bench call

bench-holds: setup ## Holds over HTTP beside a hand-written PostgreSQL transaction, in one go
	cargo bench --workspace --bench holds

bench-visible: setup ## From acknowledged to visible at an edge, beside raw Kafka under the same load
	cargo bench --workspace --bench visible

bench-lookups: setup ## Lookups beside nginx, Varnish, bare hyper with moka, and Redis, each on one core
	@tests/setup.sh bench
	cargo build --release --workspace --bin bare
	cargo bench --workspace --bench lookups
	cargo bench --workspace --bench lookups -- --tls

bench-whole: setup ## Lookups and holds together on the whole machine, as SKUs and locations grow
	cargo bench --workspace --bench whole

bench-memory: setup ## Memory of a fact in an edge that holds a million SKUs at three locations
	cargo bench --workspace --bench memory

bench-rules: setup rules ## Holds with an allocation rule and lookups with a view, beside those without
	cargo bench --workspace --bench rules

drills: setup ## Every fault of the table, half a minute each, under load, with the checker; prints a table
	cargo build --workspace --bins
	ONHAND_DRILL_SECONDS=30 cargo test --workspace --test it faults::drills -- --nocapture

hard-minute: setup ## A minute of PostgreSQL restarts and killed origins under load, in full
	cargo build --workspace --bins
	ONHAND_HARD_SECONDS=60 cargo test --workspace --test it hard_minute -- --nocapture

test-deploy: ## Every overlay on a real Kubernetes API server; roll-outs that fail are undone (first: 15 min of building it)
	@deploy/test/deploy.sh

drills-outage: setup ## What the outage of 2020 taught: failing starts, stray newlines, silenced alerts, a backlog
	cargo build --workspace --bins
	cargo test --workspace --test it operating::outage -- --nocapture
	cargo test --workspace --test it operating::alerting -- --nocapture

drill-overload: setup ## Twice the load that an edge on a quarter of a core can carry; needs root for the cgroup
	cargo build --release --workspace --bins
	./target/release/overload

drill-attacks: setup ## What one hostile caller costs an honest shop: its medians in calm and under each attack
	cargo build --profile demo --workspace --bin onhand --bin attacks
	./target/demo/attacks

drill-hostile: setup rules ## What rules that misbehave cost their callers and their neighbours
	cargo build --profile demo --workspace --bins
	./target/demo/hostile
