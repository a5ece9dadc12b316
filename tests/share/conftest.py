"""A DuckDB with extensions, as other programs have it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import python_with

VERSION = "1.5.5"
"""The newest DuckDB that the package index has the extensions for."""


@pytest.fixture(scope="session")
def extended_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has DuckDB with the extensions `ducklake` and `httpfs`, and nothing else."""
    extensions = (f"duckdb-extension-{name}=={VERSION}" for name in ("ducklake", "httpfs"))
    return python_with(tmp_path_factory.mktemp("extended"), f"duckdb=={VERSION}", *extensions)
