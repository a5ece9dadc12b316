"""An archive of a million files: each source that reads text ends it within bounded memory and time."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

import pytest

from iolake.pipelines.registry import extractors
from iolake.schemas.site import Site
from tests.torture.bombs import read_in_child

MEMBERS = 1_000_000
SOURCES = (
    "collectd", "flux", "gpfs_exporter", "lsf", "mmdf", "mmlsdisk", "mmlsfs", "mmperfmon", "mmpmon", "pbs",
)  # fmt: skip


@pytest.fixture(scope="module")
def archive() -> bytes:
    """A compressed tar archive of a million files of one byte."""
    member = tarfile.TarInfo("node/a.txt")
    member.size = 1
    block = member.tobuf() + b"x".ljust(512, b"\0")
    return gzip.compress(block * MEMBERS + bytes(1024), 1)


@pytest.mark.parametrize("source", SOURCES)
def test_an_archive_of_a_million_members_ends(tmp_path: Path, archive: bytes, source: str) -> None:
    """P5: one outcome, in 3 GiB and a minute of a processor."""
    (tmp_path / "2026-03-01.tar.gz").write_bytes(archive)
    where = {source: {"files": "%Y-%m-%d.tar.gz"}}
    kind = f"{extractors()[source].owner}s"
    site = Site.model_validate({"root": str(tmp_path), "lake": {"uri": str(tmp_path)}, kind: {"one": where}})
    assert read_in_child(source, site) == ""
