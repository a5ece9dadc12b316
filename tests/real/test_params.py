"""All the real dumps of parameters at once."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest

from iolake.extractors.base import Batch, Span
from iolake.extractors.params import Params
from iolake.schemas.gate import conform, in_sort_order
from iolake.schemas.site import Site


@pytest.mark.parametrize("backend", ["ai400", "ai400x2", "fs"])
def test_a_target_has_a_row_for_each_moment_in_any_of_the_files(samples: Path, backend: str) -> None:
    """Two of the files are one dump, of which one is cut short; the moments are counted by their lines alone."""
    where = "lustre_params/lctl/*.txt"
    told = re.compile(rf"^(?:obdfilter|mdt)\.{backend}-(\w+)\.(?:md_)?stats=\n?snapshot_time +([\d.]+) ", re.MULTILINE)
    moments = {found for file in samples.glob(where) for found in told.findall(file.read_text())}
    site = Site.model_validate(
        {"root": str(samples), "file_systems": {"fs": {"backend": backend, "params": {"files": where}}}}
    )
    (input,) = Params().find(site, Span())
    rows = []
    for part in Params().read(input, site):
        assert isinstance(part, Batch), part
        data = conform(part.table, pa.table(part.data), part.table.batch_schema)
        rows += in_sort_order(part.table, data, part.in_order).to_pylist()
    shown = {(row.get("ost") or row["mdt"], row["ts"]) for row in rows if row.keys() & {"ost", "mdt"}}
    assert moments
    for target, moment in moments:
        seconds, fraction = moment.split(".")
        us = int(seconds) * 1_000_000 + int(fraction) // 1000
        assert (target, pa.scalar(us, pa.timestamp("us")).as_py()) in shown
