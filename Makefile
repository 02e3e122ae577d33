# `make demo` and `make test` start from nothing but Linux, Python 3.11 to 3.13, git and make.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-all lint bench install requirements clean

demo: install
	$(BIN)/headway demo --out demo

test: install
	$(BIN)/pytest -m "not slow"
	KERAS_BACKEND=jax $(BIN)/pytest -m "not slow" tests/test_layers.py tests/test_losses.py tests/test_model.py tests/test_trainer.py

test-all: install lint
	$(BIN)/pytest
	KERAS_BACKEND=jax $(BIN)/pytest tests/test_layers.py tests/test_losses.py tests/test_model.py tests/test_trainer.py

lint: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check

bench: install
	$(BIN)/python benchmarks/run.py

install: .venv/installed

.venv/installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
	  || { echo "found $$($(PYTHON) --version); expected Python 3.11, 3.12 or 3.13; run: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

# The exact versions everything was tested with, exported from pyproject.toml.
requirements: install
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev --no-emit-package headway-prediction \
	  --no-header --no-annotate pyproject.toml --output-file requirements.txt

clean:
	rm -rf .venv demo build dist src/*.egg-info
