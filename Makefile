# What a person types. `make` alone lists it. PORT=9000 make run changes the port.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help run test sure format lint types imports security catalogue soak bench debian clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

run: .venv/installed ## migrate, load the demo canteen into an empty database, serve
	@exec $(BIN)/python run.py

test: .venv/installed-dev debian ## the tests
	@$(BIN)/pytest -n 2

# The tests come last: their summary is the last line.
sure: lint types imports security test ## every gate

lint: .venv/installed-dev
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/python -m scripts.catalogue --check

types: .venv/installed-dev
	@$(BIN)/mypy

imports: .venv/installed-dev
	@$(BIN)/lint-imports --no-logo

security: .venv/installed-dev
	@$(BIN)/bandit --quiet --recursive --configfile pyproject.toml app config.py run.py

format: .venv/installed-dev ## write the format, mend what ruff can
	@$(BIN)/ruff check --fix-only --quiet
	@$(BIN)/ruff format

catalogue: .venv/installed-dev ## extract, update and compile the French texts
	@$(BIN)/python -m scripts.catalogue

soak: .venv/installed-dev ## the invariants at the depth of docs/INVARIANTS.md
	@SOAK=1 $(BIN)/pytest -n 2 -m soak

bench: .venv/installed-dev ## the figures
	@$(BIN)/python -m tests.bench

clean: ## forget the environment and the caches; instance/ stays
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

debian:
	@sh scripts/debian.sh

.venv/bin/pip:
	@PYTHON=$(PYTHON) sh scripts/venv.sh

.venv/installed: requirements.txt | .venv/bin/pip
	@$(PIP) install --requirement requirements.txt
	@touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	@$(PIP) install --requirement requirements-dev.txt
	@touch $@
