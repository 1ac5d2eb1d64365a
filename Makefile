# Everything that is done to this repository, by people and by CI. Each target asks no questions, needs a Debian 12 with a
# Rust toolchain, git, make, Node and Python, and works the second time as it did the first.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/lychgate
# Outside of the checkout, so that a fresh clone finds what was built before.
export CARGO_TARGET_DIR ?= $(CACHE)/target
export PATH := $(PATH):$(HOME)/.cargo/bin
export CARGO_TERM_COLOR ?= auto

BIN_DIR := $(CARGO_TARGET_DIR)/debug
VENV := $(CACHE)/venv
CLIENTS := tests/clients
CARGO := .ci/cargo

.PHONY: help run test lint fmt bench build packages packages-for-tests packages-for-bench clients

help: ## Say what there is (this)
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## Build everything and run it on this machine, state in ./data (more options: make run ARGS='--help')
	@$(BIN_DIR)/lychgate dev --data ./data $(ARGS)

test: clients lint build ## Everything CI checks: lint, unit tests, the engine suite, real processes with real clients
	@LYCHGATE_BIN_DIR=$(BIN_DIR) LYCHGATE_PYTHON=$(VENV)/bin/python .ci/tests.py $(CARGO) test

lint: packages ## Format, clippy, the arrows between crates, the tests that conformance.md names
	cargo fmt --all --check
	.ci/arrows.py
	.ci/conformance.py
	$(CARGO) clippy --workspace --all-targets -- -D warnings

fmt: ## Format the code
	cargo fmt --all

# For quiet numbers on a quiet machine: nothing is asserted, everything is printed with how it was measured.
bench: packages-for-bench ## Say what one authorization costs: CPU, flows per second, latency, memory, disk, instructions
	$(CARGO) build --release --workspace --bins
	LYCHGATE_BIN_DIR=$(CARGO_TARGET_DIR)/release $(CARGO) bench --workspace --bench cost --bench rules --bench consent_check

# Always the whole workspace: another selection of packages would be another choice of features, and compile all of it again.
build: packages
	$(CARGO) build --workspace --bins

packages:
	@.ci/packages build

packages-for-tests:
	@.ci/packages test

packages-for-bench:
	@.ci/packages bench

clients: $(VENV)/requirements.txt $(CLIENTS)/node_modules/.package-lock.json

$(VENV)/requirements.txt: $(CLIENTS)/requirements.txt | packages-for-tests
	rm -rf $(VENV)
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --requirement $<
	cp $< $@

$(CLIENTS)/node_modules/.package-lock.json: $(CLIENTS)/package-lock.json | packages-for-tests
	cd $(CLIENTS) && npm ci --no-fund --no-audit
	touch $@
