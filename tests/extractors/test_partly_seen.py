"""Of a target that lacks one of its counts, the file system's sums are of a part: it is missing there (P12)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iolake.extractors.counters import Placement
from iolake.extractors.lustre import Sums
from tests.extractors.hdf5_files import MISSING, load, tts
from tests.extractors.test_scale_mmperfmon import read

NSDS = """\
Legend:
 1: io1|GPFSNSDDisk|lun0|gpfs_nsdds_bytes_read
 2: io1|GPFSNSDDisk|lun0|gpfs_nsdds_bytes_written

Row           Timestamp gpfs_nsdds_bytes_read gpfs_nsdds_bytes_written
  1 2026-01-05-12:01:00                  1000                      200
  2 2026-01-05-12:02:00                  null                      400
  3 2026-01-05-12:03:00                  3000                     null
  4 2026-01-05-12:04:00                  null                     null
  5 2026-01-05-12:05:00                  5000                       10
"""


def sums(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(row["read_bytes"], row["write_bytes"], row["osts_missing"]) for row in rows]


def test_of_storage_scale(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(NSDS)
    found = [(1000, 200, 0), (None, 400, 1), (3000, None, 1), (None, None, 1), (5000, 10, 0)]
    assert sums(read(tmp_path)[0]["lustre_fs"]) == found


@pytest.mark.parametrize(
    ("reads", "writes", "missing"),
    [
        ([[1.0], [MISSING], [3.0]], [[7.0], [8.0], [MISSING]], [0, 1, 1]),
        ([[1.0], [2.0], [3.0]], [[MISSING]] * 3, [0, 0, 0]),  # a quantity that nobody collected
    ],
)
def test_of_hdf5(tmp_path: Path, reads: list[Any], writes: list[Any], missing: list[int]) -> None:
    group = {"datatargets": {"readbytes": reads, "writebytes": writes}}
    tts(tmp_path / "a.hdf5", group, {"datatargets": ["OST0000"]})
    rows = load(tmp_path / "a.hdf5")[0]["lustre_fs"]
    assert [row["osts_missing"] for row in rows] == missing


def test_of_a_disk_that_tells_one_count_all_day(tmp_path: Path) -> None:
    """The sum of the other count is that of the other disk alone."""
    reads = "Legend:\n 1: io2|GPFSNSDDisk|lun1|gpfs_nsdds_bytes_read\n\nRow Timestamp gpfs_nsdds_bytes_read\n"
    rows = [f"{minute} 2026-01-05-12:0{minute}:00 7\n" for minute in (1, 5)]
    (tmp_path / "a.txt").write_text(NSDS)
    (tmp_path / "b.txt").write_text(reads + "".join(rows))
    found = {row["ts"].minute: row["osts_missing"] for row in read(tmp_path)[0]["lustre_fs"]}
    assert (found[0], found[4]) == (1, 1)


def test_of_a_counter_that_restarted() -> None:
    """What it counted before is not known: the sum is a lower bound."""
    edges = np.array([0, 60, 120, 180], np.int64)
    found = Sums.none(3, 1)
    values, every = np.array([5, 6, 7], np.int64), np.ones(3, bool)
    reset = np.array([False, True, False])
    found.add(Placement(edges[:-1], edges[1:], edges), {"read_bytes": (values, every)}, reset)
    assert (found.present.tolist(), found.amounts["read_bytes"][0].tolist()) == ([1, 0, 1], [5, 6, 7])
