"""The real list of a Cray's nodes, and the radius of the job that pytokio's sample ran on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from iolake.extractors.topology import Topology
from iolake.pipelines.ingest import ingest
from iolake.schemas.site import Site
from iolake.warehouse import Lake
from tests.extractors.reading import everything


def test_every_node_of_the_list_is_read(samples: Path) -> None:
    """506 lines, 499 nodes."""
    owner = {"timezone": "America/Los_Angeles", "topology": {"files": "pytokio/sample.xtdb2proc.gz"}}
    site = Site.model_validate({"root": str(samples), "clusters": {"edison": owner}})
    rows, rejects, outcome = everything(Topology(), site)
    assert (len(rows["topology"]), rejects, outcome) == (499, {}, "loaded")


@pytest.fixture
def lake(samples: Path, tmp_path: Path) -> Iterator[Lake]:
    """A lake of the sample job and the list of nodes."""
    for name in ("sample.slurm", "sample.xtdb2proc.gz"):
        shutil.copy(samples / "pytokio" / name, tmp_path / name)
    owner = {
        "timezone": "America/Los_Angeles",
        "slurm": {"files": "sample.slurm"},
        "topology": {"files": "sample.xtdb2proc.gz"},
    }
    ingest(Site.model_validate({"root": str(tmp_path), "clusters": {"edison": owner}}))
    yield Lake(str(tmp_path / "lake"))


def test_the_radius_of_the_sample_job_is_what_pytokio_measures(lake: Lake) -> None:
    """128 nodes: 2.2519 at least, 8.0424 at most, 4.9131 on average."""
    columns = "nodes, nodes_placed, s.radius_min, s.radius_max, s.radius_mean"
    found = lake.sql(f"SELECT {columns} FROM job_summary s JOIN job_topology USING (cluster, run_id)").fetchall()
    assert found == [
        (
            128,
            128,
            pytest.approx(2.2518574147592583),
            pytest.approx(8.042402428155796),
            pytest.approx(4.913247095678403),
        )
    ]
