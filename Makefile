# What a person types. Everything runs from .venv, which is made from requirements.lock alone.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export SANDWATCH_HOME ?= $(CURDIR)/var

.PHONY: setup demo test truth mutants bench faults lint airflow lock clean help

help: ## Say what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/.done ## Make the environment from the hashed lock

# Compiled at set-up: environments without .pyc files cost two seconds a start.
$(VENV)/.done: requirements.lock tests/duckdb2.lock pyproject.toml
	@echo "setting up the environment (about a minute) ..."
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
		|| { echo "sandwatch needs Python 3.11 to 3.13; this is $$($(PYTHON) --version). Set PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@# The next DuckDB beside ours: a test opens the editions with it.
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --upgrade --target $(VENV)/duckdb2 \
		--require-hashes -r tests/duckdb2.lock
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m compileall -q -j 0 $(VENV)/lib $(VENV)/duckdb2 >/dev/null 2>&1 || true
	@touch $@

demo: setup ## Simulate a city, run everything on it and say where the results are
	@$(BIN)/sandwatch demo

test: setup ## Run the tests
	@$(BIN)/python -m pytest -n auto --dist loadfile

truth: setup ## Compare what is found in a simulated city with what is true there (TRUTH="--scale 1" for more, "--only prices" for the warnings)
	@$(BIN)/python -m tests.truth $(TRUTH)

mutants: setup ## Change every figure and condition of the rules and say what no worked example notices (RULES="capacity_floor ...")
	@$(BIN)/python -m tests.mutants $(RULES)

bench: setup ## Measure the chain against plain DuckDB and pandas (10 M tickets, half an hour, 30 GB of disk)
	@$(BIN)/python -m tests.bench

lint: setup ## Style, types, import contracts, SQL
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/sqlfluff lint --processes 2 sql expectations

faults: setup ## Kill, read and feed rubbish for as long as it takes (about an hour); says the seed
	@$(BIN)/python -m tests.faults

airflow: setup ## Scheduler, web page and DAGs on the demo's inbox; Ctrl-C stops it
	@$(BIN)/python -m pipelines.scheduler.stack

lock: ## Resolve requirements.lock and tests/duckdb2.lock anew (needs uv)
	uv pip compile pyproject.toml --group dev --universal --generate-hashes --no-header --no-annotate \
		--python-version 3.11 --output-file requirements.lock
	echo 'duckdb==2.0.0' | uv pip compile - --no-config --universal --generate-hashes --no-header --no-annotate \
		--python-version 3.11 --output-file tests/duckdb2.lock

clean: ## Remove the environment and the demo's output
	@chmod -R u+w var 2>/dev/null || true
	rm -rf $(VENV) var .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
