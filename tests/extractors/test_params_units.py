"""Units of what Lustre servers count: bytes in any size that is known; in another unit they are null."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from iolake.extractors.base import Batch, Reject, Span
from iolake.extractors.params import Params
from tests.extractors.test_params import T, dump, site

SCALES = {"bytes": 1, "Bytes": 1, "KB": 1 << 10, "KiB": 1 << 10, "kbytes": 1 << 10, "MB": 1 << 20, "MiB": 1 << 20}
UNKNOWN = ["pages", "sectors", "1K-blocks", "reqs", "usecs/op"]


def load(root: Path, counts: list[str], unit: str) -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
    """Rows and reasons of dumps a minute apart whose target and job counted each of `counts` in a unit."""
    for number, total in enumerate(counts):
        line = f"{number + 1} samples [{unit}] 1 9 {total}"
        entry = (
            f"\n- job_id:          7\n  snapshot_time:   {T + 60 * number - 1}\n"
            "  read_bytes:      { samples: 1, unit: bytes, min: 9, max: 9, sum: 9 }\n"
            f"  write_bytes:     {{ samples: {number + 1}, unit: {unit}, min: 1, max: 9, sum: {total} }}"
        )
        (root / f"{number}.txt").write_text(dump(60 * number, {"write_bytes": line, "open": "1 samples [reqs]"}, entry))
    where = site(root)
    tables: dict[str, list[dict[str, Any]]] = {}
    reasons = []
    (input,) = Params().find(where, Span())
    for found in Params().read(input, where):
        if isinstance(found, Batch):
            tables.setdefault(found.table.name, []).extend(pa.table(found.data).to_pylist())
        elif isinstance(found, Reject):
            reasons.append(found.reason)
    return tables, reasons


@pytest.mark.parametrize(("unit", "scale"), SCALES.items())
def test_bytes_are_scaled_by_their_unit(tmp_path: Path, unit: str, scale: int) -> None:
    """P6: a size that is counted in KB is not zero bytes."""
    tables, reasons = load(tmp_path, ["3", "10"], unit)
    assert tables["lustre_ost"][0]["write_bytes"] == 7 * scale
    assert tables["lustre_fs"][0]["write_bytes"] == 7 * scale
    assert sum(row["write_bytes"] for row in tables["lustre_jobstats"]) == 10 * scale
    assert not reasons


@pytest.mark.parametrize("unit", UNKNOWN)
def test_bytes_in_a_unit_without_a_size_are_null_and_named(tmp_path: Path, unit: str) -> None:
    """P5, P6: how large a server's page is its dump does not say, so neither zero nor the count of pages is right."""
    tables, reasons = load(tmp_path, ["3", "10"], unit)
    row = tables["lustre_ost"][0]
    assert (row["write_bytes"], row["write_ops"], row["read_bytes"]) == (None, 1, 0)
    assert (tables["lustre_fs"][0]["write_bytes"], tables["lustre_fs"][0]["osts_missing"]) == (None, 1)
    jobs = tables["lustre_jobstats"]
    assert [job["write_bytes"] for job in jobs] == [None] * len(jobs)
    assert (sum(job["write_ops"] for job in jobs), sum(job["read_bytes"] for job in jobs)) == (2, 9)
    assert reasons == [f"counts write_bytes in {unit}, whose size is not known; these bytes are null"]


def test_times_are_microseconds_whatever_their_unit(tmp_path: Path) -> None:
    """P6: a time in milliseconds is not lost, and not a thousandth of itself."""
    for number, total in enumerate((5, 12)):
        (tmp_path / f"{number}.txt").write_text(dump(60 * number, {"setattr": f"{total} samples [msecs] 1 9 {total}"}))
    where = site(tmp_path)
    (input,) = Params().find(where, Span())
    batches = [found for found in Params().read(input, where) if isinstance(found, Batch)]
    (osts,) = [found for found in batches if found.table.name == "lustre_ost"]
    assert pa.table(osts.data).to_pylist()[0]["op_time_us"] == [("setattr", 7000)]
