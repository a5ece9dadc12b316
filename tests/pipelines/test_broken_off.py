"""An input that turns out to be damaged after some of its rows were yielded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from iolake.pipelines.ingest import ingest
from iolake.schemas.site import Site
from iolake.warehouse import Lake

STEPS = 1500


def day(path: Path, damaged: bool) -> None:
    """Yields two hours of a target; the second one is damaged."""
    with h5py.File(path, "w") as file:
        file.attrs["version"] = "1"
        file["datatargets/timestamps"] = 1_517_126_400 + 5 * np.arange(STEPS)
        noise = np.random.default_rng(1).integers(0, 2**40, (STEPS, 1)).astype(float)
        made = file.create_dataset("datatargets/readbytes", data=noise, chunks=(100, 1), compression="gzip")
        made.attrs["columns"] = np.array([b"fs-OST0000"])
        chunks: list[Any] = []
        made.id.chunk_iter(chunks.append)
    if damaged:
        last = max(chunks, key=lambda chunk: chunk.chunk_offset)
        content = bytearray(path.read_bytes())
        content[last.byte_offset + 2 : last.byte_offset + last.size] = bytes(last.size - 2)
        path.write_bytes(content)


def test_nothing_of_it_is_in_the_lake_and_what_was_there_stays(tmp_path: Path) -> None:
    """P1, P5: the whole input is rejected, and the reject names it."""
    where = {"lake": {"uri": str(tmp_path / "lake")}, "file_systems": {"fs": {"hdf5": {"files": "*.hdf5"}}}}
    site = Site.model_validate({"root": str(tmp_path), **where})

    def rows() -> int:
        found = Lake(site.lake_uri).sql("SELECT count(*) FROM lustre_ost").fetchall()
        return int(found[0][0])

    day(tmp_path / "a.hdf5", damaged=True)
    ingest(site, workers=0)
    assert rows() == 0
    ((reason,),) = Lake(site.lake_uri).sql("SELECT reason FROM rejects").fetchall()
    assert reason.startswith("has a damaged dataset /datatargets/readbytes (")
    day(tmp_path / "a.hdf5", damaged=False)
    ingest(site, workers=0)
    assert rows() == STEPS
    day(tmp_path / "a.hdf5", damaged=True)
    ingest(site, workers=0)
    assert rows() == STEPS
    data = list((tmp_path / "lake" / "lustre_ost").rglob("*.parquet"))
    assert len(data) == 1
