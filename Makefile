# make run | test | check | bench | lock: everything happens in .venv, from one lock file with hashes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Tests start hundreds of processes; each would compile the program anew where the environment forbids to keep bytecode.
export PYTHONDONTWRITEBYTECODE =
export PYTHONPYCACHEPREFIX = $(CURDIR)/$(VENV)/bytecode

.PHONY: run setup test test-slow coverage mutate check lint types imports bench docs lock golden clean help

help:            ## this list
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

run: setup       ## set up and run the demonstration: a statement is published, quietly edited, watched and told
	$(BIN)/variorum demo

setup: $(STAMP)  ## the virtual environment, from the lock

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: Python 3.11 or newer is needed; try: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "error: python3 cannot make virtual environments; on Debian: apt-get install python3-venv" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $(STAMP)

test: setup      ## the test-suite without its slow part
	$(BIN)/python -m pytest -n auto

coverage: setup  ## branches of the pure core that its tests go through; fails below 95 %
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n auto tests/core tests/storage/test_chain.py tests/storage/test_marks.py
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

test-slow: setup ## the slow part: kill -9 rounds, soaks, whole corpora
	$(BIN)/python -m pytest -n auto -m 'slow or examples' --all-examples --timeout 1200

check: test lint types imports  ## tests, lint, types, import directions

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports --no-cache

mutate: setup    ## break the differ and the chain in small ways: does a test notice? MUTANTS="--sample 300 'storage.*'" for some
	nice -n 19 $(BIN)/python tests/mutation.py $(MUTANTS)

golden: setup    ## rewrite the golden renderings; read the git diff before committing
	$(BIN)/python -m pytest tests/core -k golden --golden-update

docs: setup      ## write the reference pages, the manual page and the completions from the program
	$(BIN)/python docs/reference.py

bench: setup     ## cost per check, throughput, bytes a version
	$(BIN)/python -m bench

lock:            ## resolve dependencies anew (needs uv)
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --all-extras pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) demo build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis mutants
