# Two commands do everything: `make demo` and `make test`. Both set up .venv first; neither needs anything but
# Python >= 3.11, git, make and a C compiler.
SHELL := /bin/bash
PYTHON ?= python3
PORT ?= 8000
DATA ?= demo-data
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# `make check REQUIRE_COMPILER=--require` fails, instead of saying SKIPPED, where `make node` was not run.
REQUIRE_COMPILER ?=
# Parallel test workers; 0 runs in one process.
WORKERS ?= 2

.PHONY: demo test test-fast check fix bench artifacts snapshots node clean venv

demo: $(STAMP)
	@$(BIN)/originseal demo --data "$(DATA)" --port "$(PORT)"

test: $(STAMP)
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal

test-fast: $(STAMP)
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal -m "not slow and not browser"

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m scripts.openapi --check
	$(BIN)/python -m scripts.compile_contracts --check $(REQUIRE_COMPILER)

fix: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)
	$(BIN)/python -m benchmarks

# The Solidity compiler, anvil and the independent clients used by some tests; everything else works without them.
node: node_modules/.installed
node_modules/.installed: package.json package-lock.json
	npm ci --no-audit --no-fund --ignore-scripts
	@touch $@

artifacts: $(STAMP) node
	$(BIN)/python -m scripts.compile_contracts

venv: $(STAMP)
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=…"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the pinned packages into $(VENV) …"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q contracts ledger api scripts
	@touch $@

clean:
	rm -rf $(VENV) node_modules demo-data .pytest_cache .mypy_cache .ruff_cache .hypothesis
