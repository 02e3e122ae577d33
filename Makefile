# `make demo` and `make test` start from nothing but Linux, Python 3.11 to 3.13, git and make.
PYTHON ?= python3
BIN := .venv/bin
ON_JAX := $(addprefix tests/,nn test_model.py test_probabilistic_model.py test_dataset_lines.py test_trainer.py training/test_train.py training/test_onnx_export.py)

# Tests run in this many processes; a network under test takes about 2 GB in each.
JOBS ?= 2
PYTEST := $(BIN)/pytest --numprocesses $(JOBS) --dist worksteal
# CI measures which lines and branches the tests run, and refuses less than MIN_COVERAGE percent.
MIN_COVERAGE := 97
COVER := $(if $(CI),--cov --cov-append --cov-report=)

.PHONY: demo live test test-all lint bench bench-long requirements clean

demo: .venv/installed
	$(BIN)/headway demo --out demo

live: .venv/installed
	$(BIN)/headway serve --simulate

test: .venv/installed-dev
	$(PYTEST) $(COVER) -m "not slow"
	KERAS_BACKEND=jax $(PYTEST) -m "not slow" $(ON_JAX)
	$(if $(CI),$(BIN)/coverage report --fail-under=$(MIN_COVERAGE))

test-all: lint
	$(PYTEST)
	KERAS_BACKEND=jax $(PYTEST) $(ON_JAX)

lint: .venv/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/installed-dev
	$(BIN)/python benchmarks/run.py

# More than an hour: a service is watched for one.
bench-long: .venv/installed-dev
	$(BIN)/python benchmarks/run.py --long

.venv/installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
	  || { echo "found $$($(PYTHON) --version); expected Python 3.11, 3.12 or 3.13; run: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# The exact versions everything was tested with, exported from pyproject.toml; those of `make demo`, which trains, are among those to develop.
PIN := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate pyproject.toml
requirements: .venv/installed-dev
	$(PIN) --extra dev --no-emit-package headway-prediction --output-file requirements-dev.txt
	$(PIN) --extra train --constraint requirements-dev.txt --no-emit-package headway-prediction --output-file requirements.txt

clean:
	rm -rf .venv demo build dist src/*.egg-info
