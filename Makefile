# All tasks of this repository, for people and for CI. A target asks no questions, needs a Debian 12 with a Rust toolchain,
# git, make, Node and Python, and can run again at any time.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/lychgate
# Outside of the checkout, so that a fresh clone reuses earlier builds.
export CARGO_TARGET_DIR ?= $(CACHE)/target
export PATH := $(PATH):$(HOME)/.cargo/bin
export CARGO_TERM_COLOR ?= auto

# The profile of the programs that `run` and `test` start: `make test PROFILE=release` tests what is deployed.
PROFILE ?= dev
BIN_DIR := $(CARGO_TARGET_DIR)/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))
VENV := $(CACHE)/venv
CLIENTS := tests/clients
NODE_MODULES := $(CLIENTS)/node_modules/.package-lock.json
CARGO := .ci/cargo
CARGO_DENY := 0.20.2
CARGO_DEB := 3.8.0
CARGO_CYCLONEDX := 0.5.9

# The profile of what `dist` makes, and where: another profile is only for trying the recipes.
DIST_PROFILE ?= release
DIST_BIN_DIR := $(CARGO_TARGET_DIR)/$(if $(filter dev,$(DIST_PROFILE)),debug,$(DIST_PROFILE))
DIST := target/dist

.PHONY: help run test torture upgrade pages lint fmt audit bench dist build packages packages-for-tests packages-for-bench packages-for-dist clients

help: ## List the targets (this)
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## Build everything and run it on this machine, state in ./data (more options: make run ARGS='--help')
	@$(BIN_DIR)/lychgate dev --data ./data $(ARGS)

test: clients lint build ## Everything CI checks: lint, unit tests, the engine suite, real processes with real clients
	@LYCHGATE_BIN_DIR=$(BIN_DIR) LYCHGATE_PYTHON=$(VENV)/bin/python .ci/tests.py $(CARGO) test

torture: clients build ## Kill processes, cut connections and fail databases over, a hundred and more times; takes an hour
	LYCHGATE_BIN_DIR=$(BIN_DIR) LYCHGATE_PYTHON=$(VENV)/bin/python $(CARGO) test --workspace --test upstream_tokens --test faults --test cluster -- --ignored --nocapture --test-threads 1

upgrade: clients ## Replace the processes of another version by those of this one under load, and back (make upgrade FROM=COMMIT)
	previous=$$(.ci/previous '$(FROM)') && $(CARGO) build --workspace --bins && \
	LYCHGATE_PREVIOUS_BIN_DIR=$$previous LYCHGATE_BIN_DIR=$(BIN_DIR) LYCHGATE_PYTHON=$(VENV)/bin/python $(CARGO) test --workspace --test upgrade -- --ignored --nocapture --test-threads 1

pages: build clients ## Write every page in every state and language to ./pages, as HTML and as PNG files to look at
	$(BIN_DIR)/lychgate templates preview pages
	node $(CLIENTS)/pages.mjs pages --screenshots pages/screenshots

lint: packages $(NODE_MODULES) $(VENV)/requirements.txt ## Format, clippy, rustdoc, protos, the arrows between crates and folders, documents, units, manifests
	cargo fmt --all --check
	cd .ci && python3 -B -m unittest --quiet *_test.py
	.ci/arrows.py
	.ci/conformance.py
	.ci/links.py
	.ci/language.py
	.ci/configuration.py --check
	.ci/metrics.py
	$(VENV)/bin/python -B -m unittest --quiet dist/deployment_test.py
	cd proto && ../$(CLIENTS)/node_modules/.bin/buf lint
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings -A rustdoc::private_intra_doc_links' $(CARGO) doc --workspace --no-deps --lib --document-private-items --quiet

fmt: ## Format the code
	cargo fmt --all

# Not part of `make test`: an advisory that is published today must not break yesterday's commit, and the database of
# advisories comes from the network.
audit: ## Check dependencies: licences, bans, sources, advisories (deny.toml)
	command -v cargo-deny >/dev/null || cargo install cargo-deny --locked --version $(CARGO_DENY)
	cargo deny check bans licenses sources
	@cargo deny fetch db || { echo 'audit: the database of advisories cannot be fetched, so advisories were not checked' >&2; exit 1; }
	cargo deny check advisories

# Prints numbers with their method and asserts nothing; run it on a quiet machine.
bench: packages-for-bench ## Measure one authorization: CPU, flows per second, latency, memory, disk, instructions
	$(CARGO) build --release --workspace --bins
	LYCHGATE_BIN_DIR=$(CARGO_TARGET_DIR)/release $(CARGO) bench --workspace --bench cost --bench rules --bench consent_check --bench commits --bench render

# Not part of `make test`: it needs root, and a release build takes ten minutes. Sign with LYCHGATE_SIGNING_KEY=FILE.
dist: packages-for-dist ## Make image, Debian packages, bills of materials, signed checksums in target/dist; proven by logins
	command -v cargo-deb >/dev/null || cargo install cargo-deb --locked --version $(CARGO_DEB)
	command -v cargo-cyclonedx >/dev/null || cargo install cargo-cyclonedx --locked --version $(CARGO_CYCLONEDX)
	dist/programs $(DIST_PROFILE)
	rm -rf $(DIST)
	dist/image/build $(DIST_BIN_DIR) $(DIST)
	dist/image/test $(DIST)/lychgate-image.tar $(DIST_BIN_DIR) $(CARGO) test --workspace
	dist/debian/build $(DIST_BIN_DIR) $(DIST)
	dist/debian/test $(DIST) $(CARGO) test --workspace
	dist/sbom $(DIST)
	cp dist/compose/compose.yaml $(DIST)/
	dist/sign_test
	dist/sign $(DIST)

# Always the whole workspace: another selection of packages would be another choice of features, and compile all of it again.
build: packages
	$(CARGO) build --profile $(PROFILE) --workspace --bins

packages:
	@.ci/packages build

packages-for-tests:
	@.ci/packages test

packages-for-bench:
	@.ci/packages bench

packages-for-dist:
	@.ci/packages dist

clients: $(VENV)/requirements.txt $(NODE_MODULES)

$(VENV)/requirements.txt: $(CLIENTS)/requirements.txt | packages-for-tests
	rm -rf $(VENV)
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --requirement $<
	cp $< $@

$(NODE_MODULES): $(CLIENTS)/package-lock.json | packages-for-tests
	cd $(CLIENTS) && npm ci --no-fund --no-audit
	touch $@
