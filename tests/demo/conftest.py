"""One small centre for all tests that only read it."""

from pathlib import Path

import pytest

from iolake.demo.centre import simulate
from iolake.demo.truth import Truth
from iolake.pipelines.ingest import ingest
from iolake.schemas.site import Site
from iolake.warehouse.lake import Lake


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The centre's folder."""
    return tmp_path_factory.mktemp("demo") / "centre"


@pytest.fixture(scope="session")
def truth(root: Path) -> Truth:
    """Three days with the clock change among them, a small crowd, coarse steps, written to `root`."""
    return simulate(root, jobs=40, osts=6, files=2, step_s=60)


@pytest.fixture(scope="session")
def lake(root: Path, truth: Truth) -> Lake:
    """The lake of the shared centre; its late logs are not there yet."""
    site = Site.read(root / "site.toml")
    assert {fs.name for fs in truth.world.storages} == set(site.file_systems)
    ingest(site, workers=0)
    return Lake(site.lake_uri)
