"""Lakes of toy sources."""

import shutil
from pathlib import Path

import pytest

from iolake import schemas
from iolake.pipelines import registry
from iolake.warehouse import views
from iolake.warehouse.relocate import relocate
from tests.warehouse.by_hand import Loaded, first_night
from tests.warehouse.toy import TABLES, TOYS, Centre


@pytest.fixture
def all_tables() -> None:
    """Makes every declared table part of the lake."""


@pytest.fixture(autouse=True)
def toys(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy sources are the registered ones, and their tables all there are, so that a lake is made at once."""
    monkeypatch.setattr(registry, "extractors", lambda: TOYS)
    if "all_tables" not in request.fixturenames:
        monkeypatch.setattr(schemas, "tables", lambda: TABLES)
        monkeypatch.setattr(views, "sql_files", dict)


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    """A site of one file system over an empty folder."""
    return Centre(tmp_path)


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    return Loaded(str(tmp_path / "lake"))


@pytest.fixture(scope="session")
def derived_night(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """The lake of `first_night` with its marts; `fresh` copies it, because deriving takes seconds."""
    night = Loaded(str(tmp_path_factory.mktemp("night") / "lake"))
    first_night(night)
    night.derive()
    return night


@pytest.fixture
def fresh(derived_night: Loaded, tmp_path: Path) -> Loaded:
    """A lake of `first_night` whose marts are all fresh."""
    copy = Loaded(str(tmp_path / "fresh"), derived_night.inputs)
    shutil.copytree(derived_night.uri, copy.uri)
    relocate(copy.warehouse)
    return copy
