# The project's commands. Everything they need beyond Python and make goes into .venv, pinned.
#
# Written for GNU make 3.81, which is what macOS has.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test lint unit integration bench format lock clean

VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2

# --- Python -----------------------------------------------------------------------------------

# The first that is new enough and can make a virtual environment;
# `make test PYTHON=/opt/python3.12/bin/python3` uses another.
CHECK := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
ifeq ($(origin PYTHON),undefined)
PYTHON := $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c '$(CHECK)' >/dev/null 2>&1 && { echo $$python; break; }; done)
endif

define need_python
@"$(PYTHON)" -c '$(CHECK)' 2>/dev/null || { \
	echo "redmapper needs Python 3.11 or newer, with its venv module."; \
	if test -n "$(PYTHON)"; then echo "PYTHON=$(PYTHON) is not that: $$("$(PYTHON)" --version 2>&1)"; \
	else echo "None was found; python3 here is: $$(python3 --version 2>&1 || true)"; fi; \
	echo "Install one (Debian and Ubuntu: python3 and python3-venv), or name one:"; \
	echo "    make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; \
	exit 1; }
endef

# --- the virtual environment ------------------------------------------------------------------

# A stamp file says that what the lock files list is installed; make compares their dates.
DEMO := $(VENV)/installed-for-demo
DEV := $(VENV)/installed-for-tests
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet install
SITE_PACKAGES = $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

$(BIN)/python:
	$(need_python)
	@echo "==> Making a virtual environment in $(VENV) with $$("$(PYTHON)" --version)"
	@"$(PYTHON)" -m venv --clear $(VENV)

# $(1) is a lock file. The server's wheel is marked for Python 3.13 but fits all: see pyproject.toml.
define install
@$(PIP) --require-hashes --requirement $(1)
@$(PIP) --require-hashes --requirement requirements/server.txt --upgrade \
	--only-binary :all: --python-version 3.13 --target "$(SITE_PACKAGES)"
@$(PIP) --no-deps --no-build-isolation --editable .
endef

$(DEMO): requirements/demo.txt requirements/server.txt pyproject.toml | $(BIN)/python
	@echo "==> Installing what the demo needs into $(VENV): some 30 MB to download, once"
	$(call install,requirements/demo.txt)
	@touch $@

$(DEV): requirements/dev.txt requirements/server.txt pyproject.toml | $(BIN)/python
	@echo "==> Installing what the tests need into $(VENV): some 180 MB to download, once"
	$(call install,requirements/dev.txt)
	@touch $@ $(DEMO)

# What the benchmarks compare redmapper with: each in an environment of its own.
BENCH := $(VENV)/installed-for-benchmarks
PEERS := .venv-bench
PEER_STAMPS := $(PEERS)/rom/installed $(PEERS)/redis-om/installed $(PEERS)/walrus/installed

$(BENCH): requirements/bench.txt $(DEV)
	@echo "==> Installing what the benchmarks need into $(VENV): some 40 MB to download, once"
	@$(PIP) --require-hashes --requirement $<
	@touch $@

$(PEER_STAMPS): $(PEERS)/%/installed: requirements/bench-%.txt | $(BIN)/python
	@echo "==> Making a virtual environment for $* in $(@D)"
	@$(BIN)/python -m venv --clear $(@D)
	@$(@D)/bin/python -m pip --disable-pip-version-check --no-input --quiet install \
		--require-hashes --requirement $<
	@touch $@

# --- commands ---------------------------------------------------------------------------------

help:
	@echo "make demo         28,298 airports on a real Redis, which it starts and ends by itself"
	@echo "make test         everything below, as CI runs it"
	@echo "make lint         style, types, and who may import whom"
	@echo "make unit         tests that open no socket"
	@echo "make integration  tests on every Redis and Valkey found here"
	@echo "make bench        redmapper beside hand-written code and its peers: 10 minutes"
	@echo "make format       lay out the code, and mend what can be mended by a tool"
	@echo "make lock         write requirements/*.txt anew from pyproject.toml"
	@echo "make clean        remove .venv and all that tools left behind"

demo: $(DEMO)
	@$(BIN)/python docs/examples/airports.py

test: lint unit integration
	@echo "==> All is well: lint, unit tests and integration tests passed"

lint: $(DEV)
	@echo "==> Style: ruff"
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@echo "==> Types: mypy"
	@$(BIN)/mypy
	@echo "==> Types: basedpyright"
	@$(BIN)/basedpyright
	@echo "==> Floors: import-linter"
	@$(BIN)/lint-imports

unit: $(DEV)
	@echo "==> Unit tests: in memory, without a socket"
	@$(BIN)/pytest tests/unit

integration: $(DEV)
	@echo "==> Integration tests: on each server found, $(WORKERS) at a time"
	@$(BIN)/pytest tests/integration -n $(WORKERS)

# `make bench BENCH_OPTIONS="--workloads W1,W3"` prints a part; see benchmarks/run.py --help.
bench: $(BENCH) $(PEER_STAMPS)
	@echo "==> Benchmarks: without options they write docs/reference/benchmarks.md"
	@$(BIN)/python benchmarks/run.py $(BENCH_OPTIONS)

format: $(DEV)
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

# uv alone writes one lock file for every platform and Python; it is needed for nothing else, so it
# gets an environment of its own. What is locked stays as it is unless UPGRADE=--upgrade is given.
LOCK := $(VENV)-lock
COMPILE := $(LOCK)/bin/uv --quiet pip compile --universal --python-version 3.11 \
	--generate-hashes --no-annotate --custom-compile-command "make lock" $(UPGRADE)

lock:
	$(need_python)
	@echo "==> Writing requirements/*.txt"
	@"$(PYTHON)" -m venv --clear $(LOCK)
	@$(LOCK)/bin/python -m pip --disable-pip-version-check --quiet install uv==0.13.9
	@$(COMPILE) pyproject.toml --group dev --output-file requirements/dev.txt
	@$(COMPILE) pyproject.toml --group demo --constraint requirements/dev.txt \
		--output-file requirements/demo.txt
	@$(COMPILE) --group server --output-file requirements/server.txt
	@$(COMPILE) pyproject.toml --group bench --constraint requirements/dev.txt \
		--output-file requirements/bench.txt
	@for peer in rom redis-om walrus; do \
		$(COMPILE) --group bench-$$peer --output-file requirements/bench-$$peer.txt || exit 1; \
	done
	@rm -rf $(LOCK)

clean:
	rm -rf $(VENV) $(LOCK) $(PEERS) dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find src tests docs benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
