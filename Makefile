# GLEAM: every target sets itself up; nothing outside this folder and the user's cache is touched.
SHELL := /bin/sh
.DEFAULT_GOAL := help
PYTHON ?= python3
SYSTEM_UV := $(shell command -v uv 2>/dev/null)
UV := $(if $(SYSTEM_UV),$(SYSTEM_UV),$(CURDIR)/.tools/bin/uv)
BIN := .venv/bin
STAMP := .venv/.synced

CONFIG ?= synthcity
OUT ?= runs/c-$(notdir $(basename $(CONFIG)))
DATA ?=
XCONFIG ?= synthcity
XOUT ?= runs/x-$(notdir $(basename $(XCONFIG)))
MATCHER ?= runs/c-synthcity/model
PORT ?= 7860
POUT ?= runs/pipeline-$(notdir $(basename $(XCONFIG)))

export UV_PYTHON_DOWNLOADS := never
export UV_PYTHON := $(PYTHON)

.PHONY: help setup train-c train-x test soak small-soak lint format check test-install wheels clean bench docs demo

help: ## This list
	@echo "GLEAM: match and explain pictures of one place from different views"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv/ with gleam-data, gleam-c and gleam-x, from uv.lock

$(CURDIR)/.tools/bin/uv:
	@echo "fetching uv into .tools/"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is older than 3.11; set PYTHON=python3.11 or newer"; exit 2; }
	@if $(PYTHON) -m pip --version >/dev/null 2>&1; then \
	  $(PYTHON) -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target .tools 'uv>=0.9'; \
	else $(PYTHON) -m venv .tools && .tools/bin/pip install --quiet 'uv>=0.9'; fi

$(STAMP): uv.lock pyproject.toml $(wildcard packages/*/pyproject.toml) | $(UV)
	@echo "syncing .venv/ with uv.lock"
	@$(UV) sync --frozen --compile-bytecode  # half a minute once; every command then starts in half the time
	@touch $@

train-c: $(STAMP) ## Train GLEAM-C: both phases, evaluation, report (CONFIG=, DATA=, OUT=)
	@$(BIN)/gleam-c train --config $(CONFIG) --out $(OUT) $(if $(DATA),--catalog $(DATA) --world null)

train-x: $(STAMP) ## Train GLEAM-X: benchmark, base (both kept), LoRA, calibration, evaluation, the pipeline (XCONFIG=, XOUT=, MATCHER=, POUT=)
	@test -f $(MATCHER)/model.safetensors || $(MAKE) --no-print-directory train-c CONFIG=synthcity OUT=$(patsubst %/model,%,$(MATCHER))
	@$(BIN)/gleam-x benchmark build --negatives-from $(MATCHER) --out data/benchmark
	@$(BIN)/gleam-x base
	@$(BIN)/gleam-x train --config $(XCONFIG) --out $(XOUT)
	@$(BIN)/gleam-x evaluate $(XOUT) --matcher $(MATCHER)
	@$(BIN)/gleam-x evaluate-pipeline $(XOUT) --matcher $(MATCHER) --out $(POUT) --overwrite

demo: $(STAMP) ## The page on 127.0.0.1: drop a photo, see where it was taken and why (PORT=); trains what is missing
	@test -f $(XOUT)/pipeline.json || $(MAKE) --no-print-directory train-x
	@$(BIN)/gleam-x demo $(XOUT) --matcher $(MATCHER) --port $(PORT)

test: $(STAMP) ## The fast tests
	@OMP_NUM_THREADS=1 $(BIN)/pytest -q -n auto --dist loadfile

soak: $(STAMP) ## Long studies of kills and the like; stopped, they go on (SMALL=1: two runs each)
	@for study in tests/soak/*.py; do echo "$$study"; $(BIN)/python $$study || exit 1; done

small-soak: $(STAMP)
	@SMALL=1 $(MAKE) --no-print-directory soak

bench: $(STAMP) ## Every benchmark beside the machine's ceilings: table, benchmarks/report.html (SMALL=1: minutes, to runs/)
	@$(BIN)/python benchmarks/bench.py $(if $(SMALL),--small --out runs/bench/results)

docs: $(STAMP) ## Build the documentation into site/ (strict, no other host is asked)
	@$(UV) sync --frozen --quiet --group docs --inexact
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "documentation: site/index.html"

lint: $(STAMP) ## ruff, mypy --strict, and whether uv.lock is up to date
	@$(BIN)/ruff check --no-cache .
	@$(BIN)/ruff format --no-cache --check .
	@$(BIN)/mypy
	@$(UV) lock --check

format: $(STAMP) ## Let ruff write the layout
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

check: lint test small-soak test-install ## What CI runs

test-install: ## Install the packages and their wheels with plain pip in fresh environments
	@$(PYTHON) tests/install/plain_pip.py

wheels: $(STAMP) ## Build the wheels of the three packages into dist/
	@rm -rf dist
	@$(UV) build --all-packages --no-sources --wheel --out-dir dist

clean: ## Remove .venv/, .tools/, dist/, site/ and caches; data/ and runs/ stay
	@rm -rf .venv .tools dist site .pytest_cache .mypy_cache .ruff_cache
