"""All the real dumps of parameters at once."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest

from iolake.extractors.base import Batch, Input, Span
from iolake.extractors.params import Params
from iolake.schemas.gate import conform, in_sort_order
from iolake.schemas.site import Site


@pytest.mark.parametrize("backend", ["ai400", "ai400x2", "fs"])
def test_a_target_has_a_row_for_each_moment_in_any_of_the_files(samples: Path, backend: str) -> None:
    """Two of the files are one dump, one of them truncated; the test counts moments from the lines alone."""
    where = "lustre_params/lctl/*.txt"
    stats = re.compile(rf"^(?:obdfilter|mdt)\.{backend}-(\w+)\.(?:md_)?stats=\n?snapshot_time +([\d.]+) ", re.MULTILINE)
    moments = {found for file in samples.glob(where) for found in stats.findall(file.read_text())}
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


def test_what_servers_also_report_lands_in_tables(samples: Path, tmp_path: Path) -> None:
    """Two file systems' dumps from lustrefs-exporter's test inputs."""
    folder = samples / "lustre_params" / "more"
    pattern = str(folder / "*.txt")
    found: dict[str, dict[str, int]] = {}
    for backend in ("ai400x2", "tesfs", "fs"):
        system = {"timezone": "UTC", "backend": backend, "params": {"files": pattern}}
        site = Site.model_validate({"file_systems": {"f": system}})
        rows: dict[str, int] = {}
        for result in Params().read(Input("params", "f", pattern), site):
            if isinstance(result, Batch):
                rows[result.table.name] = rows.get(result.table.name, 0) + result.data.num_rows
        found[backend] = rows
    assert found["ai400x2"]["lustre_changelog"] == 2
    assert found["ai400x2"]["lustre_quota"] >= 6
    assert found["ai400x2"]["lustre_export"] >= 38
    assert found["ai400x2"]["lustre_brw"] > 500
    assert found["tesfs"]["lustre_osp"] == 11
    assert found["fs"]["lustre_recovery"] == 11
    assert found["fs"]["lnet_interface"] == 3
