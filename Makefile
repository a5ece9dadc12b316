PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check env

demo: env            ## simulate a small centre, ingest it, answer a first question
	$(BIN)/iolake demo

test: env-test       ## the whole test suite, with lint and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest

env: .venv/.ready
env-test: .venv/.ready-test
.PHONY: env-test

# uv installs several times faster than pip.
.venv/.ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python -e .
	touch $@

.venv/.ready-test: .venv/.ready
	$(BIN)/uv pip install --quiet --python $(BIN)/python -e ".[test]"
	touch $@
