"""The job record of a Darshan log: command line, mounts and metadata."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from iolake.demo.formats.darshan import Log, encode
from iolake.extractors.base import Batch, Input, Reject
from iolake.extractors.darshan import Darshan
from iolake.schemas.darshan import DARSHAN_LOGS, DARSHAN_MOUNTS
from iolake.schemas.site import Site
from iolake.schemas.table import Table

SITE = Site.model_validate({"clusters": {"c": {}}})


def rows_of(log: Log, table: Table, folder: Path) -> list[dict[str, Any]]:
    """A table's rows of one log, without any reject."""
    path = folder / "1.darshan"
    path.write_bytes(encode(log))
    results = list(Darshan().read_many([Input("darshan", "c", str(path))], SITE))
    assert not [result for result in results if isinstance(result, Reject)]
    batches = [result for result in results if isinstance(result, Batch) and result.table is table]
    return [row for batch in batches for row in batch.data.to_pylist()]


def test_metadata_is_a_pair_a_line_whatever_else_ends_lines(tmp_path: Path) -> None:
    pairs = {"lib_ver": "3.4.0", "h": "a\u0085b\u2028c\x0cd=e;f\r", "empty": ""}
    log = Log(job_id=1, uid=2, start_s=3, end_s=4, nprocs=5, exe="./a", metadata=pairs)
    (row,) = rows_of(log, DARSHAN_LOGS, tmp_path)
    assert (dict(row["metadata"]), row["mpi_hints"]) == (pairs, pairs["h"])


def test_a_command_line_without_mounts_is_kept_whole(tmp_path: Path) -> None:
    log = Log(job_id=1, uid=2, start_s=3, end_s=4, nprocs=5, exe="./a " + "x" * 2000, version="3.10")
    assert [row["exe"] for row in rows_of(log, DARSHAN_LOGS, tmp_path)] == [log.exe]
    assert rows_of(log, DARSHAN_MOUNTS, tmp_path) == []
