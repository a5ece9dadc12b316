PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-fast torture check env env-test

demo: env            ## simulate a small centre, ingest it, answer a first question
	$(BIN)/iolake demo

# The tests start hundreds of processes; where Python may not keep its compiled files, each compiles all again.
test: check          ## the whole test suite, with lint and types
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest

test-fast: env-test  ## the tests that start no server, under two minutes
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -m fast

torture: env-test    ## kills, races, damage, full disks, faulty stores and bombs for MINUTES=3
	$(BIN)/python -m tests.torture.run --minutes $(or $(MINUTES),3)

check: env-test      ## ruff, format, mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

env: .venv/.ready
env-test: .venv/.ready-test

# A Python that is too old is refused before it makes a .venv; one that an older make left behind is replaced.
# uv installs several times faster than pip.
.venv/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "iolake needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; try make PYTHON=python3.11")'
	@! test -e $(BIN)/python || $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || rm -rf .venv
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python -e .
	touch $@

.venv/.ready-test: .venv/.ready
	$(BIN)/uv pip install --quiet --python $(BIN)/python -e ".[test]"
	touch $@
